"""Transposed convolution with explicit cropping.

A transposed convolution has (in − 1)·stride + kernel output pixels. Libraries crop them
differently, by up to one pixel.
"""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import InputError
from zoo.layers.shapes import check_map, check_positive


@keras.saving.register_keras_serializable(package="zoo")
class TransposedConv2D(keras.layers.Layer):
    """The adjoint of a strided convolution, on maps (N, H, W, C).

    Args:
        filters: channels of the result.
        kernel_size: side of the kernel, in pixels.
        stride: stride, in pixels.
        padding: `"same"` for `stride` times the size of the input, the adjoint of a convolution
            with its odd padding at the bottom and right; or the number p of lines cropped on all
            sides as in PyTorch, for (in − 1)·stride − 2p + kernel + output_padding.
        output_padding: lines not cropped (or added) at the bottom and right.
        use_bias: whether to add a bias.
        activation: activation, as in `keras.layers.Conv2D`.
        kernel_initializer: initializer of the kernel (k, k, out, in).
        kernel_regularizer: regularizer of the kernel.

    Raises:
        InputError: if arguments contradict each other or the result has no pixels.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 2,
        *,
        padding: str | int = "same",
        output_padding: int = 0,
        use_bias: bool = True,
        activation=None,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_positive(filters, "filters")
        self.kernel_size = check_positive(kernel_size, "kernel_size")
        self.stride = check_positive(stride, "stride")
        self.padding = padding
        self.output_padding = output_padding
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.crop = self._crop()

    def _crop(self) -> tuple[int, int]:
        """Lines to crop at the top and left, and at the bottom and right (below 0: to add)."""
        k, s, p = self.kernel_size, self.stride, self.padding
        if p == "same":
            if self.output_padding:
                raise InputError(
                    f"output_padding must be 0 with padding='same', not {self.output_padding}."
                )
            total = k - s
            return max(total, 0) // 2, total - max(total, 0) // 2
        if not isinstance(p, int) or isinstance(p, bool) or p < 0:
            raise InputError(f"padding must be 'same' or a number of at least 0, not {p!r}.")
        if not 0 <= self.output_padding < s:
            raise InputError(
                f"output_padding must be from 0 to {s - 1}, not {self.output_padding!r}."
            )
        return p, p - self.output_padding

    def build(self, input_shape):
        channels = check_map(input_shape, "TransposedConv2D")[3]
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.kernel_size, self.filters, channels),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        maps = self._transposed_convolution(inputs)
        if self.use_bias:
            maps = maps + self.bias
        return self.activation(maps)

    def _transposed_convolution(self, x):
        k, s = self.kernel_size, self.stride
        before, after = self.crop
        # The backend's own "same" crops equally, without a copy.
        same = k >= s and before == (k - s) // 2 and before + after == k - s
        padding = "same" if same else "valid"
        maps = ops.conv_transpose(x, self.kernel, s, padding, data_format="channels_last")
        if same:
            return maps
        extra = max(k, s) - k
        after += extra
        if after < 0:
            maps = ops.pad(maps, [[0, 0], [0, -after], [0, -after], [0, 0]])
        end = -after if after > 0 else None
        return maps[:, before:end, before:end]

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = check_map(input_shape, "TransposedConv2D")
        return batch, self._side(height), self._side(width), self.filters

    def macs(self, input_shape, output_shape) -> int:
        """Returns the multiply-accumulate operations per image: one kernel per input pixel."""
        _, height, width, channels = input_shape
        return height * width * channels * self.filters * self.kernel_size**2

    def _side(self, side: int | None) -> int | None:
        if side is None:
            return None
        out = (side - 1) * self.stride + self.kernel_size - sum(self.crop)
        if out < 1:
            raise InputError(
                f"padding {self.padding} leaves no pixels of a side of {side} with kernel "
                f"{self.kernel_size} and stride {self.stride}; use a smaller padding."
            )
        return out

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
