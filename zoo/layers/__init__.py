"""Layers, one idea of the field a file."""
