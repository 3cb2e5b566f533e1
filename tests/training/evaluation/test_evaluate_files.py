"""Metrics on a file of COCO's format equal those of pycocotools on the same file."""

import copy
import json

import numpy as np
import pytest
from object_folders import make_image, write_coco

from training.data.sources import open_source
from training.evaluation import evaluate_predictor
from training.evaluation.coco_metrics import BOX_METRICS
from zoo.errors import InputError

SIDE = 200
api = pytest.importorskip("pycocotools.coco")


def rectangle(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def written(root, edit):
    """Twelve images of three rectangles each, on either side of COCO's limits of size."""
    random = np.random.default_rng(4)
    images, annotations = [], []
    for index in range(12):
        name = f"{index}.png"
        make_image(root / "val" / name, (SIDE, SIDE))
        images.append({"id": index + 1, "file_name": name, "width": SIDE, "height": SIDE})
        for _ in range(3):
            width, height = (int(v) for v in random.integers(20, 130, 2))
            x, y = (int(random.integers(0, SIDE - side)) for side in (width, height))
            number = len(annotations)
            one = {
                "id": number + 1,
                "image_id": index + 1,
                "category_id": int(random.integers(1, 3)),
                "bbox": [x, y, width, height],
                "area": width * height * float(random.uniform(0.2, 1)),
                "iscrowd": 0,
                "segmentation": rectangle(x, y, width, height),
            }
            annotations.append(edit(number, one))
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path = root / "annotations" / "instances_val.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return content


def predictions(content):
    """By image: most objects, shifted, and some false ones."""
    random = np.random.default_rng(9)
    found = {}
    for image in content["images"]:
        boxes, labels = [], []
        for one in content["annotations"]:
            if one["image_id"] == image["id"] and random.uniform() < 0.9:
                x, y, width, height = one["bbox"]
                shift = random.integers(-4, 5, 2)
                x, y = np.clip([x + shift[0], y + shift[1]], 0, SIDE - 20)
                width, height = np.minimum([width, height], [SIDE - x, SIDE - y])
                boxes.append([x, y, x + width, y + height])
                labels.append(one["category_id"] - 1)
        boxes.append([*random.integers(0, 90, 2), *random.integers(100, SIDE, 2)])
        labels.append(int(random.integers(0, 2)))
        masks = np.zeros((len(boxes), SIDE, SIDE), np.uint8)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
            mask[y0:y1, x0:x1] = 1
        scores = random.uniform(0.1, 1, len(boxes))
        found[image["id"]] = {
            "boxes": np.array(boxes, float), "labels": np.array(labels), "scores": scores,
            "masks": masks,
        }  # fmt: skip
    return found


def official(content, found, kind):
    from pycocotools import mask as coding
    from pycocotools.cocoeval import COCOeval

    truth = api.COCO()
    truth.dataset = copy.deepcopy({**content, "info": {}})
    truth.createIndex()
    results = []
    for image_id, one in found.items():
        for row in range(len(one["labels"])):
            x0, y0, x1, y1 = one["boxes"][row].tolist()
            mask = np.asfortranarray(one["masks"][row])
            shape = {"bbox": [x0, y0, x1 - x0, y1 - y0]}
            results.append(
                {
                    "image_id": image_id,
                    "category_id": int(one["labels"][row]) + 1,
                    "score": float(one["scores"][row]),
                    **(shape if kind == "bbox" else {"segmentation": coding.encode(mask)}),
                }
            )
    evaluation = COCOeval(truth, truth.loadRes(results), kind)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def ours(root, found, kind, options=""):
    source = open_source(f"coco:{root}{options}")
    left = iter(found.values())
    result = evaluate_predictor("instances", lambda _: next(left), source, "val")
    prefix = {"bbox": "", "segm": "mask_"}[kind]
    values = [result[prefix + name] for name in BOX_METRICS]
    return [-1 if value is None else value for value in values]


@pytest.mark.parametrize("options", ["", "?masks=0"])
def test_sizes_are_the_areas_of_the_file(tmp_path, options):
    content = written(tmp_path, lambda number, one: one)
    found = predictions(content)
    expected = official(content, found, "bbox")
    np.testing.assert_allclose(ours(tmp_path, found, "bbox", options), expected, atol=1e-12)
    # The areas of the boxes would give others.
    for one in content["annotations"]:
        one["area"] = one["bbox"][2] * one["bbox"][3]
    other = official(content, found, "bbox")
    assert all(abs(other[i] - expected[i]) > 0.01 for i in (3, 4, 5))
    assert other[0] == pytest.approx(expected[0])


def test_an_area_that_is_not_stated_is_that_of_the_outline(tmp_path):
    def edit(number, one):
        x, y, width, height = one["bbox"]
        triangle = [[x, y, x + width, y, x, y + height]]
        del one["area"]
        return {**one, "segmentation": triangle}

    content = written(tmp_path, edit)
    for one in content["annotations"]:
        one["area"] = one["bbox"][2] * one["bbox"][3] / 2
    found = predictions(content)
    expected = official(content, found, "bbox")
    np.testing.assert_allclose(ours(tmp_path, found, "bbox"), expected, atol=1e-12)


def test_masks_ignore_boxes_without_outline_as_crowds(tmp_path):
    content = written(
        tmp_path, lambda number, one: one if number % 3 else {**one, "segmentation": []}
    )
    found = predictions(content)
    np.testing.assert_allclose(
        ours(tmp_path, found, "bbox"), official(content, found, "bbox"), atol=1e-12
    )
    plain = copy.deepcopy(content)
    for one in content["annotations"]:
        if not one["segmentation"]:
            one |= {"iscrowd": 1, "segmentation": rectangle(*one["bbox"])}
    expected = official(content, found, "segm")
    np.testing.assert_allclose(ours(tmp_path, found, "segm"), expected, atol=1e-12)
    for one in plain["annotations"]:
        one["segmentation"] = one["segmentation"] or rectangle(*one["bbox"])
    assert abs(official(plain, found, "segm")[0] - expected[0]) > 0.01


def test_labels_that_a_task_needs(tmp_path):
    write_coco(tmp_path)
    source = open_source(f"coco:{tmp_path}?val=0.5")
    for task, words in (("segmentation", "segmentation"), ("pose", "keypoints, box")):
        with pytest.raises(InputError, match=rf"has no {words} to measure {task}; it has image, "):
            evaluate_predictor(task, None, source, "val")
    nothing = {"boxes": np.zeros((0, 4)), "labels": [], "scores": [], "num_detections": 0}
    for task in ("detection", "instances"):
        assert evaluate_predictor(task, lambda _: nothing, source, "val")["images"] == 2
