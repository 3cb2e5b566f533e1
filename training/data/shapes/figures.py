"""Stick figures: their joints and the distance to their outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.data.shapes.figure_poses import STANCES, Stance
from training.data.shapes.scene_random import Draws, direction
from training.data.shapes.shape_outlines import capsule_distance

# Lengths as fractions of the standing height.
_THIGH, _SHIN, _TORSO, _HEAD = 0.235, 0.235, 0.31, 0.22
_UPPER_ARM, _FOREARM = 0.17, 0.16
_HALF_SHOULDERS, _HALF_HIPS = 0.105, 0.07
_PEN, _TRUNK_PEN, _HEAD_RADIUS = 0.03, 0.068, 0.082
MIN_PEN = 1.25

_RIGHT_LIMBS = ((0, 1), (1, 2), (6, 7), (7, 8))
_LEFT_LIMBS = ((3, 4), (4, 5), (9, 10), (10, 11))
_GIRDLES = ((2, 3), (8, 9))
_NECK, _HEAD_TOP = 12, 13

Point = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A figure: joints (x, y) in pixels in the order of `JOINTS`, and half widths of its lines."""

    joints: tuple[Point, ...]
    head_center: Point
    head_radius: float
    pen: float
    trunk_pen: float

    def bounds(self) -> tuple[float, float, float, float]:
        """Returns x0, y0, x1, y1 around the whole figure."""
        xs = [x for x, _ in self.joints]
        ys = [y for _, y in self.joints]
        reach = self.trunk_pen
        (cx, cy), radius = self.head_center, self.head_radius
        return (
            min(min(xs) - reach, cx - radius),
            min(min(ys) - reach, cy - radius),
            max(max(xs) + reach, cx + radius),
            max(max(ys) + reach, cy + radius),
        )

    def moved(self, dx: float, dy: float) -> Figure:
        """Returns the translated figure."""
        joints = tuple((x + dx, y + dy) for x, y in self.joints)
        head = (self.head_center[0] + dx, self.head_center[1] + dy)
        return Figure(joints, head, self.head_radius, self.pen, self.trunk_pen)

    def distances(self, x0: int, y0: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns (height, width) signed distances to the figure and to its right limbs."""
        window = _Window(x0, y0, height, width)
        for start, stop in _RIGHT_LIMBS:
            window.add(self.joints[start], self.joints[stop], self.pen)
        right = window.field.copy()
        for start, stop in (*_LEFT_LIMBS, *_GIRDLES):
            window.add(self.joints[start], self.joints[stop], self.pen)
        (right_x, right_y), (left_x, left_y) = self.joints[2:4]
        hips = ((right_x + left_x) / 2, (right_y + left_y) / 2)
        window.add(hips, self.joints[_NECK], self.trunk_pen)
        window.add(self.joints[_NECK], self.head_center, self.pen)
        window.add(self.head_center, self.head_center, self.head_radius)
        return window.field, right


class _Window:
    """A distance field to which capsules are added, each only in its neighborhood."""

    def __init__(self, x0: int, y0: int, height: int, width: int):
        self.x0, self.y0 = x0, y0
        self.xs = np.arange(x0, x0 + width, dtype=np.float32)[None, :] + np.float32(0.5)
        self.ys = np.arange(y0, y0 + height, dtype=np.float32)[:, None] + np.float32(0.5)
        self.field = np.full((height, width), 1e3, np.float32)

    def add(self, start: Point, stop: Point, radius: float) -> None:
        reach = radius + 2
        left = max(int(min(start[0], stop[0]) - reach - self.x0), 0)
        top = max(int(min(start[1], stop[1]) - reach - self.y0), 0)
        right = int(max(start[0], stop[0]) + reach - self.x0) + 1
        bottom = int(max(start[1], stop[1]) + reach - self.y0) + 1
        part = (slice(top, bottom), slice(left, right))
        distance = capsule_distance(self.xs[:, part[1]], self.ys[part[0]], start, stop, radius)
        self.field[part] = np.minimum(self.field[part], distance)


def draw_figure(draws: Draws, pose: str, extent: float) -> Figure:
    """Draws a figure whose joints span `extent` pixels, its box centered on the origin."""
    stances = STANCES[pose]
    unit = _unit_joints(draws, stances[draws.integer(len(stances))])
    xs, ys = [x for x, _ in unit], [y for _, y in unit]
    scale = extent / max(max(xs) - min(xs), max(ys) - min(ys))
    pen = max(_PEN * scale, MIN_PEN)
    head_radius = max(_HEAD_RADIUS * scale, 2 * MIN_PEN)
    joints = [(x * scale, y * scale) for x, y in unit]
    neck, top = joints[_NECK], joints[_HEAD_TOP]
    # The crown is one line width above the joint, so that the joint is on painted pixels.
    fraction = (_HEAD * scale - head_radius + pen) / (_HEAD * scale)
    head = (neck[0] + (top[0] - neck[0]) * fraction, neck[1] + (top[1] - neck[1]) * fraction)
    figure = Figure(tuple(joints), head, head_radius, pen, max(_TRUNK_PEN * scale, MIN_PEN))
    x0, y0, x1, y1 = figure.bounds()
    return figure.moved(-(x0 + x1) / 2, -(y0 + y1) / 2)


def _unit_joints(draws: Draws, stance: Stance) -> list[Point]:
    """Returns the joints of a figure of height 1 with the middle of its hips at the origin."""
    leader = -1 if draws.unit() < 0.5 else 1  # −1: the person's right, on the image's left
    lean = leader * draws.uniform(*stance.lean)
    spine = _limb(180 - lean, 1)
    across = (-spine[1], spine[0])
    neck = _step((0.0, 0.0), spine, _TORSO * draws.uniform(0.92, 1.08))
    head_top = _step(neck, _limb(180 - lean + draws.uniform(-12, 12), 1), _HEAD)
    sides = {}
    limbs = ((stance.arm, stance.leg), (stance.other_arm, stance.other_leg))
    for side, (arm, leg) in zip((leader, -leader), limbs, strict=True):
        upper, bend = (draws.uniform(*bounds) for bounds in arm)
        shoulder = _step(_step(neck, spine, -0.03), across, side * _HALF_SHOULDERS)
        turn = side * lean  # arms hang from the leaning trunk
        elbow = _step(shoulder, _limb(upper - turn, side), _UPPER_ARM)
        wrist = _step(elbow, _limb(upper + bend - turn, side), _FOREARM)
        thigh, fold = (draws.uniform(*bounds) for bounds in leg)
        hip = (side * _HALF_HIPS, 0.0)
        knee = _step(hip, _limb(thigh, side), _THIGH)
        ankle = _step(knee, _limb(thigh - fold, side), _SHIN)
        sides[side] = ([ankle, knee, hip], [wrist, elbow, shoulder])
    (right_leg, right_arm), (left_leg, left_arm) = sides[-1], sides[1]
    return [*right_leg, *left_leg[::-1], *right_arm, *left_arm[::-1], neck, head_top]


def _limb(degrees: float, side: int) -> Point:
    """Returns the unit vector of a limb: 0 is down, increasing away from the body."""
    cosine, sine = direction(degrees)
    return side * sine, cosine


def _step(start: Point, along: Point, length: float) -> Point:
    return start[0] + along[0] * length, start[1] + along[1] * length
