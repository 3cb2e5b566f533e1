"""One class per image, from folders, lists or tables."""
