"""Augmentation on tf.data: one matrix per sample, proved by geometry."""

from training.augment.augmentation import Augmentation
from training.augment.combine import check_keys, combine, partners
from training.augment.geometry import apply_matrix
from training.augment.placing import place
from training.augment.policy import augment

__all__ = [
    "Augmentation",
    "apply_matrix",
    "augment",
    "check_keys",
    "combine",
    "partners",
    "place",
]
