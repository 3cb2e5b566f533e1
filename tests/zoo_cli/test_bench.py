"""`zoo bench`: plans, synthetic batches, results and a whole call."""

import json
from argparse import Namespace

import numpy as np
import pytest

import zoo
from zoo.errors import InputError
from zoo_cli import main
from zoo_cli.bench.bench_batch import synthetic_batch
from zoo_cli.bench.bench_one import timed
from zoo_cli.bench.bench_plan import PARTS, Bench, make_benches
from zoo_cli.bench.bench_report import report, to_text


def options(*names, **changes):
    given = {
        "names": list(names), "image_size": None, "batch_size": None, "set": [], "tiny": False,
        "parts": [], "rounds": 2, "seconds": 0.1,
    }  # fmt: skip
    return Namespace(**{**given, **changes})


def test_plans():
    (plan,) = make_benches(options("unet", "unet", set=["model.filters=8", "precision=float32"]))
    assert plan.arguments == {**zoo.card("unet").published, "filters": 8}
    assert plan.parts == PARTS and plan.batch_size == plan.recipe.batch.batch_size
    again = Bench.from_json(plan.to_json())
    assert again.to_json() == plan.to_json() and again.recipe == plan.recipe
    assert again.image_size == plan.image_size == (572, 572)
    (tiny,) = make_benches(options("unet", tiny=True, image_size=(32, 48), batch_size=3))
    assert tiny.arguments == zoo.card("unet").tiny
    assert (tiny.image_size, tiny.batch_size) == ((32, 48), 3)
    (some,) = make_benches(options("unet", parts=["litert", "forward"]))
    assert some.parts == ("forward", "litert")


def test_a_trained_model_is_measured_unchanged(tmp_path):
    path = tmp_path / "model.keras"
    zoo.card("unet").build_tiny().save(path)
    (plan,) = make_benches(options(str(path), image_size=(32, 32)))
    assert (plan.architecture, plan.path, plan.arguments) == ("unet", str(path), {})
    with pytest.raises(InputError, match="apply to architecture names, not to trained runs"):
        make_benches(options(str(path), tiny=True))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["unett"], "did you mean 'unet'"),
        (["unet", "--parts", "forwards"], "did you mean 'forward'"),
        (["unet", "--rounds", "0"], "--rounds must be at least 1, not 0"),
        (["unet", "--set", "lerning_rate=1"], "learning_rate"),
    ],
)
def test_bad_input(words, expected, capsys):
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and expected in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("task", sorted({zoo.card(name).task for name in zoo.list_models()}))
def test_batches_of_every_task(task):
    name = next(n for n in zoo.list_models(task) if zoo.card(n).build_tiny().sizes is None)
    model = zoo.card(name).build_tiny()
    images, targets = synthetic_batch(model, (32, 48), 2, 12)
    pixels = images["image"] if isinstance(images, dict) else images
    assert pixels.shape == (2, 32, 48, model.channels) and pixels.max() > 200
    assert set(zoo.card(name).targets) <= set(targets)
    for key, value in targets.items():
        field = zoo.tasks.SCHEMA[key]
        assert value.dtype == field.dtype and len(value) == 2, key
    for key in ("box", "boxes"):
        if key in targets:
            boxes = targets[key][..., :8, :] if key == "boxes" else targets[key]
            assert (boxes[..., 2:] > boxes[..., :2]).all()
            assert (boxes <= [48, 32, 48, 32]).all()
    if "labels" in targets:
        assert (targets["labels"] >= 0).sum(1).tolist() == [8, 8]
        assert targets["labels"].shape == (2, 12)


def test_timed():
    calls = []
    assert len(timed(lambda: calls.append(1), 0.0)) == 1
    assert len(timed(lambda: calls.append(1), 0.0, least=3)) == 3
    assert len(timed(lambda: calls.append(1), 60.0)) == 100
    assert len(calls) == 104


def row(name, times, **changes):
    parts = list(times)
    base = {
        "name": name, "image_size": [64, 64], "batch_size": 4, "precision": "float32",
        "parameters": 1000, "flops": 3_000_000, "forward_flops": 2_000_000, "keras_bytes": 500,
        "saved_model_bytes": None, "litert_bytes": 700, "errors": {}, "product": [2.0, 1.0],
        "product_flops": 10_000_000, "memory": {"start": 5, **dict.fromkeys(parts, 9)},
        "accelerator_memory": dict.fromkeys(parts), "times": times,
        "compile_seconds": {part: {"prepare": 0.5, "first_call": 1.5} for part in parts},
        "machine": {"processor": "P", "cores": 2, "accelerators": [], "keras": "3", "backend": "b"},
    }  # fmt: skip
    return {**base, **changes}


def test_results_by_hand():
    """The fastest product: 10 MFLOP in 1 ms. A forward pass of 2 MFLOP in 2 ms is a tenth of it."""
    times = {"forward": [1.0, 2.0, 9.0], "train_step": [36.0], "litert": [3.0, 3.0]}
    slow = row("slow", {"forward": [8.0]}, product=[4.0], errors={"litert": "needs FlexFoo"})
    found = report([row("fast", times), slow, {"name": "gone", "error": "killed by signal 9"}])
    assert found["peak_flops"] == {"float32": 1e10}
    fast, slow, gone = found["models"]
    forward = fast["parts"]["forward"]
    assert (forward["median_ms"], forward["calls"], forward["batch_size"]) == (2.0, 3, 1)
    assert forward["p95_ms"] == pytest.approx(np.percentile([1, 2, 9], 95))
    assert forward["images_per_second"] == 500 and forward["fraction_of_peak"] == 0.1
    # Four images, three passes of 3 MFLOP each, in 36 ms: 1 MFLOP per millisecond.
    step = fast["parts"]["train_step"]
    assert step["fraction_of_peak"] == 0.1 and step["batch_size"] == 4
    assert step["images_per_second"] == pytest.approx(1000 * 4 / 36, abs=1e-3)
    assert fast["parts"]["litert"]["fraction_of_peak"] == 0.1
    assert slow["parts"]["forward"]["fraction_of_peak"] == 0.025
    assert gone == {"name": "gone", "error": "killed by signal 9"}
    text = to_text(json.loads(json.dumps(found)))
    assert "gone: failed: killed by signal 9" in text and "slow: no litert: needs FlexFoo" in text
    assert "10.00 GFLOP/s in float32" in text


def test_unknown_flops_have_no_fraction_of_peak():
    found = report([row("x", {"forward": [1.0]}, flops=None, forward_flops=None)])
    assert found["models"][0]["parts"]["forward"]["fraction_of_peak"] is None
    assert "—" in to_text(found)


def test_a_whole_call(capsys):
    """A model that is measured, and one that cannot be built."""
    words = ["bench", "unet", "segnet", "--tiny", "--image-size", "32x32", "--batch-size", "2"]
    words += ["--rounds", "2", "--seconds", "0.01", "--set", "model.depth=2", "--json"]
    assert main([*words, "--parts", "forward", "train_step", "litert"]) == 0
    out, err = capsys.readouterr()
    unet, segnet = json.loads(out)["models"]
    assert set(unet["parts"]) == {"forward", "train_step", "litert"} and not unet["errors"]
    assert unet["litert_bytes"] > 0 and unet["keras_bytes"] > 0
    for part in unet["parts"].values():
        assert part["calls"] >= 2 and 0 < part["median_ms"] <= part["p95_ms"]
        assert part["peak_memory"] > 10_000_000 and 0 < part["fraction_of_peak"] < 2
    assert "segnet has no argument 'depth'" in segnet["error"]
    assert "round 2/2: unet" in err
