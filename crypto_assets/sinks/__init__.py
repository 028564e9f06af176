"""The door out: one destination a file."""
