"""`cityscapes:` and `ade20k:` read the folders of the data sets as they are unpacked."""

import json

import numpy as np
import pytest
from PIL import Image

from training.data.checking import check
from training.data.sources import open_source
from training.data.sources.cityscapes.cityscapes_labels import CLASS_OF_ID, CLASSES
from zoo.errors import InputError

SIZE = (30, 24)
LEFT, FINE = "leftImg8bit", "gtFine"


def image(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(noise).save(path)


def values_of(rows):
    """Returns a map with one value per row, the last one to the end."""
    return np.repeat(np.array(rows, np.uint8)[:, None], SIZE[0], 1)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def polygons(objects):
    objects = [{"label": label, "polygon": points} for label, points in objects]
    return {"imgWidth": SIZE[0], "imgHeight": SIZE[1], "objects": objects}


def write_cityscapes(root):
    """Writes three images of train, with each kind of labels, and one each of val and test."""
    rows = [7, 8, 24, 26, 33, 0, 4, 29] * 3
    for number, (split, city) in enumerate(
        [
            ("train", "aachen"),
            ("train", "bonn"),
            ("train", "bonn"),
            ("val", "ulm"),
            ("test", "köln"),
        ]
    ):
        name = f"{city}_{number:06}_000019"
        image(root / LEFT / split / city / f"{name}_{LEFT}.png", number)
        labels = root / FINE / split / city / f"{name}_{FINE}"
        labels.parent.mkdir(parents=True, exist_ok=True)
        if number in (0, 3):
            save(labels.with_name(f"{labels.name}_labelIds.png"), values_of(rows))
            save(labels.with_name(f"{labels.name}_instanceIds.png"), values_of(rows))
        elif number == 1:
            trained = np.array([CLASS_OF_ID[value] for value in rows])
            save(labels.with_name(f"{labels.name}_labelTrainIds.png"), values_of(trained))
        elif number == 4:
            save(labels.with_name(f"{labels.name}_labelIds.png"), values_of([0] * SIZE[1]))
        content = polygons([("road", [[0, 0], [29, 0], [29, 23], [0, 23]])])
        if number == 2:
            content = polygons(
                [
                    ("sky", [[0, 0], [29, 0], [29, 9], [0, 9]]),
                    ("cargroup", [[5, 5], [9, 5], [9, 12], [5, 12]]),
                    ("license plate", [[6, 6], [8, 6], [8, 8], [6, 8]]),
                    ("parking", [[20, 5], [29, 5], [29, 12], [20, 12]]),
                ]
            )
        labels.with_name(f"{labels.name}_polygons.json").write_text(json.dumps(content))
    return root


def read(source, split):
    return {name.rpartition("/")[2][:9]: s["segmentation"] for name, s in source.samples(split)}


def test_cityscapes(tmp_path):
    source = open_source(f"cityscapes:{write_cityscapes(tmp_path)}")
    assert source.sizes == {"train": 3, "val": 1} and source.defects == []
    assert source.notes == ["the labels of test are not public, so test is not read."]
    assert source.class_names == CLASSES and len(CLASSES) == 19
    found = read(source, "train")
    expected = values_of([0, 1, 11, 13, 18, 255, 255, 255] * 3)
    np.testing.assert_array_equal(found["aachen_00"], expected)
    train_ids, drawn = (s["segmentation"] for n, s in source.samples("train") if "bonn" in n)
    np.testing.assert_array_equal(train_ids, expected)
    # Outlines belong to polygons; later polygons are in front, and the plate is not drawn.
    expected = np.full((24, 30), 255)
    expected[:10] = CLASSES.index("sky")
    expected[5:13, 5:10] = CLASSES.index("car")
    expected[5:13, 20:] = 255
    np.testing.assert_array_equal(drawn, expected)


def test_cityscapes_without_labels_or_with_unknown_ones(tmp_path):
    write_cityscapes(tmp_path)
    for path in (tmp_path / FINE / "train/aachen").iterdir():
        path.unlink()
    source = open_source(f"cityscapes:{tmp_path}")
    (defect,) = source.defects
    assert "aachen_000000_000019_leftImg8bit.png: no labels in gtFine" in str(defect)
    assert source.sizes["train"] == 2 and defect.unused == "image"
    dropped = open_source(f"cityscapes:{tmp_path}?missing=drop")
    assert dropped.defects == []
    assert "missing=drop: 1 images of train have no labels." in dropped.notes
    path = next((tmp_path / FINE).glob("train/bonn/*2_000019*_polygons.json"))
    path.write_text(json.dumps(polygons([("raod", [[0, 0], [9, 0], [9, 9]])])))
    ids = next((tmp_path / FINE).glob("val/ulm/*_labelIds.png"))
    save(ids, values_of([7] * 23 + [99]))
    found = [str(defect) for defect in check(source, list(source.sizes)).defects]
    assert any("object 1: unknown label 'raod'; did you mean 'road'?" in text for text in found)
    assert any("has the value 99 in 30 pixels" in text for text in found)
    with pytest.raises(InputError, match="no folder gtCoarse"):
        open_source(f"cityscapes:{tmp_path}?labels=gtCoarse")


@pytest.mark.parametrize("names", [True, False])
def test_ade20k(tmp_path, names):
    root = tmp_path / "ADEChallengeData2016"
    rows = [0, 1, 2, 150] * 6
    for number, split in enumerate(("training", "training", "validation")):
        name = f"ADE_{split[:5]}_{number:08}"
        image(root / f"images/{split}/{name}.png", number)
        save(root / f"annotations/{split}/{name}.png", values_of(rows))
    if names:
        lines = ["Idx\tRatio\tTrain\tVal\tName", "1\t0.1\t9\t9\twall", "2\t0.1\t9\t9\tscreen, crt"]
        lines += [f"{i}\t0.01\t9\t9\tthing {i}, other" for i in range(3, 150)]
        (root / "objectInfo150.txt").write_text("\n".join([*lines, "150\t0\t1\t1\tscreen, flat\n"]))
    source = open_source(f"ade20k:{tmp_path if names else root}")
    assert source.sizes == {"train": 2, "val": 1} and source.num_classes == 150
    if names:
        assert source.class_names[:3] == ("wall", "screen, crt", "thing 3")
        assert source.class_names[149] == "screen, flat"
    (_, sample), *_ = source.samples("val")
    np.testing.assert_array_equal(sample["segmentation"], values_of([255, 0, 1, 149] * 6))
