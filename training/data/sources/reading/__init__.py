"""Readers of image, label and list files, shared by all formats."""
