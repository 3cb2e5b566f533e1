"""Tensors of any backend as NumPy arrays."""

import keras
import numpy as np


def to_array(tensor):
    """Returns a writable copy."""
    return np.array(keras.ops.convert_to_numpy(tensor))


def to_arrays(tensors):
    """Returns the arrays of a dictionary of tensors."""
    return {key: to_array(value) for key, value in tensors.items()}
