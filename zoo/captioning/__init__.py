"""Captioning: regions of an image with captions, one architecture per file."""

from zoo.captioning.densecap_model import densecap

__all__ = ["densecap"]
