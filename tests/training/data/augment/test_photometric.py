"""Photometric changes against small sums done by hand and against SciPy."""

import colorsys

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from training.data.augment import Augmentation, augment, photometric
from training.data.augment.photometric import ColorMatrix, channel_means


def brightness(image, delta):
    return ColorMatrix.identity(image).brightness(delta).apply(image)


def contrast(image, factor, valid=None):
    return ColorMatrix.identity(image).contrast(factor, channel_means(image, valid)).apply(image)


def saturation(image, factor):
    return ColorMatrix.identity(image).saturation(factor).apply(image)


CHANGES = {
    "brightness": lambda x: brightness(x, 0.3),
    "contrast": lambda x: contrast(x, 1.5),
    "gamma": lambda x: photometric.gamma(x, 0.7),
    "gaussian_noise": lambda x: photometric.gaussian_noise(x, 40.0, (1, 2)),
    "blur": lambda x: photometric.blur(x, 1.3),
}
COLOR_CHANGES = {
    "saturation": lambda x: saturation(x, 1.7),
    "hue": lambda x: photometric.hue(x, 0.2),
}


def make_image(channels=3, height=9, width=12):
    random = np.random.default_rng(channels)
    return random.integers(0, 256, (height, width, channels)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("name", CHANGES)
def test_bytes_in_floats_out_for_any_channels(name, channels):
    image = make_image(channels)
    changed = CHANGES[name](image)
    assert changed.dtype == tf.float32 and changed.shape == image.shape
    assert float(tf.reduce_min(changed)) >= 0 and float(tf.reduce_max(changed)) <= 255
    assert np.abs(changed - image.astype(np.float32)).max() > 1
    np.testing.assert_array_equal(changed, CHANGES[name](image.astype(np.float32)))


@pytest.mark.parametrize("name", COLOR_CHANGES)
def test_color_changes_need_three_channels(name):
    assert COLOR_CHANGES[name](make_image()).dtype == tf.float32
    with pytest.raises(ValueError, match=f"{name} needs an image with 3 channels, not 1"):
        COLOR_CHANGES[name](make_image(1))


def test_by_hand():
    image = np.array([[0, 100], [200, 40]], np.float32)[..., None]
    np.testing.assert_allclose(brightness(image, 0.2)[..., 0], [[51, 151], [251, 91]], atol=1e-4)
    np.testing.assert_allclose(
        contrast(image, 0.5)[..., 0], [[42.5, 92.5], [142.5, 62.5]], atol=1e-4
    )
    np.testing.assert_allclose(
        contrast(image, 2.0, valid=image[..., 0] < 150)[..., 0],
        [[0, 153.3333], [255, 33.3333]],
        atol=1e-3,
    )
    np.testing.assert_allclose(photometric.gamma(image, 2.0)[0, 1, 0], 100**2 / 255, rtol=1e-5)


def test_saturation_zero_is_grey_and_one_changes_nothing():
    image = make_image().astype(np.float32)
    grey = np.asarray(saturation(image, 0.0))
    np.testing.assert_allclose(grey[..., 0], image @ [0.299, 0.587, 0.114], atol=1e-3)
    np.testing.assert_allclose(grey[..., 0], grey[..., 2])
    np.testing.assert_allclose(saturation(image, 1.0), image, atol=1e-3)


@pytest.mark.parametrize("turn", [0.0, 0.1, -0.25, 1 / 3])
def test_hue_equals_colorsys(turn):
    image = make_image()
    expected = np.empty(image.shape)
    for place in np.ndindex(image.shape[:2]):
        h, s, v = colorsys.rgb_to_hsv(*(image[place] / 255.0))
        expected[place] = colorsys.hsv_to_rgb((h + turn) % 1.0, s, v)
    np.testing.assert_allclose(photometric.hue(image, turn), expected * 255, atol=0.01)


@pytest.mark.parametrize("sigma", [0.6, 1.7])
def test_blur_equals_scipy_over_the_pixels_that_exist(sigma):
    image = make_image(2, 25, 31).astype(np.float64)
    radius = int(np.ceil(3 * sigma))
    options = {"sigma": sigma, "mode": "constant", "radius": radius, "axes": (0, 1)}
    expected = scipy.ndimage.gaussian_filter(image, **options)
    expected /= scipy.ndimage.gaussian_filter(np.ones_like(image), **options)
    np.testing.assert_allclose(photometric.blur(image, sigma), expected, atol=0.01)


def test_blur_of_nothing_and_of_small_images():
    image = make_image()
    np.testing.assert_array_equal(photometric.blur(image, tf.constant(0.0), radius=3), image)
    np.testing.assert_allclose(photometric.blur(np.full((2, 1, 1), 80.0), 4.0), 80, rtol=1e-5)
    with pytest.raises(ValueError, match="radius is missing"):
        photometric.blur(image, tf.constant(1.0))


def test_noise_has_the_given_deviation_and_depends_on_the_seed():
    flat = np.full((64, 64, 3), 128, np.uint8)
    noisy = photometric.gaussian_noise(flat, 10.0, (4, 5))
    assert abs(np.std(noisy) - 10) < 0.3 and abs(np.mean(noisy) - 128) < 0.3
    np.testing.assert_array_equal(noisy, photometric.gaussian_noise(flat, 10.0, (4, 5)))
    assert np.any(noisy != photometric.gaussian_noise(flat, 10.0, (4, 6)))


def test_labels_and_padding_are_left_alone():
    sample = {
        "image": make_image(3, 10, 20),
        "segmentation": np.ones((10, 20), np.int32),
        "boxes": np.array([[1, 1, 5, 5]], np.float32),
        "labels": np.array([2], np.int32),
    }
    augmentation = Augmentation(
        brightness=0.3, contrast=0.3, gamma=0.3, saturation=0.3, hue=0.1, noise=9, blur=1, fill=7.0
    )
    plain = augment(sample, (1, 1), Augmentation(fill=7.0), (20, 20))
    varied = augment(sample, (1, 1), augmentation, (20, 20))
    for key in ("segmentation", "boxes", "labels"):
        np.testing.assert_array_equal(plain[key], varied[key])
    np.testing.assert_array_equal(varied["image"][10:], np.full((10, 20, 3), 7.0))
    assert np.abs(plain["image"][:10] - varied["image"][:10]).mean() > 1
    assert (
        0 <= float(tf.reduce_min(varied["image"])) <= float(tf.reduce_max(varied["image"])) <= 255
    )


def test_draws_cover_their_range():
    image = np.full((2, 2, 1), 100.0, np.float32)
    augmentation = Augmentation(brightness=0.2)
    vary = tf.function(lambda seed: augment({"image": image}, seed, augmentation, (2, 2))["image"])
    shifts = [float(vary(tf.constant([seed, 0]))[0, 0, 0]) - 100 for seed in range(200)]
    assert -51 <= min(shifts) < -45 and 45 < max(shifts) <= 51 and abs(np.mean(shifts)) < 6


def test_a_composed_color_matrix_equals_single_steps():
    """Without clipping between the steps, as in this image of mid-greys."""
    image = 100 + make_image(3, 20, 24).astype(np.float32) / 8
    valid = np.arange(24)[None] < 20 + 0 * np.arange(20)[:, None]
    one = brightness(image, -0.1)
    one = saturation(contrast(one, 1.4, valid), 0.3)
    matrix = ColorMatrix.identity(image).brightness(-0.1)
    matrix = matrix.contrast(1.4, channel_means(image, valid)).saturation(0.3)
    np.testing.assert_allclose(matrix.apply(image), one, atol=1e-3)
    assert np.ptp(np.asarray(one)) > 5


@pytest.mark.parametrize("height", [20, 26])  # without and with padding
def test_combined_photometric_changes_equal_single_ones(height):
    image = 100 + make_image(3, 20, 24).astype(np.float32) / 8

    def changed(**augmentation):
        return np.asarray(
            augment({"image": image}, (3, 4), Augmentation(**augmentation), (height, 24))["image"]
        )[:20]

    delta = np.mean(changed(brightness=0.1) - image)
    factor = np.std(changed(contrast=0.4)) / np.std(image)
    colors = np.std(away(changed(saturation=0.7))) / np.std(away(image))
    assert min(abs(delta), 10 * abs(factor - 1), 10 * abs(colors - 1)) > 0.1
    expected = image + delta
    middle = expected.mean((0, 1))
    expected = middle + (expected - middle) * factor
    expected = expected - away(expected) * (1 - colors)
    found = changed(brightness=0.1, contrast=0.4, saturation=0.7)
    np.testing.assert_allclose(found, expected, atol=0.5)


def away(image):
    """From each pixel's grey."""
    return image - (image @ [0.299, 0.587, 0.114])[..., None]
