"""Data sets and the input pipeline, from a file to a batch."""
