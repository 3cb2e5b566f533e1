"""Reader of Label Studio's JSON exports."""
