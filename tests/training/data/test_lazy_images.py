"""Partially decoded and reduced images equal the whole image, and labels stay in place.

Rectangles are painted into large JPEG files; the place of their pixels on the inputs is compared
with the boxes that come out.
"""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.data.augment import Augmentation, augment, matrices
from training.data.augment.geometry import apply_matrix
from training.data.augment.lazy_image import RATIOS, LazyImage, with_channels
from training.data.sources.reading.image_files import open_image

BOXES = np.array([[130, 90, 470, 330], [610, 400, 1010, 690]], np.float32)
COLORS = ((255, 0, 0), (0, 0, 255))
SIZE = (703, 1045)


def painted(tmp_path, ending=".jpg"):
    image = np.full((*SIZE, 3), 30, np.uint8)
    for (x0, y0, x1, y1), color in zip(BOXES.astype(int), COLORS, strict=True):
        image[y0:y1, x0:x1] = color
    path = tmp_path / f"painted{ending}"
    Image.fromarray(image).save(path, quality=95, subsampling=0)
    return path


def photo(tmp_path, ending=".jpg", size=SIZE):
    """Smooth in the large and full of detail in the small, as photos are."""
    random = np.random.default_rng(0)
    image = np.zeros((*size, 3), np.float32)
    for cells in (8, 40):
        noise = random.integers(0, 255, (cells, cells, 3)).astype(np.uint8)
        image += np.asarray(Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC))
    path = tmp_path / f"photo{ending}"
    Image.fromarray((image / 2).astype(np.uint8)).save(path, quality=92)
    return path


def sample(path, lazy):
    image = open_image(tf.constant(str(path)))
    image = image if lazy else image.decode()
    return {"image": image, "boxes": tf.constant(BOXES), "labels": tf.constant([0, 1])}


def extent(image, channel):
    """xyxy of the pixels that are mostly of one color."""
    shown = (image[..., channel] > 140) & (image[..., 1] < 110)
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("scale", [1.0, 0.6, 0.45, 0.26, 0.13, 0.06])
@pytest.mark.parametrize("shift", [(0, 0), (-3.5, 11.25)])
def test_rectangles_match_their_boxes(tmp_path, ending, scale, shift):
    size = (int(SIZE[0] * scale) + 20, int(SIZE[1] * scale) + 20)
    matrix = matrices.compose(matrices.scaling(scale), matrices.translation(*shift))
    moved = apply_matrix(sample(painted(tmp_path, ending), True), matrix, size)
    for number, channel in ((0, 0), (1, 2)):
        box = moved["boxes"][number].numpy()
        found = extent(moved["image"].numpy(), channel)
        assert np.abs(found - box).max() <= 0.75, (found, box)


