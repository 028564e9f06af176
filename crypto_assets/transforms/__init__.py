"""Pure functions from frames to frames."""
