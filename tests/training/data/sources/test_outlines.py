"""Objects without outline: boxes as all others, masks of 255, whatever the format."""

import json

import numpy as np
import pytest
from object_folders import annotation, coco_content, make_image, write_coco, write_voc
from PIL import Image

from training.data.augment import Augmentation
from training.data.checking import check
from training.data.pipeline import training_batches
from training.data.sources import open_source
from training.model_setup import batch_config_of
from training.recipe import Recipe
from zoo.errors import InputError

TRIANGLE = (0.1, 0.2, 0.6, 0.2, 0.1, 0.7)
"""Fractions of the image's sides; its box is [4, 6, 24, 21]."""


def yolo(root):
    for index in range(4):
        make_image(root / f"images/train/{index}.png")
        path = root / f"labels/train/{index}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"0 {' '.join(map(str, TRIANGLE))}\n0 0.75 0.5 0.25 0.4\n")
    return f"yolo:{root}"


NO_OUTLINES = ({"segmentation": []}, {"segmentation": None}, {"segmentation": [[]]}, {})


def coco(root):
    outline = [v * side for v, side in zip(TRIANGLE, (40, 30) * 3, strict=True)]
    records = []
    for index, without in enumerate(NO_OUTLINES):
        image = {"image": 10 + index, "category": 3}
        records.append(annotation(2 * index, box=(4, 6, 20, 15), segmentation=[outline], **image))
        box = annotation(2 * index + 1, box=(25, 9, 10, 12), **image)
        del box["segmentation"]
        records.append(box | without)
    return f"coco:{write_coco(root, coco_content(annotations=records))}"


def voc(root):
    """Of each object with a map the upper left half is inside."""
    objects = [("cat", 5, 7, 24, 21), ("cat", 26, 10, 35, 21)]
    write_voc(root, {str(i): objects for i in range(4)})
    for name in ("SegmentationClass", "SegmentationObject"):
        (root / name).mkdir()
    for index in range(4):
        values = np.zeros((30, 40), np.uint8)
        rows, columns = np.mgrid[:15, :20]
        values[6:21, 4:24] = rows / 15 + columns / 20 < 1
        Image.fromarray(values).save(root / f"SegmentationObject/{index}.png")
        Image.fromarray(values).save(root / f"SegmentationClass/{index}.png")
    return f"voc:{root}?maps=1&classes=cat"


FORMATS = {"yolo": yolo, "coco": coco, "voc": voc}


def opened(root, case):
    spec = FORMATS[case](root)
    return f"{spec}{'&' if '?' in spec else '?'}mask_size=20&val=0.25&split=block"


@pytest.mark.parametrize("case", FORMATS)
def test_a_box_without_outline_is_an_object_whose_mask_is_ignored(tmp_path, case):
    spec = opened(tmp_path, case)
    source, dropped = open_source(spec), open_source(f"{spec}&drop_bad=1")
    assert source.defects == dropped.defects == [] and source.notes == dropped.notes
    if case != "voc":  # which objects a map has is only known once it is decoded
        expected = "no outline: 4 of 8 objects have only a box; masks ignore them."
        assert expected in source.notes
    samples = []
    report = check(dropped, ["train"], each=lambda *one: samples.append(one[2].sample))
    assert len(samples) == 3 and report.defects == []
    for sample in samples:
        np.testing.assert_allclose(sample["boxes"], [[4, 6, 24, 21], [25, 9, 35, 21]], atol=1e-4)
        assert sample["labels"].tolist() == [0, 0]
        assert not sample["difficult"].any() and not sample["crowd"].any()
        assert set(np.unique(sample["masks"][0])) == {0, 1} and (sample["masks"][1] == 255).all()
        assert 0.4 < sample["masks"][0].mean() < 0.6
    counts = report.to_json()["splits"]["train"]["objects"]
    assert (counts["count"], counts["without_outline"]) == (6, 3)


def test_images_without_any_map_have_boxes_only(tmp_path):
    spec = voc(tmp_path)
    (tmp_path / "SegmentationObject/1.png").unlink()
    for name in ("SegmentationClass", "SegmentationObject"):
        (tmp_path / f"{name}/2.png").unlink()
    source = open_source(f"{spec}&mask_size=9")
    found = {name[-5]: sample for split in source.sizes for name, sample in source.samples(split)}
    assert source.defects == [] and len(found) == 4
    for name, outlined in (("0", True), ("1", False), ("2", False)):
        assert (found[name]["masks"] == 255).all((1, 2)).tolist() == [not outlined, True]
        assert found[name]["instances"].any() == outlined
        assert found[name]["labels"].tolist() == [0, 0]
    assert (found["2"]["segmentation"] == 255).all() and 255 not in found["1"]["segmentation"]


@pytest.mark.parametrize("case", list(FORMATS))
def test_without_any_outline_there_are_no_masks_to_train_on(tmp_path, case):
    if case == "yolo":
        spec = yolo(tmp_path)
        for index in range(4):
            (tmp_path / f"labels/train/{index}.txt").write_text("0 0.5 0.5 0.25 0.4\n")
    elif case == "voc":
        spec = f"voc:{write_voc(tmp_path, {str(i): [('cat', 5, 7, 24, 21)] for i in range(4)})}"
    else:
        # An invalid outline is none.
        spec = coco(tmp_path)
        file = tmp_path / "annotations/instances_train.json"
        content = json.loads(file.read_text())
        for one in content["annotations"]:
            one["segmentation"] = [[1, 2, 3, 4]] if one["id"] == 0 else []
        file.write_text(json.dumps(content))
    source = open_source(spec)
    assert "masks" not in source.keys and not any("outline" in note for note in source.notes)
    config = batch_config_of("mask_rcnn", Recipe.of(image_size=(32, 32)))
    with pytest.raises(InputError, match="the data set has no masks, which") as caught:
        config.check(source)
    assert "\n" not in str(caught.value)


def test_batches_keep_the_mark(tmp_path):
    source = open_source(opened(tmp_path, "coco"))
    varied = Augmentation(rotate=40, scale=(0.8, 1.5))
    recipe = Recipe.of(
        image_size=(60, 80), batch_size=3, max_objects=9, mask_size=14, augmentation=varied
    )
    config = batch_config_of("mask_rcnn", recipe)
    both = set()
    for _, targets in training_batches(source, "train", config).take(4).as_numpy_iterator():
        assert set(targets) == {"boxes", "labels", "masks", "crowd", "difficult"}
        masks, present = targets["masks"], targets["labels"] >= 0
        ignored = (masks == 255).all((2, 3))
        assert not masks[~present].any()
        assert (masks[present & ~ignored] <= 1).all()
        assert masks[present & ~ignored].any((1, 2)).all()
        both |= set(ignored[present])
    assert both == {False, True}


def test_an_empty_split_keeps_its_defects(tmp_path):
    content = coco_content()
    write_coco(tmp_path, content)
    content = coco_content(3, 4)
    path = tmp_path / "annotations/instances_val.json"
    path.write_text(json.dumps(content))
    source = open_source(f"coco:{tmp_path}")
    assert source.sizes == {"train": 4, "val": 0} and list(source.samples("val")) == []
    (defect,) = source.defects
    assert (defect.split, defect.unused) == ("val", "image")
    assert "none of its 3 images exists, such as " in defect.problem
    assert "4.png" in defect.problem and "instances_val.json" in defect.file
    # With drop_bad the split is as empty, and the defect is still reported.
    assert open_source(f"coco:{tmp_path}?drop_bad=1").defects == [defect]
