"""Everything from a file to a batch."""
