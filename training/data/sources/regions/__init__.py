"""Visual Genome's region descriptions."""
