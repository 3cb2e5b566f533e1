"""Nearly the same image in two splits is a defect, and other images are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from training.data.checking import check
from training.data.checking.near_duplicates import HashIndex, _nearest, perceptual_hash
from training.data.sources import open_source
from zoo_cli import main


def photo(number, size=(160, 120)):
    """Returns a random image with structure of all sizes, as photos have."""
    rng, total = np.random.default_rng(number), 0.0
    for side in (3, 6, 12, 24, 48):
        cells = Image.fromarray(rng.integers(0, 255, (side, side, 3)).astype(np.uint8))
        total += np.asarray(cells.resize(size, Image.Resampling.BICUBIC), np.float32) / side
    values = total - total.min()
    return Image.fromarray((values * 255 / values.max()).astype(np.uint8))


def compressed(image):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=40)
    return Image.open(content).convert("RGB")


def bits(first, second):
    pair = [perceptual_hash(np.asarray(image)) for image in (first, second)]
    return int(np.bitwise_count(pair[0] ^ pair[1]).sum())


@pytest.mark.parametrize("number", range(3))
def test_copies_have_nearly_the_same_hash(number):
    image = photo(number)
    assert bits(image, image) == 0
    for copy in (
        compressed(image),
        image.resize((90, 70)),
        image.resize((500, 380)),
        ImageEnhance.Brightness(image).enhance(1.1),
    ):
        assert bits(image, copy) <= 28
    assert bits(image, photo(number + 10)) > 60


def test_images_of_one_color_have_no_hash():
    assert perceptual_hash(np.full((20, 30, 3), 7, np.uint8)) is None
    assert perceptual_hash(np.zeros((20, 30, 3), np.float32)) is None
    grey = np.asarray(photo(0).convert("L"))[..., None]
    assert perceptual_hash(grey) is not None


def test_the_nearest_hash_is_found():
    rng = np.random.default_rng(0)
    others = rng.integers(0, 2**63, (3000, 4), dtype=np.uint64)
    images = rng.integers(0, 2**63, (2000, 4), dtype=np.uint64)
    images[5], images[7] = others[9], others[2999] ^ np.uint64(0b11)
    others[4] = others[9] ^ np.uint64(1)
    found, indices = _nearest(images, others)
    assert np.flatnonzero(found <= 28).tolist() == [5, 7]
    assert (found[5], indices[5], found[7], indices[7]) == (0, 9, 8, 2999)
    index = HashIndex()
    index.add("train", 3, "a", others[9])
    index.add("val", 0, "b", images[6])
    index.add("val", 1, "c", others[4])
    (same,) = index.near_duplicates()
    assert (same.split, same.index, same.other_name, same.bits) == ("val", 1, "a", 4)


def test_in_a_data_set(tmp_path, capsys):
    for split, numbers in (("train", range(4)), ("val", range(4, 8))):
        for part in ("images", "masks"):
            (tmp_path / part / split).mkdir(parents=True)
        for number in numbers:
            image = {5: photo(1), 6: compressed(photo(2).resize((130, 100)))}.get(number)
            image = photo(number) if image is None else image
            image.save(tmp_path / "images" / split / f"{number}.png")
            values = np.arange(image.width * image.height).reshape(image.height, image.width) % 2
            Image.fromarray(values.astype(np.uint8)).save(
                tmp_path / "masks" / split / f"{number}.png"
            )
    source = open_source(f"masks:{tmp_path}")
    report = check(source, ["train", "val"])
    (exact, near) = map(str, report.defects)
    assert "val/5.png: the same image as" in exact and "train/1.png in train" in exact
    assert "val/6.png: nearly the same image as" in near and "train/2.png in train" in near
    assert [(same.index, same.other_index) for same in report.same_images] == [(1, 1), (2, 2)]
    assert check(source, ["train", "val"], labels_only=True).defects == []
    assert main(["data", f"masks:{tmp_path}", "--out", str(tmp_path / "sheet.png")]) == 1
    page = tmp_path / "sheet.duplicates.png"
    assert str(page) in capsys.readouterr().err
    with Image.open(page) as pairs:
        assert pairs.width > 2 * 160 and pairs.height > 2 * 120
