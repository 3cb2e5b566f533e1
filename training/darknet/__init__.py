"""Darknet's own files: `.weights` read and written, `.cfg` made into a model."""

from training.darknet.cfg import parse_cfg, read_cfg
from training.darknet.weights import Header, read_weights, write_weights

__all__ = ["Header", "parse_cfg", "read_cfg", "read_weights", "write_weights"]
