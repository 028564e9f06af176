"""The words of the field and the schemas of every table."""
