"""COCO → schema → COCO keeps every box, mask and keypoint of real images."""

import json

import numpy as np
import pytest

from training.data.sources import open_source
from training.data.sources.coco.coco_writer import to_coco

mask_api = pytest.importorskip("pycocotools.mask")

LARGE = 96**2
"""Pixels of the mask from which an object is large."""


def stored_mask(annotation, image):
    segmentation = annotation["segmentation"]
    runs = mask_api.frPyObjects(segmentation, image["height"], image["width"])
    return mask_api.decode(mask_api.merge(runs) if isinstance(runs, list) else runs) > 0


def test_every_box_and_mask_comes_back(shared_data):
    folder = shared_data / "coco_mini"
    source = open_source(f"coco:{folder}?masks=coverage")
    stored = json.loads((folder / "annotations" / "instances_val.json").read_text())
    numbers = [category["id"] for category in stored["categories"]]
    ids = [entry.image_id for entry in source.images["val"]]
    assert ids == [image["id"] for image in stored["images"]]
    written = to_coco(
        source.samples("val"), source.object_names, image_ids=ids, category_ids=numbers
    )
    images = {image["id"]: image for image in stored["images"]}
    by_image = {number: [] for number in ids}
    for annotation in stored["annotations"]:
        by_image[annotation["image_id"]].append(annotation)
    expected = [annotation for number in ids for annotation in by_image[number]]
    assert len(written["annotations"]) == len(expected) == 260
    overlaps = []
    for was, now in zip(expected, written["annotations"], strict=True):
        for key in ("image_id", "category_id", "iscrowd"):
            assert was[key] == now[key]
        np.testing.assert_allclose(now["bbox"], was["bbox"], atol=2e-4)
        before, after = (
            stored_mask(was, images[was["image_id"]]),
            mask_api.decode(now["segmentation"]),
        )
        overlap = (before & (after > 0)).sum() / (before | (after > 0)).sum()
        overlaps.append((overlap, before.sum() >= LARGE, was["iscrowd"]))
        assert now["area"] == after.sum()
    overlap, large, crowd = np.array(overlaps).T
    assert overlap.min() >= 0.95
    assert large.sum() == 82 and overlap[(large == 1) & (crowd == 0)].min() >= 0.99


def test_every_keypoint_comes_back(shared_data):
    folder = shared_data / "coco_mini"
    source = open_source(f"coco:{folder}?labels=person_keypoints&masks=0")
    assert source.keys[-1] == "keypoints" and len(source.keypoint_names) == 17
    assert source.flip_pairs == tuple((i, i + 1) for i in range(1, 17, 2))
    stored = json.loads((folder / "annotations" / "person_keypoints_train.json").read_text())
    written = to_coco(
        source.samples("train"),
        source.object_names,
        keypoint_names=source.keypoint_names,
        skeleton=source.skeleton,
        image_ids=[entry.image_id for entry in source.images["train"]],
    )
    assert written["categories"][0]["skeleton"] == stored["categories"][0]["skeleton"]
    key = lambda a: (a["image_id"], *np.round(a["bbox"], 2))  # noqa: E731
    for was, now in zip(
        sorted(stored["annotations"], key=key),
        sorted(written["annotations"], key=key),
        strict=True,
    ):
        assert was["keypoints"] == now["keypoints"] and was["num_keypoints"] == now["num_keypoints"]
    assert sum(a["num_keypoints"] > 0 for a in written["annotations"]) == 86
