"""Augmentation on tf.data: one affine matrix per sample."""

from training.data.augment.augmentation import Augmentation
from training.data.augment.geometry import apply_matrix
from training.data.augment.sample_augmenting import augment
from training.data.augment.sample_mixing import combine
from training.data.augment.sample_resizing import resize_sample

__all__ = ["Augmentation", "apply_matrix", "augment", "combine", "resize_sample"]
