"""Images of one class each, from folders, lists or tables."""
