"""Proposals of samples: transformed with the boxes, for training and evaluation."""

import json

import numpy as np
import pytest

from training.data.augment import Augmentation
from training.data.pipeline import training_batches, validation_batches
from training.data.proposals import open_proposals, with_proposals
from training.data.sources import open_source
from training.model_setup import batch_config_of
from training.recipe import Recipe, recipe_for
from training.run import proposer_of
from training.trainer import fit
from zoo.errors import InputError
from zoo_cli.compare import compare_measuring, compare_one
from zoo_cli.compare.compare_folder import read_result, update_result
from zoo_cli.compare.compare_plan import Plan

RECIPE = {
    "image_size": (48, 64),
    "batch_size": 2,
    "max_proposals": 6,
    "augmentation": Augmentation(),
    "model": {
        "width": 0.125,
        "hidden_units": 16,
        "norm": "group",
        "rois_per_image": 8,
        "max_proposals": 6,
        "backbone_options": {"blocks": [1, 1, 1, 1, 1], "use_bias": False},
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images with one bright rectangle each, and files that propose it among others."""
    from PIL import Image

    root = tmp_path_factory.mktemp("given")
    (root / "annotations").mkdir()
    (root / "proposals").mkdir()
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        images, annotations = [], []
        (root / split).mkdir()
        for number in range(count):
            name = f"{split}{number}"
            x, y = (int(v) for v in random.integers(2, 20, 2))
            image = random.integers(20, 60, (40, 50, 3)).astype(np.uint8)
            image[y : y + 16, x : x + 24] = 230
            Image.fromarray(image).save(root / split / f"{name}.png")
            box = [x, y, x + 24, y + 16]
            rows = [[0, 0, 10, 10], box, [25, 20, 70, 39]]
            (root / f"proposals/{name}.json").write_text(json.dumps({"boxes": rows}))
            images.append({"id": number, "file_name": f"{name}.png", "height": 40, "width": 50})
            annotations.append({
                "id": number + 1, "image_id": number, "category_id": 1, "iscrowd": 0,
                "bbox": [x, y, 24, 16], "area": 24 * 16,
            })  # fmt: skip
        labels = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "block"}],
        }
        (root / f"annotations/instances_{split}.json").write_text(json.dumps(labels))
    return root


def given(folder, limit=6):
    proposer = open_proposals(f"files:{folder / 'proposals'}")
    return with_proposals(open_source(f"coco:{folder}"), proposer, limit)


def test_number_of_proposals(folder):
    source = given(folder)
    plain = open_source(f"coco:{folder}")
    for (name, sample), (_, before) in zip(
        source.samples("train"), plain.samples("train"), strict=True
    ):
        assert "proposals" not in before and name.endswith(".png")
        boxes = sample["proposals"]
        assert boxes.shape == (6, 4) and boxes[0].tolist() == [0, 0, 10, 10]
        np.testing.assert_array_equal(boxes[1], sample["boxes"][0])
        # What reached beyond the image ends there.
        assert boxes[2].tolist() == [25, 20, 50, 39] and not boxes[3:].any()
    assert next(given(folder, 2).samples("val"))[1]["proposals"].shape == (2, 4)


@pytest.mark.parametrize(
    "policy",
    [
        {"flip_horizontal": 1.0},
        {"flip_vertical": 1.0, "scale": (0.6, 1.4), "translate": 0.2},
        {"crop": "object", "crop_sides": (0.6, 0.9)},
    ],
)
def test_proposals_move_with_the_boxes(folder, policy):
    recipe = Recipe.of(**{**RECIPE, "augmentation": Augmentation(min_visible=0.01, **policy)})
    batches = batch_config_of("fast_rcnn", recipe)
    data = training_batches(given(folder), "train", batches)
    looked_at = 0
    for inputs, targets in data.take(4).as_numpy_iterator():
        assert set(inputs) == {"image", "proposals"} and "proposals" not in targets
        assert inputs["image"].shape == (2, 48, 64, 3) and inputs["proposals"].shape == (2, 6, 4)
        for image in range(2):
            if targets["labels"][image, 0] < 0:
                continue
            np.testing.assert_allclose(
                inputs["proposals"][image, 1], targets["boxes"][image, 0], atol=1e-3
            )
            x1, y1, x2, y2 = inputs["proposals"][image, 1]
            if x2 - x1 > 8 and y2 - y1 > 8:
                inside = inputs["image"][image][
                    int(y1) + 2 : int(y2) - 2, int(x1) + 2 : int(x2) - 2
                ]
                assert inside.mean() > 200
                looked_at += 1
    assert looked_at


def test_validation_is_deterministic(folder):
    batches = batch_config_of("fast_rcnn", Recipe.of(**RECIPE))
    inputs, targets = next(iter(validation_batches(given(folder), "val", batches)))
    # 40×50 on 48×64 is scaled by 1.2.
    np.testing.assert_allclose(inputs["proposals"][:, 0], [[0, 0, 12, 12]] * 2, atol=1e-4)
    np.testing.assert_allclose(inputs["proposals"][:, 1], targets["boxes"][:, 0], atol=1e-4)


def test_a_mixed_image_has_no_proposals(folder):
    recipe = Recipe.of(**{**RECIPE, "augmentation": Augmentation(mosaic=0.5)})
    with pytest.raises(InputError, match="mosaic: a mixed image has no proposals"):
        batch_config_of("fast_rcnn", recipe).check(given(folder))


def test_missing_proposals_are_one_line(folder):
    with pytest.raises(InputError, match="no proposals, which the model is trained on"):
        batch_config_of("fast_rcnn", Recipe.of(**RECIPE)).check(open_source(f"coco:{folder}"))
    assert proposer_of("yolo_v2", Recipe()) is None
    source = open_source(f"coco:{folder}")
    assert with_proposals(source, None, 5) is source


def test_an_image_without_a_file_is_one_line(folder, tmp_path):
    some = tmp_path / "proposals"
    some.mkdir()
    for path in (folder / "proposals").glob("train[0-2].json"):
        (some / path.name).write_text(path.read_text())
    recipe = Recipe.of(**{**RECIPE, "proposals": f"files:{some}", "epochs": 1})
    with pytest.raises(InputError, match=r"no file for .*train3\.png"):
        fit("fast_rcnn", f"coco:{folder}", recipe, out=tmp_path / "run", log=lambda line: None)


def test_trains_evaluates_resumes_and_predicts(folder, tmp_path):
    changes = {**RECIPE, "proposals": f"files:{folder / 'proposals'}", "epochs": 2}
    lines = []
    run = fit(
        "fast_rcnn", f"coco:{folder}", Recipe.of(**changes), out=tmp_path / "run", log=lines.append
    )
    summaries = [line for line in lines if line.startswith("proposals of")]
    assert len(summaries) == 2 and "4 boxes were clipped" in summaries[0]
    assert "100.0 % of the objects by the first 6" in summaries[0]
    assert run.history[-1]["val_ap50"] >= 0 and len(run.history) == 2
    assert list((run.folder / "samples").glob("*.png"))
    sample = next(given(folder).samples("val"))[1]
    run.proposer.set_image_name(str(folder / "val/val0.png"), sample["image"])
    predictions = run.predictor()(sample["image"])
    assert predictions["boxes"].shape == (100, 4)
    again = fit("fast_rcnn", f"coco:{folder}", out=run.folder, resume=True, log=lines.append)
    assert len(again.history) == 2
    # A comparison finds the same files.
    plan = Plan("fast_rcnn", "detection", f"coco:{folder}", "val", None, Recipe.of(**changes))
    update_result(tmp_path, exported_bytes=1)
    compare_one.train(tmp_path, plan)
    compare_measuring.measure(tmp_path, plan)
    result = read_result(tmp_path)
    assert result["status"] == "done" and result["milliseconds"] > 0
    best = run.history[result["best_epoch"] - 1]
    assert result["metrics"]["ap50"] == pytest.approx(best["val_ap50"], abs=0.02)


def test_no_data_service_with_proposals():
    recipe = Recipe.of(data_service="grpc://10.0.0.7:5050")
    with pytest.raises(InputError, match=r"fast_rcnn are computed in Python.*leave it empty"):
        proposer_of("fast_rcnn", recipe)


def test_recipes_are_the_papers():
    recipe = recipe_for("fast_rcnn", "detection")
    assert recipe.learning_rate == 1e-3 and recipe.drops == (0.75,) and recipe.batch.batch_size == 2
    assert recipe.max_proposals == 2000 and recipe.batch.augmentation.scale == (1.0, 1.0)
