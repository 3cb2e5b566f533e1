"""Cityscapes: street scenes with label ids or polygons."""
