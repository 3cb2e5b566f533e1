"""Samples cached between epochs, in memory or on disk."""
