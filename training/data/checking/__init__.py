"""Checking a data set before any time is spent on training with it.

`check` goes through a data set once and says what is in it and what is wrong with it.
"""

from training.data.checking.box_shapes import object_shapes
from training.data.checking.data_report import Report, check
from training.data.checking.sample_reading import Reading, read

__all__ = ["Reading", "Report", "check", "object_shapes", "read"]
