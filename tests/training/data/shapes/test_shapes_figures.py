"""Stick figures of drawn scenes: joints, visibility and poses."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.shapes import JOINT_PAIRS, JOINTS, Scene, draw_scene


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(7, index) for index in range(240)]


@pytest.fixture(scope="module")
def figures() -> list[Scene]:
    return [draw_scene(3, index, variant="figure") for index in range(400)]


def test_a_joint_is_visible_where_its_own_figure_is_in_front(scenes):
    seen = {0: 0, 1: 0, 2: 0}
    for scene in scenes:
        for number in np.flatnonzero(scene.poses >= 0):
            for x, y, visibility in scene.keypoints[number]:
                seen[int(visibility)] += 1
                if visibility == 0:
                    assert x == y == 0
                    continue
                owner = scene.instances[int(y), int(x)]
                assert owner == number + 1 if visibility == 2 else owner > number + 1
        assert not scene.keypoints[scene.poses < 0].any()
    assert min(seen.values()) > 20, seen


def test_joints_are_those_of_leeds_sports_pose_in_front_view(figures):
    joints = np.stack([scene.keypoints[0] for scene in figures])
    assert (joints[..., 2] == 2).all()
    for right, left in JOINT_PAIRS:
        assert JOINTS[left] == JOINTS[right].replace("right", "left")
        assert np.mean(joints[:, right, 0] < joints[:, left, 0]) > 0.95
    at = {name: joints[:, index, 1] for index, name in enumerate(JOINTS)}
    for upper, lower in (("head top", "neck"), ("neck", "left hip"), ("right hip", "right knee")):
        assert np.mean(at[upper] < at[lower]) > 0.98  # a high kick lifts the knee over the hip


def test_the_right_arm_and_leg_are_the_greyer_ones(figures):
    """The tint of the right limbs is on the right limbs."""
    for scene in figures[:80]:
        elbows = [scene.keypoints[0, JOINTS.index(f"{side} elbow")] for side in ("right", "left")]
        grey = [np.abs(scene.image[int(y), int(x)].astype(int) - 128).sum() for x, y, _ in elbows]
        assert grey[0] < grey[1]


def test_poses_differ_in_many_joints(figures):
    joints = np.stack([scene.keypoints[0, :, :2] for scene in figures])
    poses = np.array([scene.poses[0] for scene in figures])
    assert 0.4 < poses.mean() < 0.6
    hips = joints[:, 2:4].mean(1, keepdims=True)
    vectors = (joints - hips) / np.linalg.norm(joints[:, 12:13] - hips, axis=2, keepdims=True)
    vectors = np.concatenate([vectors, np.abs(vectors)], 2).reshape(len(poses), -1)
    vectors = np.concatenate([vectors, np.ones((len(poses), 1))], 1)
    weights = np.linalg.lstsq(vectors[:250], poses[:250] * 2.0 - 1, rcond=None)[0]
    assert np.mean((vectors[250:] @ weights > 0) == poses[250:]) > 0.85
    best_single = 0.0
    for column in vectors.T:
        for cut in np.quantile(column, np.linspace(0.1, 0.9, 17)):
            right = np.mean((column > cut) == poses)
            best_single = max(best_single, right, 1 - right)
    assert best_single < 0.93
