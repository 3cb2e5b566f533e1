"""Tiny runs: the run folder, and the result of an interrupted run."""

import csv
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from image_folders import write_images
from PIL import Image

import training
import zoo
from training import callbacks
from training import trainer as fitting
from training.data.augment import Augmentation
from training.data.pipeline import steps_per_epoch
from training.data.sources import open_source
from training.evaluation import evaluate_segmentation
from training.model_setup import batch_config_of
from training.recipe import Recipe, read_recipe
from training.run import open_run
from zoo.errors import InputError
from zoo_cli import main

RECIPE = Recipe.of(
    image_size=(16, 16),
    batch_size=4,
    epochs=3,
    learning_rate=1e-2,
    warmup_epochs=0.5,
    seed=5,
    augmentation=Augmentation(flip_horizontal=0.5, rotate=10),
    model={"filters": 4, "depth": 2, "dropout": 0.2},
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve images: eight for training, four for validation."""
    folder = write_images(tmp_path_factory.mktemp("fit") / "data", 12)
    return f"masks:{folder}?val=0.34&classes=ground,tree,road"


def run(data, out, recipe=RECIPE, **options):
    lines = []
    done = fitting.fit("unet", data, recipe, out=out, log=lines.append, **options)
    return done, lines


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    """A run of three epochs and the lines it wrote."""
    return run(data, tmp_path_factory.mktemp("unbroken") / "run")


def test_the_run_folder(unbroken, data):
    done, lines = unbroken
    names = {path.name for path in done.folder.iterdir()}
    assert names == {
        *("model.keras", "run.json", "recipe.toml", "labels.txt", "metrics.csv"),
        *("metrics.json", "checkpoint.npz", "samples", "logs"),
    }
    info = json.loads((done.folder / "run.json").read_text())
    assert info["architecture"] == "unet" and info["data"] == data and info["finished"] is True
    assert info["labels"] == ["ground", "tree", "road"] and info["task"] == "segmentation"
    assert info["environment"]["keras"] == keras.__version__
    assert (done.folder / "labels.txt").read_text() == "ground\ntree\nroad\n"
    whole = RECIPE.changed({"architecture": "unet", "data": data})
    assert read_recipe(done.folder / "recipe.toml") == whole
    with (done.folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {"loss", "val_loss", "mean_iou", "val_mean_iou", "val_pixel_accuracy"} <= set(rows[0])
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in done.history]
    best = max(done.history, key=lambda row: row["val_mean_iou"])
    assert info["best"]["epoch"] == best["epoch"] and info["best"]["metric"] == "val_mean_iou"
    samples = {path.name for path in (done.folder / "samples").iterdir()}
    assert f"epoch_{best['epoch']:03d}.png" in samples
    with Image.open(done.folder / "samples" / sorted(samples)[0]) as sheet:
        assert sheet.width > 3 * 200
    assert any((done.folder / "logs").iterdir())
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all("images/s" in line and "left" in line for line in lines)


def test_the_loss_falls(data, tmp_path):
    recipe = RECIPE.changed({"epochs": 10, "learning_rate": 0.03, "augmentation.rotate": 0.0})
    done, _ = run(data, tmp_path / "run", recipe)
    losses = [row["loss"] for row in done.history]
    assert losses[-1] < 0.5 * losses[0]
    report = evaluate_segmentation(
        done.predictor(), open_source(data).samples("val"), tuple(done.labels)
    )
    assert report["pixel_accuracy"] > report["majority_baseline"]["pixel_accuracy"]


def test_the_saved_model_is_the_best_epochs(unbroken, data):
    """The model in the file has the recorded loss and metric of the best epoch."""
    done, _ = unbroken
    model = done.model()
    assert isinstance(model, zoo.Model) and model.arguments["num_classes"] == 3
    model.compile()
    batches = batch_config_of("unet", RECIPE)
    from training.data.pipeline import validation_batches

    values = model.evaluate(
        validation_batches(open_source(data), "val", batches), verbose=0, return_dict=True
    )
    best = done.history[done.info["best"]["epoch"] - 1]
    assert values["mean_iou"] == pytest.approx(best["val_mean_iou"], abs=1e-5)
    assert values["loss"] == pytest.approx(best["val_loss"], rel=1e-4)


def test_predictions_are_of_the_images_own_size(unbroken):
    predict = unbroken[0].predictor()
    for size in [(20, 24), (7, 31)]:
        found = predict(np.zeros((*size, 3), np.uint8))["segmentation"]
        assert found.shape == size and set(np.unique(found)) <= {0, 1, 2}


def same_results(first, second, begun=None):
    """Asserts equal weights and metrics per epoch, except for the time.

    The training metrics of an epoch that was `begun` before are of the batches since then.
    """
    for epoch, (one, two) in enumerate(zip(first.history, second.history, strict=True)):
        keys = {key for key in one if epoch != begun or key.startswith("val_")}
        for key in keys - {"seconds"}:
            assert one[key] == pytest.approx(two[key], rel=1e-6, abs=1e-9), (one["epoch"], key)
    assert first.info["best"] == pytest.approx(second.info["best"])
    for one, two in zip(first.model().weights, second.model().weights, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-5, atol=1e-7)


_DIES_BEFORE_THE_SECOND_CHECKPOINT = """
import os, sys
from pathlib import Path
import training.callbacks as callbacks
from training.trainer import fit
from training.recipe import read_recipe

save = callbacks.save_state

def save_once(path, model, progress):
    if progress["epoch"] == 2:
        os._exit(137)
    save(path, model, progress)

callbacks.save_state = save_once
fit("unet", sys.argv[1], read_recipe(Path(sys.argv[3])), out=sys.argv[2], log=str)
"""


def test_a_killed_run_ends_where_an_unbroken_one_does(unbroken, data, tmp_path):
    """Killed after the model and the metrics of the second epoch have been written."""
    recipe, out = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE.to_toml())
    killed = subprocess.run(
        [sys.executable, "-c", _DIES_BEFORE_THE_SECOND_CHECKPOINT, data, out, recipe],
        cwd=Path(fitting.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert killed.returncode == 137, killed.stderr[-2000:]
    stopped = open_run(out)
    assert stopped.info["finished"] is False and len(stopped.history) == 2
    # The saved model is complete.
    assert stopped.model().count_params() > 0
    (out / "samples" / ".epoch_002.77.partial.png").write_text("half an image")
    resumed, lines = run(data, out, resume=True)
    assert [line.split()[1] for line in lines] == ["2/3", "3/3"]
    same_results(unbroken[0], resumed)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


class Interruption(Exception):
    """Stands for the end of a process."""


def interrupted(data, out, recipe, monkeypatch, epoch):
    """Runs until an epoch, counted from 0, begins."""
    begin = callbacks.RunRecorder.on_epoch_begin

    def begin_or_stop(self, number, logs=None):
        if number == epoch:
            raise Interruption
        begin(self, number, logs)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.RunRecorder, "on_epoch_begin", begin_or_stop)
        with pytest.raises(Interruption):
            run(data, out, recipe)


@pytest.mark.parametrize(("epoch", "batch", "ema"), [(0, 0, 0.0), (1, 2, 0.5), (2, 3, 0.0)])
def test_a_run_is_resumed_within_an_epoch(epoch, batch, ema, data, tmp_path, monkeypatch):
    recipe = RECIPE.changed({"checkpoint_minutes": 1e-9, "ema": ema, "batch_size": 2})
    assert steps_per_epoch(open_source(data), "train", recipe.batch.batch_size) == 4
    whole, _ = run(data, tmp_path / "whole", recipe)
    keep = callbacks.CheckpointCallback.on_train_batch_end

    def keep_and_stop(self, number, logs=None):
        keep(self, number, logs)
        if self.recorder.progress["epoch"] == epoch and number == batch:
            raise Interruption

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.CheckpointCallback, "on_train_batch_end", keep_and_stop)
        with pytest.raises(Interruption):
            run(data, tmp_path / "run", recipe)
    resumed, lines = run(data, tmp_path / "run", recipe, resume=True)
    assert [line.split()[1] for line in lines] == [f"{n}/3" for n in range(epoch + 1, 4)]
    same_results(whole, resumed, begun=epoch)


def test_a_run_stopped_in_its_first_epoch_has_nothing_to_go_on_from(data, tmp_path, monkeypatch):
    interrupted(data, tmp_path / "run", RECIPE, monkeypatch, epoch=0)
    with pytest.raises(InputError, match="no checkpoint to resume from; no epoch has finished"):
        run(data, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="no model yet; no epoch has finished"):
        open_run(tmp_path / "run").model()


def test_averaged_weights(unbroken, data, tmp_path, monkeypatch):
    """The average is evaluated and saved, the raw weights are trained; also when resumed."""
    recipe, raw = RECIPE.changed({"ema": 0.5}), unbroken[0]
    whole, _ = run(data, tmp_path / "a", recipe)
    # Training itself is the same (the swap there and back rounds), what is measured is not.
    assert [row["loss"] for row in whole.history] == pytest.approx(
        [row["loss"] for row in raw.history], rel=1e-3
    )
    assert whole.history[0]["val_loss"] != pytest.approx(raw.history[0]["val_loss"], rel=1e-3)
    interrupted(data, tmp_path / "c", recipe, monkeypatch, epoch=1)
    resumed, _ = run(data, tmp_path / "c", recipe, resume=True)
    same_results(whole, resumed)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(data, tmp_path, precision):
    recipe = RECIPE.changed({"precision": precision, "epochs": 1, "ema": 0.9})
    done, _ = run(data, tmp_path / "run", recipe)
    assert all(math.isfinite(row["loss"]) for row in done.history)
    model = done.model()
    # The saved model computes in float32.
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def scripted(monkeypatch, values):
    """Makes the metric of each epoch the next of `values`."""
    update_best = callbacks.RunRecorder._update_best

    def instead(self, epoch, row):
        update_best(self, epoch, {**row, self.metric: values[epoch]})

    monkeypatch.setattr(callbacks.RunRecorder, "_update_best", instead)


def test_early_stopping(data, tmp_path, monkeypatch):
    """Best in epoch 2, not better in 3 and 4, so patience of 2 ends it there."""
    scripted(monkeypatch, [0.1, 0.5, 0.5, 0.4, 0.9])
    recipe = RECIPE.changed({"epochs": 5, "patience": 2})
    done, _ = run(data, tmp_path / "run", recipe)
    assert len(done.history) == 4 and done.info["best"]["epoch"] == 2
    assert done.info["finished"] is True
    assert {path.name for path in (done.folder / "samples").iterdir()} == {
        "epoch_001.png",
        "epoch_002.png",
    }
    # Stopped is stopped: nothing to resume.
    again, lines = run(data, tmp_path / "run", resume=True)
    assert len(again.history) == 4 and lines == []


def test_a_run_out_of_time_is_resumed(unbroken, data, tmp_path):
    first, lines = run(data, tmp_path / "run", minutes=0.0)
    assert len(first.history) == 1 and len(lines) == 1
    second, lines = run(data, tmp_path / "run", resume=True)
    assert len(lines) == 2
    same_results(unbroken[0], second)
    # A finished run has nothing more to do.
    assert run(data, tmp_path / "run", resume=True)[1] == []


def test_a_loss_that_is_not_a_number(data, tmp_path):
    recipe = RECIPE.changed({"learning_rate": 1e30, "optimizer": "sgd", "model.norm": "none"})
    with pytest.raises(InputError) as caught:
        run(data, tmp_path / "run", recipe)
    message = str(caught.value)
    assert "the loss became" in message and "try a lower learning_rate" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 1, "resize": "crop"},
        {"model.padding": "valid", "image_size": [20, 24]},
        {"loss": "cross_entropy+lovasz", "class_weights": "median_frequency", "batch_size": 32},
        {"jit": True},
    ],
    ids=str,
)
def test_other_ways_to_train(data, tmp_path, changes):
    done, _ = run(data, tmp_path / "run", RECIPE.changed({**changes, "epochs": 1}))
    report = evaluate_segmentation(
        done.predictor(), open_source(data).samples("val"), tuple(done.labels)
    )
    assert report["images"] == 4 and 0 < report["pixel_accuracy"] <= 1
    assert math.isfinite(done.history[0]["loss"])


def test_border_weights(tmp_path):
    write_images(tmp_path / "cells", 6, folders=("images", "instances"))
    recipe = RECIPE.changed({"border_weight": 10.0, "border_sigma": 3.0, "epochs": 1})
    data = f"instances:{tmp_path / 'cells'}"
    weighted, _ = run(data, tmp_path / "a", recipe)
    plain, _ = run(data, tmp_path / "b", recipe.changed({"border_weight": 0.0}))
    assert weighted.history[0]["loss"] > 1.05 * plain.history[0]["loss"]
    assert weighted.history[0].keys() == plain.history[0].keys()


def test_on_drawn_shapes_with_weights_from_another_run(unbroken, tmp_path):
    source = open_source("shapes:single")
    source.sizes = {"train": 8, "val": 4}
    recipe = RECIPE.changed({"epochs": 1})
    file = unbroken[0].folder / "model.keras"
    done, lines = run(source, tmp_path / "run", recipe, weights=file)
    assert any(line.startswith("loaded ") and "not loaded: logits/kernel" in line for line in lines)
    assert done.labels[0] == "background" and done.data == "shapes:single"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: None, "folder is not empty; use another, or --resume"),
        (lambda run: (run / "run.json").unlink(), "not a run folder (no run.json in it)"),
        (lambda run: (run / "run.json").write_text("{"), "run.json: not readable"),
        (lambda run: (run / "run.json").write_text("[]"), "not a run of this version"),
        (lambda run: (run / "recipe.toml").unlink(), "recipe.toml: not readable"),
        (lambda run: (run / "recipe.toml").write_text("a = 1"), "recipe.toml: recipe: unknown key"),
        (lambda run: (run / "checkpoint.npz").write_text(""), "damaged checkpoint"),
    ],
)
def test_folders_that_are_no_run(unbroken, data, tmp_path, change, words):
    out = tmp_path / "run"
    shutil.copytree(unbroken[0].folder, out)
    change(out)
    with pytest.raises(InputError) as caught:
        run(data, out, resume="empty" not in words)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_metrics(unbroken, tmp_path):
    shutil.copytree(unbroken[0].folder, tmp_path / "run")
    (tmp_path / "run/metrics.json").write_text("[{")
    with pytest.raises(InputError, match=r"metrics\.json: not readable"):
        open_run(tmp_path / "run").history  # noqa: B018


def test_another_runs_folder(unbroken, shared_folder):
    out = unbroken[0].folder
    with pytest.raises(InputError, match="was trained on"):
        run(f"masks:{shared_folder}", out, resume=True)
    with pytest.raises(InputError, match="not a run folder"):
        run(f"masks:{shared_folder}", out.parent / "none", resume=True)


def test_a_saved_model_remembers_how_it_was_trained(unbroken):
    model = zoo.load(unbroken[0].folder / "model.keras")
    assert (model.image_size, model.resize) == ((16, 16), "letterbox")
    assert model.class_names == ("ground", "tree", "road")
    image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    found = zoo.predict(model, image[None])["segmentation"][0]
    np.testing.assert_array_equal(found, unbroken[0].predictor()(image)["segmentation"])


def test_evaluation_of_a_run_a_file_and_a_model(unbroken, data):
    run = unbroken[0]
    expected = evaluate_segmentation(
        run.predictor(), open_source(data).samples("val"), tuple(run.labels)
    )
    assert training.evaluate(run.folder) == expected == training.evaluate(run)
    assert training.evaluate(run.folder / "model.keras", data) == expected
    assert training.evaluate(run.model(), open_source(data), "train")["images"] == 8
    with pytest.raises(InputError, match="data must be a data set"):
        training.evaluate(run.model())


def test_a_recipe_file_repeats_a_run(unbroken, data, tmp_path):
    """With the recipe of a run, and with a short one that names architecture and data set."""
    recipe, out = str(unbroken[0].folder / "recipe.toml"), str(tmp_path / "a")
    assert main(["train", "--recipe", recipe, "--epochs", "1", "--out", out]) == 0
    assert open_run(tmp_path / "a").recipe == unbroken[0].recipe.changed({"epochs": 1})
    short = tmp_path / "short.toml"
    short.write_text(
        f"architecture = 'unet'\ndata = '{data}'\nepochs = 1\nimage_size = [16, 16]\n"
        "[model]\nfilters = 4\ndepth = 2\n"
    )
    assert main(["train", "--recipe", str(short), "--out", str(tmp_path / "b")]) == 0
    recipe = open_run(tmp_path / "b").recipe
    # The rest is of the architecture's own recipe.
    assert recipe.loss == "cross_entropy+dice" and recipe.batch.image_size == (16, 16)
    assert recipe.model["filters"] == 4 and recipe.data == data
