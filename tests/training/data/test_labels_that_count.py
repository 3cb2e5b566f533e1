"""Defects are named before training, and labels that cannot be trained on or measured."""

import re
import warnings

import numpy as np
import pytest
from image_folders import write_images
from object_folders import annotation, coco_content, write_coco, write_voc
from PIL import Image

import training
from training.data.defect_warning import warn_of_defects
from training.data.labels_that_count import check_train_labels, why_nothing_counts
from training.data.sources import open_source
from training.data.sources.reading.defects import Defect, summary
from zoo.errors import InputError, LabelWarning

CAT = ("cat", 5, 5, 20, 20)


def defect(record, unused="", split="train"):
    return Defect("wrong", "correct it", record, "labels.json", split, unused=unused)


@pytest.mark.parametrize(
    ("defects", "line"),
    [
        ([], ""),
        ([defect("a")], "1 defect in the labels; `zoo data voc:x` lists it."),
        (
            [defect("a", "object"), defect("b")],
            "2 defects in the labels: 1 object is not used; `zoo data voc:x` lists them.",
        ),
        (
            # One image with two defects is one image.
            [
                defect("a", "image"),
                defect("a", "image"),
                defect("b", "image"),
                defect("c", "object"),
            ],
            "4 defects in the labels: 2 images and 1 object are not used; `zoo data voc:x` lists "
            "them.",
        ),
    ],
)
def test_summary(defects, line):
    assert summary(defects, "voc:x") == line


def test_the_command_is_quoted():
    assert "`zoo data 'voc:my data?val=0.5'`" in summary([defect("a")], "voc:my data?val=0.5")


def flawed(root):
    """Returns a source with two bad objects, one per split, and four good ones."""
    objects = {f"{i}": [CAT] for i in range(4)}
    bad = [CAT, ("cat", 9, 9, 9, 20)]
    write_voc(root, {**objects, "4": bad, "5": bad})
    (root / "train.txt").write_text("0\n1\n2\n4\n")
    (root / "val.txt").write_text("3\n5\n")
    return open_source(f"voc:{root}")


def test_a_warning_names_the_defects_of_the_splits(tmp_path):
    source = flawed(tmp_path)
    with pytest.warns(LabelWarning, match="2 defects in the labels: 2 objects are not used"):
        data = training.load_data(source, task="detection", image_size=(32, 32), batch_size=2)
    assert len(data.train) == 2
    with pytest.warns(LabelWarning, match="1 defect in the labels: 1 object is not used"):
        warn_of_defects(source, ["val"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_defects(open_source(f"voc:{tmp_path}?drop_bad=1"), ["train", "val"])


def test_an_empty_split_is_refused_with_its_defects(tmp_path):
    source = flawed(tmp_path)
    source.sizes = {"train": 0, "val": 2, "test": 3}
    source.defects = [defect("a", "image"), defect("b", "image"), defect("c", "image")]
    with pytest.raises(
        InputError, match=r"train has no images left \(and 1 more\): labels.json: a"
    ):
        training.load_data(source, task="detection")
    with pytest.raises(InputError, match="split train has no images left"):
        training.fit("yolo_v2", source, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    # A named split is not replaced by another.
    source.sizes, source.defects = {"train": 3, "val": 0, "test": 3}, []
    with pytest.raises(InputError, match="split val has no images; add some"):
        source.validation_split()


OBJECTS = {
    "none": ([], r"\(2 images\) has no objects"),
    "crowd": ([{"iscrowd": 1}] * 2, r"\(2 images\) has only crowd or difficult objects, 2 of"),
    "one counts": ([{"iscrowd": 1}, {}], ""),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_splits_without_objects_that_count(name, tmp_path):
    changes, reason = OBJECTS[name]
    for split, first in (("train", 0), ("val", 2)):
        items = [annotation(i, 10 + first + i, **change) for i, change in enumerate(changes)]
        content = coco_content(2, first, items)
        write_coco(tmp_path, content, f"annotations/instances_{split}.json", split)
    source = open_source(f"coco:{tmp_path}")
    if not reason:
        assert why_nothing_counts(source, "val", "detection") == ""
        check_train_labels(source, "detection")
        return
    assert re.search(f"^val {reason}", why_nothing_counts(source, "val", "detection"))
    with pytest.raises(InputError, match=f"nothing to train on: train {reason}") as error:
        check_train_labels(source, "detection")
    # How to read crowds as objects is not lost with the notes of a run.
    assert ("crowd=objects" in str(error.value)) == (name == "crowd")


def test_maps_of_ignored_pixels(tmp_path):
    write_images(tmp_path, 4)
    for name in ("2", "3"):
        Image.fromarray(np.full((20, 24), 255, np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "train.txt").write_text("0\n1\n")
    (tmp_path / "val.txt").write_text("2\n3\n")
    source = open_source(f"masks:{tmp_path}?classes=a,b,c")
    assert why_nothing_counts(source, "train", "segmentation") == ""
    assert "every pixel of val (2 images) is ignored" in why_nothing_counts(
        source, "val", "segmentation"
    )
    # The evaluation of one image is that of the first.
    assert "(1 image)" in why_nothing_counts(source, "val", "segmentation", limit=1)


def test_training_continues_on_the_loss(tmp_path):
    write_images(tmp_path / "data", 4)
    path = tmp_path / "data" / "masks"
    Image.fromarray(np.full((20, 24), 255, np.uint8)).save(path / "3.png")
    (tmp_path / "data" / "train.txt").write_text("0\n1\n2\n")
    (tmp_path / "data" / "val.txt").write_text("3\n")
    lines: list[str] = []
    recipe = {"image_size": (16, 16), "batch_size": 2, "epochs": 1, "model.filters": 2}
    run = training.fit(
        "unet",
        f"masks:{tmp_path / 'data'}?classes=a,b,c",
        {**recipe, "model.depth": 2},
        out=tmp_path / "run",
        log=lines.append,
    )
    assert run.info["best"]["metric"] == "loss"
    assert (
        sum("val_mean_iou is not defined, since every pixel of val" in line for line in lines) == 1
    )
