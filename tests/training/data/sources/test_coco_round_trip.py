"""COCO → samples → COCO keeps every box, mask and keypoint of real images."""

import json

import numpy as np
import pytest

from training.data.sources import open_source
from training.data.writing import write_data_set

mask_api = pytest.importorskip("pycocotools.mask")


def read(path):
    """Annotations by image file, and images by file, in the order of the file."""
    content = json.loads(path.read_text())
    images = {image["id"]: image for image in content["images"]}
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    by_file = {image["file_name"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        image = images[annotation["image_id"]]
        annotation["name"] = names[annotation["category_id"]]
        annotation["size"] = (image["height"], image["width"])
        by_file[image["file_name"]].append(annotation)
    return content, by_file


def mask_of(annotation):
    runs = annotation["segmentation"]
    if isinstance(runs, list):
        runs = mask_api.merge(mask_api.frPyObjects(runs, *annotation["size"]))
    elif isinstance(runs["counts"], list):
        runs = mask_api.frPyObjects(runs, *annotation["size"])
    return mask_api.decode(runs) > 0


def test_every_box_mask_and_keypoint_comes_back(shared_data, tmp_path):
    folder = shared_data / "coco_mini"
    source = open_source(f"coco:{folder}")
    written = write_data_set(source, "coco", tmp_path / "objects", splits=["val"])
    assert written.objects == 260 and not written.notes
    _, before = read(folder / "annotations" / "instances_val.json")
    _, after = read(tmp_path / "objects" / "annotations" / "instances_val.json")
    assert [*before] == [*after]
    pairs = [
        (was, now) for name in before for was, now in zip(before[name], after[name], strict=True)
    ]
    for was, now in pairs:
        for key in ("name", "iscrowd", "size"):
            assert was[key] == now[key]
        np.testing.assert_allclose(now["bbox"], was["bbox"], atol=2e-4)
        assert abs(now["area"] - was["area"]) <= 1e-6 * was["area"]
        assert (mask_of(was) == mask_of(now)).all()

    poses = open_source(f"coco:{folder}?labels=person_keypoints")
    assert len(poses.keypoint_names) == 17
    assert poses.flip_pairs == tuple((i, i + 1) for i in range(1, 17, 2))
    write_data_set(poses, "coco", tmp_path / "poses", splits=["train"])
    stored, before = read(folder / "annotations" / "person_keypoints_train.json")
    content, after = read(tmp_path / "poses" / "annotations" / "person_keypoints_train.json")
    assert content["categories"][0]["skeleton"] == stored["categories"][0]["skeleton"]
    posed = 0
    for name in before:
        for was, now in zip(before[name], after[name], strict=True):
            assert was["keypoints"] == now["keypoints"]
            assert was["num_keypoints"] == now["num_keypoints"]
            posed += now["num_keypoints"] > 0
    assert posed == 86
