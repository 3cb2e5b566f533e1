"""Reader of tables of boxes."""
