"""Masks in the folder of their images, with Roboflow's table of classes."""

import numpy as np
import pytest
from PIL import Image

from training.data.sources import open_source
from zoo.errors import InputError


def write(root, images, masks, names="abcde", values=(0, 1, 2)):
    """Writes images and masks of columns of the values; returns the data set's name."""
    for name in names:
        for pattern in (images, masks):
            (root / pattern).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (9, 80, 200)).save(root / images.format(name))
        mask = np.repeat(np.array(values, np.uint8), 12 // len(values))[None].repeat(10, axis=0)
        Image.fromarray(mask).save(root / masks.format(name))
    return f"masks:{root}"


def table(root, *folders, text="Pixel Value, Class\n0, background\n1, big cat\n2, dog\n"):
    for folder in folders:
        (root / folder / "_classes.csv").write_text(text)


@pytest.mark.parametrize("folders", [("train", "valid"), ("train", "test")])
def test_roboflow(tmp_path, folders):
    for number, folder in enumerate(folders):
        names = [f"{number}{name}" for name in "abc"]
        write(tmp_path, f"{folder}/{{}}_jpg.rf.1.jpg", f"{folder}/{{}}_jpg.rf.1_mask.png", names)
    table(tmp_path, *folders)
    (tmp_path / "README.roboflow.txt").write_text("exported")
    source = open_source(f"masks:{tmp_path}")
    assert list(source.sizes.values()) == [3, 3] and "train" in source.sizes
    assert source.class_names == ("background", "big cat", "dog")
    assert source.notes == [] and source.defects == []
    _, sample = next(source.samples("train"))
    assert sample["segmentation"][3].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    table(tmp_path, folders[1], text="0,background\n1,dog\n2,big cat\n")
    with pytest.raises(InputError, match=r"differ from those of .*; name them with classes=…"):
        open_source(f"masks:{tmp_path}")
    assert open_source(f"masks:{tmp_path}?classes=a,b,c").class_names == ("a", "b", "c")


def test_values_of_the_table_with_gaps(tmp_path):
    spec = write(tmp_path, "{}.png", "{}_mask.png", values=(0, 7, 200))
    table(tmp_path, ".", text='0,ground\n7,"cat"\n200,dog\n')
    source = open_source(spec)
    assert source.class_names == ("ground", "cat", "dog") and source.sizes == {"train": 4, "val": 1}
    _, sample = next(source.samples("train"))
    assert np.unique(sample["segmentation"]).tolist() == [0, 1, 2]
    for text in ("0,a\n0,b\n", "0,a\n1,a\n", "0,a\nb\n"):
        table(tmp_path, ".", text=text)
        with pytest.raises(InputError, match=r"_classes.csv: line 2: .*; write value,name once"):
            open_source(spec)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("{}_sat.jpg", "{}_mask.png"),
        ("{} 1.png", "{} 1_label.png"),
        ("deep/{}.jpg", "deep/{}_mask.png"),
        ("images/{}_image.jpg", "masks/{}.png"),
        ("img_dir/{}.jpg", "ann_dir/{}.png"),
    ],
)
def test_names(tmp_path, images, masks):
    source = open_source(write(tmp_path, images, masks))
    assert source.sizes == {"train": 4, "val": 1} and source.notes == []
    _, sample = next(source.samples("val"))
    assert np.unique(sample["segmentation"]).tolist() == [0, 1, 2]


def test_an_image_or_a_mask_alone(tmp_path):
    spec = write(tmp_path, "{}.jpg", "{}_mask.png")
    (tmp_path / "c.jpg").unlink()
    (tmp_path / "d_mask.png").unlink()
    source = open_source(spec)
    (defect,) = source.defects
    assert defect.file.endswith("d.jpg") and defect.unused == "image"
    assert source.sizes["train"] == 2 and "1 label files" in source.notes[0]
    assert "c_mask.png" in source.notes[0]
    for file in tmp_path.glob("*_mask.png"):
        file.unlink()
    with pytest.raises(InputError, match=r"not recognized.* or a\.jpg beside a_mask\.png"):
        open_source(spec)
