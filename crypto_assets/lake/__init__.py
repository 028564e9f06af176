"""The door to the disk: where files lie, how they become final, how they are read."""
