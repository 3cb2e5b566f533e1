"""From a data set's sentences to a captioner that is trained, measured, exported, read."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from training.data.caption_targets import texts_of, with_vocabulary
from training.data.pipeline import training_batches, validation_batches
from training.data.sources import open_source
from training.data.vocabulary import sentence
from training.evaluation.meteor import BUILT_IN
from training.model_setup import batch_config_of
from training.recipe import recipe_for
from training.trainer import fit
from zoo.errors import InputError
from zoo.tasks.captioning_task import SPECIAL
from zoo_cli import main
from zoo_cli.compare.compare_measuring import evaluated
from zoo_cli.compare.compare_plan import make_plans
from zoo_cli.parser import make_parser

TINY = {
    "image_size": [48, 64],
    "epochs": 2,
    "batch_size": 4,
    "max_objects": 6,
    "learning_rate": 0.003,
    "model.norm": "group",
    "model.width": 0.125,
    "model.filters": 16,
    "model.hidden_units": 32,
    "model.dropout": 0.0,
    "model.language_units": 24,
    "model.embedding_dim": 16,
    "model.anchor_shapes": [[16, 16], [32, 32], [64, 48]],
    "model.rois_per_image": 16,
    "model.positive_iou": 0.5,
    "model.max_proposals": 16,
    "model.max_detections": 4,
    "model.max_words": 4,
    "model.score_threshold": 0.0,
    "model.backbone_options": {"blocks": [1, 1, 1, 1, 1], "use_bias": False},
}
COLORS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


def regions(folder, count=20):
    """Two colored rectangles an image, each with a sentence, in Visual Genome's layout."""
    random = np.random.default_rng(0)
    images, described = [], []
    (folder / "images").mkdir(parents=True)
    for number in range(1, count + 1):
        pixels = random.integers(90, 110, (48, 64, 3), dtype=np.uint8)
        found = []
        for side, color in enumerate(random.permutation(list(COLORS))):
            x, y = 2 + 32 * side + random.integers(0, 6), random.integers(2, 14)
            width, height = random.integers(18, 24, 2)
            pixels[y : y + height, x : x + width] = COLORS[color]
            phrase = f"A {color} box, {('left', 'right')[side]}!"
            found.append(
                {"region_id": 10 * number + side, "x": int(x), "y": int(y), "width": int(width),
                 "height": int(height), "phrase": phrase}
            )  # fmt: skip
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        images.append({"image_id": number, "width": 64, "height": 48})
        described.append({"id": number, "regions": found})
    (folder / "image_data.json").write_text(json.dumps(images))
    (folder / "region_descriptions.json").write_text(json.dumps(described))
    return f"regions:{folder}"


def recipe(**changes):
    return recipe_for("densecap", "captioning").changed({**TINY, **changes})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return regions(tmp_path_factory.mktemp("regions") / "data")


def batches_with_words(source, chosen):
    return with_vocabulary(batch_config_of("densecap", chosen), source, chosen.min_word_count)


def test_sentences_become_numbers(data):
    source = open_source(data)
    batches, (note,) = batches_with_words(source, recipe())
    words = batches.vocabulary.words
    assert set(words) == {"a", "red", "blue", "box", "left", "right"}
    count = 2 * source.sizes["train"]
    assert note.startswith(f"{data}: 6 words of {count} training captions; at most 4 words each")
    images, targets = next(iter(training_batches(source, "train", batches)))
    assert images.shape == (4, 48, 64, 3) and targets["captions"].shape == (4, 6, 6)
    for caption, label in zip(targets["captions"][0], targets["labels"][0], strict=True):
        said = sentence(caption, (*SPECIAL, *words))
        assert (len(said.split()) == 4) == (label >= 0)
    _, targets = next(iter(validation_batches(source, "val", batches)))
    assert (targets["captions"][:, :2, 0] == 1).numpy().all()


def test_the_speed_of_images_with_sentences(data, capsys):
    words = ["data", data, "--speed", "--seconds", "0.2", "--model", "densecap", "--json"]
    assert main([*words, "--image-size", "48x64", "--set", "batch_size=4"]) == 0
    assert json.loads(capsys.readouterr().out)["images_per_second"] > 0


