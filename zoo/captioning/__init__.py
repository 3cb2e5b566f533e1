"""Captioning: regions of an image and a sentence about each, one architecture a file."""

from zoo.captioning.densecap_model import densecap

__all__ = ["densecap"]
