"""Reader of Supervisely's projects."""
