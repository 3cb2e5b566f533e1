"""Faster R-CNN in four steps: shared layers, and resuming an interrupted training."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from block_images import write_blocks
from keras import ops

import zoo
from training import trainer
from training.data.augment import Augmentation
from training.data.proposals import open_proposals
from training.data.sources import open_source
from training.recipe import Recipe, recipe_for
from training.run import Run, open_run
from training.stages.four_step_training import four_steps
from training.trainer import fit
from zoo.errors import InputError

RECIPE = Recipe.of(
    image_size=(64, 64),
    batch_size=2,
    epochs=1,
    optimizer="sgd",
    learning_rate=0.01,
    schedule="constant",
    four_steps=True,
    augmentation=Augmentation(),
    model={
        "norm": "group",
        "width": 0.125,
        "filters": 16,
        "hidden_units": 16,
        "anchor_sizes": [16.0, 32.0],
        "rois_per_image": 8,
        "proposals": [32, 16],
        "dropout": 0.0,
        "backbone_options": {"blocks": [1, 1, 1, 1, 1]},
    },
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_blocks(tmp_path_factory.mktemp("blocks"), train=4)


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """The run of the last step, and the log."""
    lines: list[str] = []
    patch = pytest.MonkeyPatch()
    patch.setenv("ZOO_DATA_DIR", str(tmp_path_factory.mktemp("cache")))
    out = tmp_path_factory.mktemp("runs") / "run"
    keras.utils.set_random_seed(0)
    run = fit("faster_rcnn", f"coco:{world}", RECIPE, out=out, log=lines.append)
    yield run, lines
    patch.undo()


def weights(folder):
    """Arrays of a run's model by their paths, those of the maps, of the RPN and of the head."""
    parts: dict[str, dict[str, np.ndarray]] = {"maps": {}, "rpn": {}, "head": {}}
    for variable in open_run(folder).model().weights:
        name = variable.path
        part = "maps" if name.startswith("vgg16") else "rpn" if name.startswith("rpn") else "head"
        parts[part][name] = ops.convert_to_numpy(variable)
    return parts


def same(first, second):
    assert set(first) == set(second) and first
    return all(np.array_equal(first[key], second[key]) for key in first)


def test_steps_share_what_the_paper_says(trained):
    run, lines = trained
    first, second, third = (weights(run.folder / "steps" / str(n)) for n in (1, 2, 3))
    last = weights(run.folder)
    assert not same(first["maps"], second["maps"])
    assert same(second["maps"], third["maps"]) and same(third["maps"], last["maps"])
    assert same(third["rpn"], last["rpn"]) and not same(first["rpn"], third["rpn"])
    assert same(second["head"], third["head"]) and not same(second["head"], last["head"])
    assert not second["rpn"]
    assert [line for line in lines if line.startswith("step ")][2].startswith("step 3 of 4")
    assert any(line.startswith("proposals of train") for line in lines)
    assert run.info["best"]["metric"] == "val_ap50"
    assert open_run(run.folder / "steps" / "1").info["best"]["metric"] == "val_loss"


def test_a_trained_network_proposes(trained, world):
    folder = trained[0].folder / "steps" / "1"
    proposer = open_proposals(f"network:{folder}")
    sample = next(open_source(f"coco:{world}").samples("train"))[1]
    boxes = proposer(sample["image"])
    assert boxes.dtype == np.float32 and 0 < len(boxes) <= 32
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes >= 0).all() and (boxes <= [60, 50, 60, 50]).all()
    # Proposals are cached by the weights of the network.
    other = open_proposals(f"network:{trained[0].folder / 'steps' / '3'}")
    assert other.name != proposer.name


def test_only_a_run_of_faster_rcnn_proposes(trained):
    with pytest.raises(InputError, match="a run of fast_rcnn, which has no proposal network"):
        open_proposals(f"network:{trained[0].folder / 'steps' / '2'}")
    with pytest.raises(InputError, match="is not a run folder"):
        open_proposals("network:")


def test_the_last_model_is_complete(trained):
    model = trained[0].model()
    assert model.arguments["trainable_part"] == "regions" and model.arguments["freeze_backbone"]
    predictions = zoo.predict(model, np.zeros((1, 50, 60, 3), np.uint8), image_size=(64, 64))
    assert predictions["boxes"].shape == (1, 100, 4)


