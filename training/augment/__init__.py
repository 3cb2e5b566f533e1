"""Augmentation on tf.data: one matrix per sample, proved by geometry."""

from training.augment.augmentation import Augmentation
from training.augment.geometry import apply_matrix
from training.augment.policy import augment, place

__all__ = ["Augmentation", "apply_matrix", "augment", "place"]
