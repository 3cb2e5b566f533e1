"""Reader of labelme's JSON files."""
