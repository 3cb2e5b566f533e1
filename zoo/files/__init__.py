"""Text files, file names in label files, and atomic writes."""
