"""Reader of CreateML's JSON files."""
