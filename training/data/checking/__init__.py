"""Checks of a data set before training: its contents and its defects."""

from training.data.checking.box_shapes import object_shapes
from training.data.checking.data_report import Report, check
from training.data.checking.near_duplicates import SameImage
from training.data.checking.sample_loading import LoadedSample, load_samples

__all__ = ["LoadedSample", "Report", "SameImage", "check", "load_samples", "object_shapes"]
