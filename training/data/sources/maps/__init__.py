"""Class maps and instance maps, one file per image."""
