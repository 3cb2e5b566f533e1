"""Darknet's files: models from `.cfg` files, weights from and to `.weights` files."""

from zoo.darknet.cfg_files import parse_cfg, read_cfg
from zoo.darknet.darknet_model import darknet
from zoo.darknet.weight_files import Header, read_weights, write_weights

__all__ = ["Header", "darknet", "parse_cfg", "read_cfg", "read_weights", "write_weights"]