class Recorded:
    """Stands for `fit_single_stage`: records its calls; is interrupted in a step if `dies` is."""

    def __init__(self, dies=0):
        self.calls: list[tuple[str, bool, object, float | None]] = []
        self.dies = dies

    def __call__(self, source, recipe, *, out, resume, minutes, weights, log):
        self.calls.append((recipe.architecture, resume, weights, minutes))
        out.mkdir(parents=True, exist_ok=True)
        done = len(self.calls) != self.dies
        info = {"version": 1, "architecture": recipe.architecture, "finished": done}
        (out / "run.json").write_text(json.dumps(info))
        (out / "recipe.toml").write_text(recipe.to_toml())
        if not done:
            raise KeyboardInterrupt
        (out / "checkpoint.npz").touch()
        return Run(out, {}, recipe)


def test_an_interrupted_step_is_resumed(world, tmp_path, monkeypatch):
    first, out = Recorded(dies=2), tmp_path / "run"
    monkeypatch.setattr(trainer, "fit_single_stage", first)
    source = open_source(f"coco:{world}")
    with pytest.raises(KeyboardInterrupt):
        fit("faster_rcnn", source, RECIPE, out=out, weights="start.keras", minutes=8)
    assert [call[:3] for call in first.calls] == [
        ("faster_rcnn", False, "start.keras"),
        ("fast_rcnn", False, "start.keras"),
    ]
    assert first.calls[0][3] == pytest.approx(2, abs=0.1)
    second = Recorded()
    monkeypatch.setattr(trainer, "fit_single_stage", second)
    # No epoch of the second step has finished, so it starts again.
    fit("faster_rcnn", source, out=out, resume=True)
    assert [call[:3] for call in second.calls] == [
        ("fast_rcnn", False, "start.keras"),
        ("faster_rcnn", False, out / "steps" / "2" / "model.keras"),
        ("faster_rcnn", False, out / "steps" / "3" / "model.keras"),
    ]
    third = Recorded()
    monkeypatch.setattr(trainer, "fit_single_stage", third)
    fit("faster_rcnn", source, out=out, resume=True)
    assert [call[:3] for call in third.calls] == [("faster_rcnn", True, None)]
    with pytest.raises(InputError, match="folder is not empty"):
        fit("faster_rcnn", source, RECIPE, out=out)


def test_what_each_step_learns(tmp_path):
    first, second, third, last = four_steps(RECIPE, tmp_path)
    assert (
        first.recipe.model["trainable_part"] == "proposals"
        and "freeze_backbone" not in first.recipe.model
    )
    assert second.recipe.proposals == f"network:{first.folder}"
    assert second.recipe.max_proposals == second.recipe.model["max_proposals"] == 32
    assert "anchor_sizes" not in second.recipe.model
    assert third.recipe.model["freeze_backbone"] and last.recipe.model["freeze_backbone"]
    assert last.recipe.model["trainable_part"] == "regions" and last.folder == tmp_path
    plain = four_steps(dataclasses.replace(RECIPE, model={}), tmp_path)[1].recipe
    assert plain.model == {"rois_per_image": 128, "max_proposals": 2000}


@pytest.mark.parametrize(
    ("architecture", "model", "words"),
    [
        ("fast_rcnn", {}, "four_steps is for faster_rcnn"),
        ("faster_rcnn", {"head": "fpn"}, "for a single feature map"),
        ("faster_rcnn", {"trainable_part": "all"}, "leave model.trainable_part out"),
        ("faster_rcnn", {"backbone": "vgg61"}, "unknown"),
    ],
)
def test_what_four_steps_are_not_for(world, tmp_path, architecture, model, words):
    recipe = dataclasses.replace(RECIPE, model=model)
    with pytest.raises(InputError, match=words):
        fit(architecture, f"coco:{world}", recipe, out=tmp_path / "run")
    assert not list((tmp_path / "run").glob("*"))


def test_recipes_say_whether():
    assert not recipe_for("faster_rcnn", "detection").four_steps
    with pytest.raises(InputError, match="four_steps must be True or False"):
        recipe_for("faster_rcnn", "detection").changed({"four_steps": "yes"})
