"""R-CNN's stages: features on disk, hard background, ridge regression, one command, resumed."""

import shutil

import keras
import numpy as np
import pytest
from block_images import write_blocks
from keras import ops
from sklearn.svm import LinearSVC

import zoo
from training.data.augment import Augmentation
from training.data.proposals import open_proposals, with_proposals
from training.data.sources import open_source
from training.recipe import Recipe, recipe_for
from training.run import open_run
from training.stages.rcnn.rcnn_features import FeatureFiles
from training.stages.rcnn.rcnn_regression import regress_boxes
from training.stages.rcnn.rcnn_stages import RegionSvms
from training.stages.rcnn.rcnn_svms import NEVER, Svm, mine_svms
from training.trainer import fit
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing

RECIPE = {
    "image_size": (64, 64),
    "batch_size": 2,
    "epochs": 2,
    "max_proposals": 20,
    "augmentation": Augmentation(),
    "model": {
        **{
            key: zoo.card("rcnn").tiny[key]
            for key in ("norm", "width", "hidden_units", "crop_size")
        },
        "dropout": 0.0,
        "context": 4,
        "rois_per_image": 8,
        "max_proposals": 20,
        "chunk_size": 16,
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_blocks(tmp_path_factory.mktemp("blocks"))


def recipe(world, **changes):
    return Recipe.of(**{**RECIPE, "proposals": f"files:{world}", **changes})


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    """A finished run, and its log."""
    lines = []
    out = tmp_path_factory.mktemp("runs") / "run"
    run = fit("rcnn", f"coco:{world}", recipe(world), out=out, log=lines.append)
    return run, lines


def source_of(world, run):
    run.proposer = open_proposals(f"files:{world}")
    return with_proposals(open_source(f"coco:{world}"), run.proposer, 20)


def test_one_command_goes_through_all_stages(trained):
    run, lines = trained
    assert any("SVMs of 2 classes: 12 objects" in line for line in lines)
    assert any(line.startswith("val_ap50: softmax ") for line in lines)
    stages = run.info["stages"]
    assert list(stages) == ["softmax", "softmax_boxes", "svm_boxes"]
    assert {stage["metric"] for stage in stages.values()} == {"val_ap50"}
    assert run.info["best"] == stages["svm_boxes"] and run.info["finished"]
    better = stages["softmax_boxes"]["value"] > stages["svm_boxes"]["value"]
    assert better == any("the softmax scores better" in line for line in lines)
    head = run.model().box_head
    assert float(head.get_layer("scores").solved) == 1.0
    assert ops.convert_to_numpy(head.get_layer("svms").kernel).any()
    assert not (run.folder / "features").exists()


def test_a_finished_run_stays_and_an_interrupted_one_resumes(world, trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained[0].folder, folder)
    before = (folder / "model.keras").read_bytes()
    fit("rcnn", f"coco:{world}", out=folder, resume=True, log=lambda line: None)
    assert (folder / "model.keras").read_bytes() == before
    run = open_run(folder)
    kernel = ops.convert_to_numpy(run.model().box_head.get_layer("svms").kernel)
    # As if killed between two images: nothing is solved, some features are there.
    run.write_info(solved=None)
    model, source = run.model(), source_of(world, run)
    files = FeatureFiles(run, model, 2)
    files.make(source, lambda number: None)
    kept = files.folder / "0000002.npz"
    (files.folder / "0000004.npz").unlink()
    (files.folder / "0000005.npz").write_bytes(b"PK half")
    stamp = kept.stat().st_mtime_ns
    seen: list[int] = []
    files.make(source, lambda number: seen.append(kept.stat().st_mtime_ns))
    assert set(seen) == {stamp} and len(seen) == 6
    RegionSvms().conclude(run, source, "val", lambda line: None)
    found = ops.convert_to_numpy(run.model().box_head.get_layer("svms").kernel)
    np.testing.assert_allclose(found, kernel, rtol=1e-3, atol=1e-4)


def test_features_of_another_model_are_removed(world, trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained[0].folder, folder)
    run = open_run(folder)
    source = source_of(world, run)
    files = FeatureFiles(run, run.model(), 2)
    files.make(source, lambda number: None)
    old = next(files.read(1, "fc7"))[0]
    other = run.model()
    other.box_head.get_layer("fc7").kernel.assign_add(
        np.ones(other.box_head.get_layer("fc7").kernel.shape, "float32")
    )
    with replacing(folder / "model.keras") as temporary:
        other.save(temporary)
    files = FeatureFiles(run, other, 2)
    files.make(source, lambda number: None)
    assert np.abs(next(files.read(1, "fc7"))[0] - old).max() > 0.1


def test_features_are_those_that_predictions_are_made_of(world, trained, tmp_path):
    """Stored features give, through the folded SVMs, the scores of the predictions."""
    folder = tmp_path / "run"
    shutil.copytree(trained[0].folder, folder)
    run = open_run(folder)
    source = source_of(world, run)
    model = run.model()
    files = FeatureFiles(run, model, 2)
    files.make(source, lambda number: None)
    fc7, overlaps, classes = next(files.read(1, "fc7", "overlaps", "true_classes"))
    sample = next(source.samples("train"))[1]
    assert classes.tolist() == sample["labels"].tolist() and len(fc7) == 2 + 16
    assert overlaps[0, 0] == pytest.approx(1) and overlaps[1, 1] == pytest.approx(1)
    kernel, bias = (ops.convert_to_numpy(w) for w in model.box_head.get_layer("svms").weights)
    margins = fc7[2:] @ kernel + bias
    loose = zoo.build("rcnn", **{**model.arguments, "nms_iou": 1.0, "score_threshold": 0.0})
    loose.set_weights(model.get_weights())
    taken = {"image": sample["image"][None], "proposals": sample["proposals"][None]}
    predictions = zoo.predict(loose, taken, image_size=(64, 64))
    found = ops.convert_to_numpy(predictions["scores"])[0][:32]
    expected = np.sort(1 / (1 + np.exp(-margins.ravel())))[::-1]
    np.testing.assert_allclose(found, expected, atol=5e-3)


class CachedProposals(FeatureFiles):
    """Features from memory."""

    def __init__(self, rows):
        self.rows = rows

    def read(self, count, *keys):
        for row in self.rows[:count]:
            yield [row[key].copy() for key in keys]


def drawn(images=8, regions=400, width=12):
    """Features of two classes, background beside them, and pairs; a third class has none."""
    random = np.random.default_rng(3)
    centers = random.normal(0, 1.2, (3, width))
    truth = random.normal(0, 1, (2, 4, width))
    rows = []
    for _ in range(images):
        labels = random.integers(0, 2, 5)
        true = centers[labels] + random.normal(0, 1, (5, width))
        background = centers[2] + random.normal(0, 1, (regions, width))
        overlaps = np.zeros((5 + regions, 3))
        overlaps[np.arange(5), labels] = 1.0
        overlaps[5:15, 0] = 0.4
        pool5 = random.normal(0, 3, (6, width))
        own = random.integers(0, 2, 6)
        targets = 0.1 * np.einsum("nkd,nd->nk", truth[own], pool5) + 0.5
        norms = [np.linalg.norm(background, axis=1).sum(), 3 * regions, regions]
        rows.append({
            "fc7": np.concatenate([true, background]), "overlaps": overlaps, "true_fc7": true,
            "true_classes": labels, "norms": np.array(norms), "pool5": pool5,
            "pair_classes": own, "pair_targets": targets,
        })  # fmt: skip
    return CachedProposals(rows), rows


def hinge(weights, intercept, positives, negatives):
    """The SVM's objective by its definition; liblinear's bias is a weight of a feature of 10."""
    losses = 2.0 * np.maximum(0, 1 - positives @ weights - intercept).sum()
    losses += np.maximum(0, 1 + negatives @ weights + intercept).sum()
    return 0.5 * (weights @ weights + (intercept / 10) ** 2) + 1e-3 * losses


def test_mined_svms_are_nearly_those_of_all_background(monkeypatch):
    monkeypatch.setattr("training.stages.rcnn.rcnn_svms.RETRAIN", 500)
    files, rows = drawn()
    seen = []
    found = mine_svms(files, len(rows), ["a", "b", "none"], seen.append)
    assert seen == list(range(1, 9))
    total = np.sum([row["norms"] for row in rows], axis=0)
    scale = 20 / (total[0] / total[2])
    for label in (0, 1):
        every = [
            (row["fc7"] * scale, row["overlaps"][:, label], row["true_classes"]) for row in rows
        ]
        positives = np.concatenate([fc7[:5][classes == label] for fc7, _, classes in every])
        negatives = np.concatenate([fc7[overlap < 0.3] for fc7, overlap, _ in every])
        whole = LinearSVC(
            C=1e-3, loss="hinge", class_weight={1: 2.0}, intercept_scaling=10, max_iter=100_000
        ).fit(np.concatenate([positives, negatives]), [1] * len(positives) + [0] * len(negatives))
        best = hinge(whole.coef_[0], whole.intercept_[0], positives, negatives)
        mined = hinge(found.weights[label] / scale, found.intercepts[label], positives, negatives)
        assert mined < 1.05 * best, (label, mined, best)
    assert found.intercepts[2] == NEVER and not found.weights[2].any()
    assert any("none: no training objects" in note for note in found.notes)


def test_easy_background_is_dropped_and_hard_one_kept():
    svm = Svm(np.full((20, 2), 10.0))
    svm.consider(np.full((30, 2), -10.0))
    svm.solve()
    assert svm.weights is not None
    margins = svm.margins(svm.negatives)
    assert (margins >= -1.2).all()
    kept = len(svm.negatives)
    svm.consider(np.array([[-1e4, -1e4], [9.0, 9.0]]))
    svm.solve()
    assert len(svm.negatives) == kept + 1


def test_boxes_are_the_ridge_of_the_definition():
    files, rows = drawn()
    weights, intercepts, pairs = regress_boxes(files, len(rows), 3)
    assert pairs == 48 and not weights[2].any() and not intercepts[2].any()
    scale = 20 / 3
    for label in (0, 1):
        own = [row["pair_classes"] == label for row in rows]
        x = np.concatenate(
            [r["pool5"][o].astype(np.float16) for r, o in zip(rows, own, strict=True)]
        )
        t = np.concatenate([r["pair_targets"][o] for r, o in zip(rows, own, strict=True)])
        x = scale * x.astype(np.float64)
        centered, wanted = x - x.mean(0), t - t.mean(0)
        solved = np.linalg.solve(centered.T @ centered + 1000 * np.eye(12), centered.T @ wanted).T
        np.testing.assert_allclose(weights[label], scale * solved, rtol=1e-3, atol=1e-5)
        expected = t.mean(0) - solved @ x.mean(0)
        np.testing.assert_allclose(intercepts[label], expected, rtol=1e-3, atol=1e-4)


def test_data_that_svms_cannot_use():
    files, rows = drawn(2)
    for row in rows:
        row["overlaps"][:] = 1.0
    with pytest.raises(InputError, match="no proposal of the training images is background to a"):
        mine_svms(files, 2, ["a", "b", "c"], lambda number: None)
    for row in rows:
        row["true_fc7"], row["true_classes"] = row["true_fc7"][:0], row["true_classes"][:0]
    with pytest.raises(InputError, match="have no labeled object"):
        mine_svms(files, 2, ["a", "b", "c"], lambda number: None)
    for row in rows:
        row["norms"] = np.zeros(3)
    with pytest.raises(InputError, match="have no proposals"):
        mine_svms(files, 2, ["a", "b", "c"], lambda number: None)


def test_a_softmax_alone_has_its_boxes_regressed(world, tmp_path):
    model = {**RECIPE["model"], "scores": "softmax"}
    lines = []
    keras.utils.set_random_seed(0)
    run = fit(
        "rcnn", f"coco:{world}", recipe(world, model=model, epochs=1), out=tmp_path / "run",
        log=lines.append,
    )  # fmt: skip
    assert list(run.info["stages"]) == ["softmax", "softmax_boxes"]
    names = [layer.name for layer in run.model().box_head.layers]
    assert "svms" not in names and not any("SVMs" in line for line in lines)
    assert ops.convert_to_numpy(run.model().box_head.get_layer("boxes").bias).any()


def test_recipe_is_the_papers():
    own = recipe_for("rcnn", "detection")
    assert own.learning_rate == 1e-3 and own.max_proposals == 2000
    assert own.batch.batch_size * 64 == 128 and own.batch.augmentation.scale == (1.0, 1.0)