CHANGES = {
    "reduced": Augmentation(flip_horizontal=0.5),
    "zoomed": Augmentation(scale_jitter=(0.3, 3.0)),
    "turned": Augmentation(rotate=30, shear=10, translate=0.2, flip_vertical=0.5),
    "cropped": Augmentation(crop="random", crop_sides=(0.1, 0.4)),
    "mirrored": Augmentation(rotate=40, fill="reflect"),
    "elastic": Augmentation(elastic=4.0, fill=(10, 20, 30)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("resize", ["letterbox", "crop"])
def test_the_same_image_as_when_decoded_whole(tmp_path, change, ending, resize):
    path, augmentation = photo(tmp_path, ending), CHANGES[change]

    @tf.function(autograph=False)
    def both(seed):
        args = (seed, augmentation, (96, 128), resize)
        lazy, whole = (augment(sample(path, how), *args) for how in (True, False))
        return lazy, whole

    for number in range(4):
        lazy, whole = both(tf.constant([7, number]))
        for key in ("boxes", "labels"):
            np.testing.assert_array_equal(lazy[key], whole[key])
        # A decoder that reduces smooths a little less than the resampling of all pixels.
        difference = np.abs(lazy["image"] - whole["image"])
        spread = whole["image"].numpy().std()
        assert difference.mean() <= 0.06 * spread, (number, difference.mean(), spread)
        assert np.quantile(difference, 0.99) <= 0.3 * spread, number
        # What lies outside of the image is the same to the pixel.
        np.testing.assert_array_equal(
            np.all(lazy["image"] == augmentation.fill, -1)
            if augmentation.fill != "reflect"
            else True,
            np.all(whole["image"] == augmentation.fill, -1)
            if augmentation.fill != "reflect"
            else True,
        )


def test_only_the_visible_part_is_decoded(tmp_path):
    image = open_image(tf.constant(str(photo(tmp_path))))
    assert (int(image.height), int(image.width)) == SIZE
    pixels, _ = image.visible(matrices.scaling(0.2), (141, 209))
    assert pixels.shape == (-(-SIZE[0] // 4), -(-SIZE[1] // 4), 3)
    at = matrices.crop(500, 300)
    pixels, onto = image.visible(at, (50, 60))
    assert pixels.shape[0] < 60 and pixels.shape[1] < 70
    x, y = -onto[:2, 2].numpy()
    start = matrices.compose(matrices.translation(x, y), onto)
    np.testing.assert_allclose(start, np.eye(3), atol=1e-12)
    whole = image.decode().numpy()[300:350, 500:560]
    part = pixels.numpy()[int(y) : int(y) + 50, int(x) : int(x) + 60]
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_reduced_image_equals_the_file(tmp_path, ratio):
    path = photo(tmp_path)
    image = open_image(tf.constant(str(path)))
    reduced = image.reduced(tf.constant([1 / ratio, 0.9 / ratio], tf.float64))
    assert int(reduced.ratio) == ratio and reduced.contents is None
    assert reduced.pixels.shape[:2] == tuple(-(-side // ratio) for side in SIZE)
    matrix = matrices.compose(matrices.scaling(0.9 / ratio), matrices.translation(-20, -10))
    for given, expected in zip(
        reduced.visible(matrix, (60, 50)), image.visible(matrix, (60, 50)), strict=True
    ):
        # At the edge of a part, colors stored at half the size are completed a little otherwise.
        trim = slice(2, -2) if given.shape.rank == 3 else slice(None)
        np.testing.assert_allclose(given[trim, trim], expected[trim, trim], atol=1e-9)


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("reduced", [False, True])
def test_grey(tmp_path, ending, reduced):
    path = str(photo(tmp_path, ending))
    whole = with_channels(open_image(tf.constant(path)), 1).decode()
    assert whole.shape == (*SIZE, 1)

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def part(name):  # sizes are not known in a graph
        image = with_channels(open_image(name), 1)
        image = image.reduced(tf.ones(2, tf.float64)) if reduced else image
        return image.visible(matrices.identity(), SIZE)[0]

    np.testing.assert_array_equal(part(path), whole)


def test_a_target_outside_of_the_image(tmp_path):
    moved = apply_matrix(
        sample(photo(tmp_path), True), matrices.translation(5000, 0), (40, 50), fill=7.0
    )
    assert np.all(moved["image"] == 7.0) and np.all(moved["labels"] == -1)


def turned(tmp_path, orientation, size=SIZE):
    """A photo that is stored as the EXIF orientation says."""
    path = photo(tmp_path, ".jpg", size)
    data = Image.Exif()
    data[0x0112] = orientation
    with Image.open(path) as image:
        image.save(path, quality=92, exif=data.tobytes(), subsampling=0)
    return path


def test_parts_of_turned_images(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((3, 3), tf.float64)])
    def opened(path, matrix):
        image = open_image(path)
        assert image.contents is not None
        return (image.decode(), *image.visible(matrix, (50, 60)))

    for orientation in range(1, 9):
        path = tf.constant(str(turned(tmp_path, orientation)))
        whole, part, onto = opened(path, matrices.crop(500, 300))
        assert whole.shape[:2] == (SIZE if orientation < 5 else SIZE[::-1]), orientation
        assert part.shape[0] < 60 and part.shape[1] < 70
        x, y = (-onto[:2, 2]).numpy().astype(int)
        np.testing.assert_array_equal(
            part[y : y + 50, x : x + 60], whole[300:350, 500:560], err_msg=str(orientation)
        )
        # A reduction must not shift the image; the sides are odd here, so there is none.
        part, onto = opened(path, matrices.scaling(0.2))[1:]
        assert (onto[0, 0] == 0.2) == (orientation > 1)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_a_reduced_turned_image_is_not_shifted(tmp_path, orientation):
    size = (160, 248)
    image = open_image(tf.constant(str(turned(tmp_path, orientation, size))))
    whole = image.decode().numpy().astype(float)
    reduced = image.reduced(tf.constant([0.25, 0.25], tf.float64))
    assert int(reduced.ratio) == 4
    high, wide = (side // 4 for side in whole.shape[:2])
    mean = whole.reshape(high, 4, wide, 4, 3).mean((1, 3))
    assert np.abs(reduced.pixels.numpy() - mean).mean() < 2
    shifted = np.abs(reduced.pixels.numpy()[:, 1:] - mean[:, :-1]).mean()
    assert shifted > 4


@pytest.mark.parametrize("size", [400, -2, -3000])
def test_a_damaged_file_is_an_error(tmp_path, size):
    path = tmp_path / "cut.jpg"
    path.write_bytes(photo(tmp_path).read_bytes()[:size])
    with pytest.raises(tf.errors.InvalidArgumentError):
        image = open_image(tf.constant(str(path)))
        # The part that is shown is not damaged.
        image.visible(matrices.identity(), (10, 10))


def test_pixels_need_no_file():
    pixels = tf.zeros((4, 5, 3), tf.uint8)
    image = LazyImage(tf.constant(8), tf.constant(10), pixels=pixels, ratio=tf.constant(2))
    part, onto = image.visible(matrices.identity(), (8, 10), whole=True)
    assert part.shape == (4, 5, 3)
    np.testing.assert_allclose(onto, np.diag([2, 2, 1]))
