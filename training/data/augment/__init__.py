"""Augmentation on tf.data: one matrix per sample, proved by geometry."""

from training.data.augment.augmentation import Augmentation
from training.data.augment.augmenting import augment
from training.data.augment.combining import check_keys, combine, partners
from training.data.augment.geometry import apply_matrix
from training.data.augment.letterboxing import place

__all__ = [
    "Augmentation",
    "apply_matrix",
    "augment",
    "check_keys",
    "combine",
    "partners",
    "place",
]
