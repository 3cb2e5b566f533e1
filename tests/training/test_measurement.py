"""Evaluation between epochs: when, on which images, and with which weights."""

import sys
import time

import numpy as np
import pytest
from image_folders import write_images

import zoo
from training import callbacks
from training import evaluation_callback as measurement
from training.data.augment import Augmentation
from training.data.sources import open_source
from training.evaluation import evaluate_predictor, evaluate_segmentation
from training.progress import Bar
from training.recipe import Recipe
from training.trainer import fit
from zoo.errors import InputError
from zoo.tasks import TASKS

RECIPE = Recipe.of(
    image_size=(16, 16),
    batch_size=4,
    epochs=5,
    learning_rate=1e-2,
    evaluation_interval=2,
    augmentation=Augmentation(),
    model={"filters": 4, "depth": 2},
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("measured") / "data", 12)
    return f"masks:{folder}?val=0.34&classes=ground,tree,road"


@pytest.fixture
def outside(monkeypatch):
    """Segmentation with its metric outside the graph."""
    monkeypatch.setattr(TASKS["segmentation"], "metrics", lambda model: {})


def trained(data, out, **changes):
    lines = []
    return fit("unet", data, RECIPE.changed(changes), out=out, log=lines.append), lines


def test_every_second_epoch_and_the_last(data, tmp_path, outside):
    run, lines = trained(data, tmp_path / "run")
    measured = [row["epoch"] for row in run.history if "val_mean_iou" in row]
    assert measured == [2, 4, 5]
    assert run.info["best"]["epoch"] in measured
    found = evaluate_predictor("segmentation", run.predictor(), open_source(data), "val")
    assert run.info["best"]["value"] == pytest.approx(found["mean_iou"], abs=1e-6)
    row = run.history[run.info["best"]["epoch"] - 1]
    assert row["val_pixel_accuracy"] == pytest.approx(found["pixel_accuracy"], abs=1e-6)
    # The log line has the monitored metric only, the table all of them.
    assert "val_mean_iou" in lines[1] and "val_mean_iou" not in lines[0]
    assert not any("val_pixel_accuracy" in line for line in lines)
    assert "val_mean_dice" in (run.folder / "metrics.csv").read_text().splitlines()[0]
    assert list((run.folder / "samples").glob("*.png"))


def test_averaged_weights_are_evaluated(data, tmp_path, outside):
    run, _ = trained(data, tmp_path / "run", ema=0.8, evaluation_interval=1, epochs=2)
    found = evaluate_predictor("segmentation", run.predictor(), open_source(data), "val")
    assert run.info["best"]["value"] == pytest.approx(found["mean_iou"], abs=1e-6)


def test_the_last_epoch_in_time_is_evaluated(data, tmp_path, outside):
    run = fit(
        "unet", data, RECIPE.changed({"evaluation_interval": 5, "epochs": 50}),
        out=tmp_path / "run", minutes=1e-4, log=lambda _: None,
    )  # fmt: skip
    assert [("val_mean_iou" in row) for row in run.history] == [True]
    assert run.model() is not None


def test_some_images_only(data, tmp_path, outside, monkeypatch):
    seen = []

    def counted(task, prediction, source, split, names, samples, progress):
        kept = list(samples)
        seen.append([name for name, _ in kept])
        return evaluate_segmentation(prediction, kept, names, progress)

    monkeypatch.setattr(measurement, "evaluate_predictor", counted)
    run, _ = trained(data, tmp_path / "run", max_evaluation_images=2, epochs=1)
    everything = [name for name, _ in open_source(data).samples("val")]
    assert seen == [[everything[0], everything[-1]]] and len(everything) == 4
    assert "val_mean_iou" in run.history[0]


def test_undefined_metrics_are_refused(data, tmp_path, outside, monkeypatch):
    monkeypatch.setattr(
        measurement, "evaluate_predictor", lambda *_: {"mean_iou": None, "images": 4}
    )
    with pytest.raises(
        InputError, match=r"val_mean_iou is not defined on val.*max_evaluation_images"
    ):
        trained(data, tmp_path / "run", max_evaluation_images=3, epochs=1)


def test_only_where_no_graph_computes_the_metric():
    model = zoo.card("unet").build_tiny()
    assert not measurement.needs_evaluation_callback(model)
    model.task_name = "detection"
    assert measurement.needs_evaluation_callback(model)


class FakeModel:
    stop_training = False


def judged(tmp_path, values, **options):
    """Epochs with values of a metric (None = not evaluated), and the progress at the end."""
    from training.run import Run

    run = Run(tmp_path, {"labels": []}, RECIPE)
    recorder = callbacks.RunRecorder(
        run, callbacks.new_progress(), ("val_ap50", "max"), every_epoch=False, **options
    )
    recorder.set_model(FakeModel())
    best = []
    for epoch, value in enumerate(values):
        recorder.on_epoch_begin(epoch)
        recorder.on_epoch_end(epoch, {"loss": 1.0} | ({} if value is None else {"val_ap50": value}))
        best.append(recorder.is_best)
        if recorder.model.stop_training:
            break
    return best, recorder.progress


def test_an_epoch_without_evaluation_is_never_the_best(tmp_path):
    best, progress = judged(tmp_path, [None, 0.2, None, 0.1, 0.3, None])
    assert best == [False, True, False, False, True, False]
    assert progress["best"] == {"metric": "val_ap50", "value": 0.3, "epoch": 5}


def test_patience_ends_only_with_an_evaluation(tmp_path):
    best, progress = judged(tmp_path, [0.5, None, None, None, 0.4, None], patience=2)
    assert len(best) == 5 and progress["stopped"] == "no better result for 4 epochs."
    late = judged(tmp_path, [None, None], deadline=time.monotonic() - 1)[1]
    assert late["stopped"] == callbacks.OUT_OF_TIME and late["best"] is None


def test_the_bar_is_for_terminals_only(capsys, monkeypatch):
    with Bar("measuring val", 4) as bar:
        bar(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bar("measuring val", 4) as bar:
        bar(2)
    text = capsys.readouterr().err
    assert f"measuring val [{'#' * 10}{' ' * 10}] 2/4 images" in text
    assert text.endswith("\r\033[K")


def test_a_bar_is_stepped_through_parts(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bar("reading", 2, "records") as bar:
        bar.step("train")
        bar.step("val")
    lines = capsys.readouterr().err.split("\r")
    assert lines[1].startswith("train [") and "1/2 records" in lines[1]
    assert lines[2].startswith("val [") and "2/2 records" in lines[2] and "0:00 left" in lines[2]


def test_samples_spread_over_the_split(data):
    source = open_source(data)
    names = [name for name, _ in source.samples("train")]
    few = [name for name, _ in source.samples("train", 3)]
    assert few == [names[i] for i in np.linspace(0, len(names) - 1, 3).round().astype(int)]
    assert [name for name, _ in source.samples("train", 99)] == names
