"""`zoo compare`."""
