"""Windows around joints and pose vectors against NumPy written from their definitions."""

import numpy as np
import pytest
from keras import ops

from zoo.errors import InputError
from zoo.layers.keypoint_crops import KeypointWindows, SquareCrops, check_torso
from zoo.layers.pose_vector import pose_vector
from zoo.layers.soft_argmax import SoftArgmax


def test_a_window_of_its_own_size_is_a_cut():
    image = np.random.default_rng(0).uniform(0, 255, (2, 20, 24, 3)).astype("float32")
    centers = np.array([[[8.0, 10], [4, 4]], [[20, 6], [12, 12]]], np.float32)
    crops = SquareCrops(6)([image, centers, np.array([6.0, 6.0], np.float32)])
    crops = ops.convert_to_numpy(crops).reshape(2, 2, 6, 6, 3)
    for n in range(2):
        for k in range(2):
            x, y = (int(v) - 3 for v in centers[n, k])
            np.testing.assert_allclose(
                crops[n, k], image[n, y : y + 6, x : x + 6], atol=1e-3, err_msg=f"{n}, {k}"
            )


def test_outside_is_zero_and_larger_windows_are_means():
    image = np.full((1, 16, 16, 1), 100, np.float32)
    centers, side = np.array([[[0.0, 8], [8, 8]]], np.float32), np.array([16.0], np.float32)
    left, middle = ops.convert_to_numpy(SquareCrops(4)([image, centers, side]))[..., 0]
    np.testing.assert_allclose(left, [[0, 0, 100, 100]] * 4, atol=1e-3)
    np.testing.assert_allclose(middle, 100, atol=1e-3)
    checks = np.indices((16, 16)).sum(0) % 2 * 200.0
    smooth = SquareCrops(4)([checks[None, ..., None].astype("float32"), centers[:, 1:], side])
    np.testing.assert_allclose(ops.convert_to_numpy(smooth)[0, 1:3, 1:3], 100, atol=1e-2)


def test_the_side_follows_the_torso_within_limits():
    joints = np.zeros((2, 5, 2), np.float32)
    joints[0, :4] = [[2, 0], [10, 0], [2, 15], [10, 15]]  # diagonals of 17
    joints[0, 4] = [30, 30]
    image = np.zeros((2, 40, 50, 3), np.float32)
    _, side = KeypointWindows(2.0, (0, 1, 2, 3))([joints, image])
    np.testing.assert_allclose(ops.convert_to_numpy(side), [34, 4], rtol=1e-6)
    _, side = KeypointWindows(2.0)([joints, image])
    np.testing.assert_allclose(ops.convert_to_numpy(side), [30, 4], rtol=1e-6)
    _, side = KeypointWindows(9.0, (0, 1, 2, 3))([joints, image])
    np.testing.assert_allclose(ops.convert_to_numpy(side), [100, 4], rtol=1e-6)


def test_windows_move_in_training_alone():
    joints = np.random.default_rng(0).uniform(0, 40, (64, 4, 2)).astype("float32")
    image = np.zeros((64, 40, 40, 3), np.float32)
    layer = KeypointWindows(1.0, jitter=0.1)
    still, _ = layer([joints, image])
    np.testing.assert_array_equal(ops.convert_to_numpy(still), joints)
    moved, side = (ops.convert_to_numpy(x) for x in layer([joints, image], training=True))
    shift = (moved - joints) / side[:, None, None]
    assert abs(shift.std() - 0.1) < 0.02 and abs(shift.mean()) < 0.02


@pytest.mark.parametrize("torso", [(0, 1, 2), (0, 1, 2, 2), (0, 1, 2, 5), (0, 1, 2, -1)])
def test_a_torso_is_four_joints(torso):
    with pytest.raises(InputError, match="four different keypoints from 0 to 4"):
        check_torso(torso, 5)


def test_pose_vectors_forget_place_and_size():
    joints = np.random.default_rng(0).uniform(10, 90, (3, 6, 2))
    torso = (3, 1, 0, 4)
    vectors = ops.convert_to_numpy(pose_vector(joints, torso))
    shoulders, hips = joints[:, [3, 1]].mean(1), joints[:, [0, 4]].mean(1)
    center = (shoulders + hips) / 2
    length = np.linalg.norm(shoulders - hips, axis=1)
    expected = (joints - center[:, None]) / length[:, None, None]
    np.testing.assert_allclose(vectors, expected.reshape(3, 12), atol=1e-5)
    for places in (torso, None):
        again = ops.convert_to_numpy(pose_vector(joints * 3 + [40, -7], places))
        np.testing.assert_allclose(
            again, ops.convert_to_numpy(pose_vector(joints, places)), atol=1e-4
        )
    assert np.isfinite(ops.convert_to_numpy(pose_vector(np.zeros((1, 6, 2)), torso))).all()


def test_the_mean_place_of_a_map():
    scores = np.random.default_rng(0).normal(0, 2, (2, 5, 7, 3))
    shares = np.exp(scores) / np.exp(scores).sum((1, 2), keepdims=True)
    x = (shares.sum(1) * ((np.arange(7) + 0.5) / 7)[None, :, None]).sum(1)
    y = (shares.sum(2) * ((np.arange(5) + 0.5) / 5)[None, :, None]).sum(1)
    found = ops.convert_to_numpy(SoftArgmax()(scores.astype("float32")))
    np.testing.assert_allclose(found, np.stack([x, y], axis=-1), atol=1e-6)
    sharp = np.zeros((1, 4, 4, 1), np.float32)
    sharp[0, 1, 3] = 100
    np.testing.assert_allclose(
        ops.convert_to_numpy(SoftArgmax()(sharp)), [[[0.875, 0.375]]], atol=1e-6
    )
