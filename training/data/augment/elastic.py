"""Elastic deformation of U-Net: smooth displacements interpolated from a coarse random grid.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015: random displacement vectors on a 3x3 grid, Gaussian with a standard deviation of
10 pixels, interpolated to every pixel with bicubic weights.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from training.data.augment.resampling import Size, pixel_centers
from zoo.errors import InputError

# Below 1 the field is one-to-one, so labels cannot fold over, and points can be inverted.
STEEPEST = 0.7
INVERSION_STEPS = 50
INVERSION_TOLERANCE = 1e-5


def cubic_weights(position: tf.Tensor, nodes: int) -> tf.Tensor:
    """Returns (..., nodes) float64 weights of Keys' cubic convolution (a = -1/2).

    `position` (...,) is in grid steps, node k at k; the border nodes are repeated outwards.
    """
    position = tf.clip_by_value(position, 0.0, float(nodes - 1))[..., None]
    taps = tf.range(-2, nodes + 2, dtype=tf.float64)
    distance = tf.abs(position - taps)
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    weights = tf.where(distance < 1, near, tf.where(distance < 2, far, 0.0))
    first = tf.reduce_sum(weights[..., :3], axis=-1, keepdims=True)
    last = tf.reduce_sum(weights[..., -3:], axis=-1, keepdims=True)
    return tf.concat([first, weights[..., 3:-3], last], axis=-1)


@dataclasses.dataclass(frozen=True)
class ElasticField:
    """Displacements d of a target image: its point p is sampled at p + d(p).

    Attributes:
        grid: (G, G, 2) float64 displacements dx, dy in pixels at nodes spread from edge to edge.
        size: height and width of the target in pixels.
    """

    grid: tf.Tensor
    size: Size

    @property
    def nodes(self) -> int:
        return self.grid.shape[0]

    def _weights(self, coordinate: tf.Tensor, length: int) -> tf.Tensor:
        return cubic_weights(coordinate * ((self.nodes - 1) / length), self.nodes)

    def at(self, points: tf.Tensor) -> tf.Tensor:
        """Returns (..., 2) float64 displacements at (..., 2) target points x, y."""
        across = self._weights(points[..., 0], self.size[1])
        down = self._weights(points[..., 1], self.size[0])
        return tf.einsum("...i,...j,ijc->...c", down, across, self.grid)

    def displacements(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns dx and dy, each (H, W) float64, at every pixel center of the target."""
        x, y = pixel_centers(self.size)
        across = self._weights(x[0], self.size[1])
        down = self._weights(y[:, 0], self.size[0])
        dx, dy = (
            tf.linalg.matmul(tf.linalg.matmul(down, self.grid[..., axis]), across, transpose_b=True)
            for axis in (0, 1)
        )
        return dx, dy

    def forward(self, points: tf.Tensor) -> tf.Tensor:
        """Solves p + d(p) = point for (..., 2) float64 points by fixed-point iteration."""

        def unsettled(moved: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
            return tf.reduce_any(tf.abs(change) > INVERSION_TOLERANCE)

        def step(moved: tf.Tensor, change: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            after = points - self.at(moved)
            return after, after - moved

        state = (points, tf.ones_like(points))
        return tf.while_loop(unsettled, step, state, maximum_iterations=INVERSION_STEPS)[0]


def elastic_field(seed: tf.Tensor, sigma: float, size: Size, nodes: int = 3) -> ElasticField:
    """Draws `nodes` x `nodes` Gaussian displacements of standard deviation `sigma` pixels.

    A field that is not one-to-one is scaled down.
    """
    if sigma < 0:
        raise InputError(f"sigma must be at least 0 pixels, not {sigma}.")
    if nodes < 2:
        raise InputError(f"nodes must be at least 2 per side, not {nodes}.")
    grid = tf.random.stateless_normal((nodes, nodes, 2), seed, stddev=sigma, dtype=tf.float64)
    steepness = _steepness(ElasticField(grid, size))
    return ElasticField(grid * tf.minimum(STEEPEST / tf.maximum(steepness, 1e-12), 1.0), size)


def _steepness(field: ElasticField) -> tf.Tensor:
    """Returns an upper bound of the field's slope, in pixels per pixel, from a fine net."""
    rows, columns = field.size
    net = 8 * (field.nodes - 1) + 1
    steps = [tf.linspace(tf.constant(0.0, tf.float64), side, net) for side in (columns, rows)]
    values = field.at(tf.stack(tf.meshgrid(*steps), axis=-1))
    along_x = (values[:, 1:] - values[:, :-1]) * ((net - 1) / columns)
    along_y = (values[1:] - values[:-1]) * ((net - 1) / rows)
    steepest = [tf.reduce_max(tf.reduce_sum(slope**2, axis=-1)) for slope in (along_x, along_y)]
    return tf.sqrt(tf.add_n(steepest))
