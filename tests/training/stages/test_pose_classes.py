"""The logistic regression of poses: missing keypoints, mirror images, the folded layer."""

import numpy as np
import pytest
from keras import ops
from sklearn.linear_model import LogisticRegression

import zoo
from training.data.body_joints import head_of, torso_of
from training.data.pipeline import BatchConfig
from training.data.shapes.figure_poses import JOINT_PAIRS, JOINTS
from training.data.sources import open_source
from training.model_setup import data_arguments
from training.stages.pose_classes import STRENGTH, mirror_images, pose_vectors, solve_pose_classes
from zoo.layers.pose_vector import pose_vector

TORSO = (8, 9, 2, 3)


def joints(count=5):
    points = np.random.default_rng(0).uniform(10, 90, (count, 14, 2))
    return np.concatenate([points, np.full((count, 14, 1), 2.0)], axis=-1)


@pytest.mark.parametrize("torso", [TORSO, None])
def test_whole_poses_are_what_the_graph_computes(torso):
    found, whole = pose_vectors(joints(), torso)
    expected = ops.convert_to_numpy(pose_vector(joints()[..., :2], torso))
    assert whole.all()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_poses_that_lack_joints():
    poses = joints(4)
    poses[0, 6] = 0  # a wrist
    poses[1, 8] = 0  # a shoulder
    poses[2] = 0
    vectors, whole = pose_vectors(poses, TORSO)
    assert whole.tolist() == [True, False, False, True]
    assert np.isnan(vectors[0]).nonzero()[0].tolist() == [12, 13]
    assert not np.isnan(vectors[3]).any()
    vectors, whole = pose_vectors(poses, None)
    assert whole.tolist() == [True, True, False, True]


def test_mirror_images_are_those_of_the_mirrored_image():
    poses = joints()
    mirrored = poses.copy()
    mirrored[..., 0] = 100 - mirrored[..., 0]
    for left, right in JOINT_PAIRS:
        mirrored[:, [left, right]] = mirrored[:, [right, left]]
    expected, _ = pose_vectors(mirrored, TORSO)
    found = mirror_images(pose_vectors(poses, TORSO)[0], JOINT_PAIRS)
    np.testing.assert_allclose(found, expected, atol=1e-9)


class Poses:
    """A data set of poses alone, in place of images."""

    spec = "poses"
    flip_pairs = JOINT_PAIRS


def solved(monkeypatch, poses, labels, classes=3, mirrored=False):
    import training.stages.pose_classes as module

    monkeypatch.setattr(module, "_labeled_poses", lambda source, batches: (poses, labels))
    model = zoo.card("pose_classifier").build_tiny(
        num_keypoints=14, torso=TORSO, num_classes=classes
    )
    batches = BatchConfig("pose_classification", (32, 32))
    return model, solve_pose_classes(model, Poses(), batches, mirrored)


def test_the_layer_is_scikit_learns_regression(monkeypatch):
    random = np.random.default_rng(1)
    poses, labels = joints(90), np.arange(90) % 3
    poses[:, 6, 1] += 60 * (labels == 1)
    poses[:, 11, 0] += 60 * (labels == 2)
    model, line = solved(monkeypatch, poses, labels)
    assert "90 labeled poses" in line and "most frequent class is 33.3 %" in line
    vectors, _ = pose_vectors(poses, TORSO)
    standard = (vectors - vectors.mean(0)) / vectors.std(0)
    expected = LogisticRegression(C=STRENGTH, max_iter=1000).fit(standard, labels)
    layer = model.get_layer("pose_logits")
    new = random.normal(size=(7, 28))
    logits = new @ ops.convert_to_numpy(layer.kernel) + ops.convert_to_numpy(layer.bias)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = expected.predict_proba((new - vectors.mean(0)) / vectors.std(0))
    np.testing.assert_allclose(shares, own, atol=1e-4)
    assert not layer.trainable and layer.kernel.path not in {
        variable.path for variable in model.trainable_variables
    }


def test_two_classes_a_class_never_seen_and_joints_never_labeled(monkeypatch):
    poses, labels = joints(60), np.arange(60) % 2 * 2
    poses[:, 6, 1] += 60 * (labels == 2)
    poses[:, 0] = 0  # an ankle without labels
    poses[:3, 8] = 0
    labels[3] = -1
    model, line = solved(monkeypatch, poses, labels)
    assert "56 labeled poses (4 without a class or a complete torso left out)" in line
    layer = model.get_layer("pose_logits")
    assert (ops.convert_to_numpy(layer.kernel)[:2] == 0).all()
    vectors = np.nan_to_num(pose_vectors(poses[4:], TORSO)[0])
    logits = vectors @ ops.convert_to_numpy(layer.kernel) + ops.convert_to_numpy(layer.bias)
    assert (logits.argmax(1) == labels[4:]).mean() > 0.9
    with pytest.raises(zoo.InputError, match="poses: labeled poses of 1 classes"):
        solved(monkeypatch, poses, np.zeros(60, int))


def test_a_whole_torso_and_head_by_name():
    assert torso_of(JOINTS) == TORSO and head_of(JOINTS) == (12, 13)
    assert torso_of(["l_shoulder", "r_shoulder", "l_hip", "r_hip"]) == (1, 0, 3, 2)
    assert torso_of(["nose"]) is None and head_of(["neck"]) is None


def test_the_embedded_figures_have_classes_joints_and_torso():
    arguments = data_arguments("pose_classifier", open_source("shapes:figures"))
    assert arguments == {"num_classes": 2, "num_keypoints": 14, "torso": [8, 9, 2, 3]}
