"""The synthetic shapes data set: generated scenes with labels for every task of the zoo.

Importing `training.data.shapes.tfds_builder` registers the same scenes as the TFDS data set
`zoo_shapes`.
"""

from training.data.shapes.figure_poses import JOINT_PAIRS, JOINTS, POSES
from training.data.shapes.scene import VARIANTS, Scene, draw_scene
from training.data.shapes.scene_objects import CLASSES, COLORS

__all__ = ["CLASSES", "COLORS", "JOINTS", "JOINT_PAIRS", "POSES", "VARIANTS", "Scene", "draw_scene"]
