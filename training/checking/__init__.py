"""Checking a data set before any time is spent on training with it.

`check` goes through a data set once and says what is in it and what is wrong with it.
"""

from training.checking.examine import Report, check
from training.checking.reading import Reading, read
from training.checking.shapes import object_shapes

__all__ = ["Reading", "Report", "check", "object_shapes", "read"]