def test_cut_captions_and_unknown_words_are_logged(data):
    source = open_source(data)
    count = 2 * source.sizes["train"]
    _, (note,) = batches_with_words(source, recipe(**{"model.max_words": 3}))
    assert f"{count} of {count} captions were cut" in note
    batches, (note,) = batches_with_words(source, recipe(min_word_count=count))
    assert set(batches.vocabulary.words) == {"a", "box"}
    assert f"{2 * count} of {4 * count} words are unknown" in note
    with pytest.raises(InputError, match=r"^regions:.*The vocabulary is empty.*occurs"):
        batches_with_words(source, recipe(min_word_count=1000))


def test_texts_of_every_kind_of_source(data, shared_data):
    found = texts_of(open_source("shapes"), "val")
    assert all(isinstance(text, bytes) and text.startswith((b"a ", b"an ")) for text in found)
    coco = open_source(f"coco:{shared_data}/coco_mini?labels=captions&limit=4")
    assert len(texts_of(coco, "train")) >= 4 * 5
    sample = next(iter(coco.samples("train")))[1]
    height, width = sample["image"].shape[:2]
    assert (sample["boxes"] == [0, 0, width, height]).all()


def test_data_without_sentences(shared_data):
    with pytest.raises(InputError, match="the data set has no captions"):
        fit("densecap", f"coco:{shared_data}/coco_mini?limit=4", recipe(), out="/nowhere/at/all")


def test_compared_in_words_of_their_own(data, tmp_path):
    words = ["compare", "densecap", "--tiny", "--data", data, "--epochs", "1", "--out", "none"]
    source = open_source(data)
    (plan,) = make_plans(make_parser().parse_args(words), source)
    assert "vocabulary_size" not in plan.recipe.model
    labels = [*SPECIAL, "a", "red", "box"]
    found = {
        "boxes": np.array([[0, 0, 30, 30]], np.float32),
        "scores": np.array([0.5]),
        "labels": np.array([0]),
        "captions": np.array([[4, 5, 6, 0]]),
    }
    measured = evaluated(lambda image: found, tmp_path, plan, source, labels)
    assert measured["images"] == source.sizes["val"]
    with np.load(tmp_path / "samples.npz") as kept:
        assert kept["0_captions"].tolist() == ["a red box"]


def test_trained_measured_exported_and_read(data, tmp_path, capsys, monkeypatch):
    # The official METEOR takes seconds to begin.
    monkeypatch.setattr(shutil, "which", lambda name: None)
    run = fit("densecap", data, recipe(), out=tmp_path / "run", log=lambda line: None)
    losses = [row["loss"] for row in run.history]
    assert losses[1] < losses[0] and "val_mean_ap" in run.history[-1]
    assert run.labels[:4] == list(SPECIAL) and len(run.labels) == 10
    assert run.model().tokens == tuple(run.labels)
    assert list((run.folder / "samples").glob("*.png"))
    # Goes on with the words that it has.
    more = run.folder / "recipe.toml"
    more.write_text(more.read_text().replace("epochs = 2", "epochs = 3"))
    again = fit("densecap", data, out=run.folder, resume=True, log=lambda line: None)
    assert len(again.history) == 3
    capsys.readouterr()
    assert main(["evaluate", str(run.folder), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert 0 <= measured["mean_ap"] <= measured["detection_ap"] <= 1
    assert measured["meteor_program"] == BUILT_IN
    image = str(tmp_path / "data.png")
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(image)
    out = tmp_path / "answers"
    words = ["predict", str(run.folder), image, "--out", str(out), "--min-score", "0", "--json"]
    assert main(words) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["images"]
    allowed = set(run.labels[3:])
    assert prediction["objects"] and all(
        set(one["caption"].split()) <= allowed for one in prediction["objects"]
    )
    assert main(["export", str(run.folder), "--format", "saved_model", "litert", "--json"]) == 0
    parity = json.loads(capsys.readouterr().out)["parity"]
    assert parity["saved_model"]["fraction_different"]["captions"] == 0
    assert parity["litert"]["fraction_different"]["captions"] <= 0.1
    assert parity["model"]["metrics"]["mean_ap"] == parity["saved_model"]["metrics"]["mean_ap"]
    written = (run.folder / "export" / "model.labels.txt").read_text().splitlines()
    assert written == run.labels
