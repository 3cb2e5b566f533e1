"""Joints of a stick figure and the joint angles of calm and aggressive poses."""

from __future__ import annotations

from dataclasses import dataclass

JOINTS = (
    "right ankle",
    "right knee",
    "right hip",
    "left hip",
    "left knee",
    "left ankle",
    "right wrist",
    "right elbow",
    "right shoulder",
    "left shoulder",
    "left elbow",
    "left wrist",
    "neck",
    "head top",
)
"""The order of Leeds Sports Pose; left and right are those of the person."""

JOINT_PAIRS = ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9))
"""Joints that a left-right flip swaps."""

POSES = ("calm", "aggressive")

Range = tuple[float, float]
Limb = tuple[Range, Range]
"""Angle of the upper limb and bend of the lower limb, in degrees."""


@dataclass(frozen=True)
class Stance:
    """Ranges of joint angles in degrees, for the leading and for the other side of the body.

    An angle of 0 points down the body, 90 is level, 180 up. Elbows bend outwards, knees inwards.
    `lean` of the trunk is towards the leading side.
    """

    arm: Limb
    other_arm: Limb
    leg: Limb
    other_leg: Limb
    lean: Range


_HANGING: Limb = ((4, 24), (-18, 32))
_SWINGING: Limb = ((5, 34), (-15, 45))
_WAVING: Limb = ((52, 98), (40, 95))
_ON_HIP: Limb = ((34, 52), (-95, -72))
_PUNCHING: Limb = ((72, 108), (-12, 18))
_REACHING: Limb = ((60, 102), (-10, 25))
_DRAWN_BACK: Limb = ((20, 62), (-20, 60))
_GUARDING: Limb = ((16, 55), (95, 140))
_FIST_RAISED: Limb = ((70, 125), (35, 85))
_BALANCING: Limb = ((25, 75), (50, 120))

_STANDING: Limb = ((2, 11), (-4, 7))
_AT_EASE: Limb = ((5, 16), (-3, 8))
_STEPPING: Limb = ((10, 25), (4, 30))
_TRAILING: Limb = ((4, 15), (0, 15))
_BRACED: Limb = ((7, 26), (0, 20))
_KICKING: Limb = ((48, 92), (-4, 25))
_LUNGING: Limb = ((28, 46), (25, 50))
_STRETCHED: Limb = ((24, 42), (-4, 8))

STANCES = {
    "calm": (
        Stance(_HANGING, _HANGING, _STANDING, _STANDING, lean=(-5, 5)),
        Stance(_SWINGING, _HANGING, _STEPPING, _TRAILING, lean=(-7, 9)),
        Stance(_WAVING, _HANGING, _STANDING, _STANDING, lean=(-7, 7)),
        Stance(_ON_HIP, _ON_HIP, _AT_EASE, _STANDING, lean=(-6, 6)),
        Stance(_ON_HIP, _HANGING, _AT_EASE, _STANDING, lean=(-8, 8)),
    ),
    "aggressive": (
        Stance(_PUNCHING, _GUARDING, _BRACED, _BRACED, lean=(1, 16)),
        Stance(_FIST_RAISED, _FIST_RAISED, _BRACED, _BRACED, lean=(-9, 9)),
        Stance(_BALANCING, _BALANCING, _KICKING, _STANDING, lean=(-22, -3)),
        Stance(_REACHING, _DRAWN_BACK, _LUNGING, _STRETCHED, lean=(5, 22)),
        Stance(_GUARDING, _GUARDING, _BRACED, _BRACED, lean=(-3, 12)),
    ),
}
"""Each pose is one of several stances, all equally likely."""
