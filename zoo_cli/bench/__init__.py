"""`zoo bench`."""
