"""The embedded data set: scenes drawn on the spot, labelled for every task of the zoo.

Importing `training.shapes.builder` registers the same scenes as the TFDS data set `zoo_shapes`.
"""

from training.shapes.objects import CLASSES, COLORS
from training.shapes.poses import JOINT_PAIRS, JOINTS, POSES
from training.shapes.scene import VARIANTS, Scene, draw_scene

__all__ = [
    "CLASSES",
    "COLORS",
    "JOINTS",
    "JOINT_PAIRS",
    "POSES",
    "VARIANTS",
    "Scene",
    "draw_scene",
]
