"""`keypoints:FOLDER` — one person's joints in each image, from a CSV table or a MATLAB file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.sources.keypoints.joint_names import (
    pairs_of,
    plain_names,
    read_pairs,
    skeleton_of,
)
from training.data.sources.keypoints.pose_mat import read_pose_mat
from training.data.sources.keypoints.pose_splits import split_poses
from training.data.sources.keypoints.pose_tables import is_pose_table, read_pose_table
from training.data.sources.keypoints.poses import (
    VISIBILITIES,
    Pose,
    Poses,
    box_around,
    joints_of,
    visibility_of,
)
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.single_object_source import OneObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_lookup import ImageIndex
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import read_table

_FOLDERS = (".", "annotations", "labels")


class KeypointFolder(OneObjectSource):
    """`keypoints:FOLDER?visibility=marked&margin=0.1&val=0.2&split=hash|block`: poses.

    The table is the CSV file in the folder or in its `annotations`, one person a line: a column
    `name` (or `image`, `file`, `path`) for the image, with or without its ending; for each joint
    `JOINT_x`, `JOINT_y` in pixels from the top left corner and, where it matters, `JOINT_v`;
    perhaps `split`, `label` (what kind of pose it is) and the person's box `xmin, ymin, xmax,
    ymax`. Without a table, the MATLAB file of Leeds Sports Pose or of MPII.

    Args:
        root: the data folder.
        table: the file to take, where there are several.
        visibility: what the marks mean: `coco` (0 absent, 1 hidden, 2 visible), `marked` (0 absent,
            1 visible), `visible` (0 hidden, 1 visible), `occluded` (0 visible, 1 hidden). Without
            it `coco` where a 2 occurs, `visible` for MPII, else `marked`.
        margin: a person without a box gets that of the joints that are there, larger on every side
            by this share of its longer side.
        pairs: (left, right) joints by number, as `0-5,1-4`, or `none`; else by their names.
        skeleton: limbs by number, likewise.
        val: share to hold out where neither the table nor lists name validation images.
        split: `"hash"` (by name) or `"block"` (the last ones in order).
        drop_bad: 1 leaves out what is wrong where that is safe.

    Raises:
        InputError: there is no such table, or its head is not of this form.
    """

    def __init__(
        self,
        root: str,
        table: str = "",
        visibility: str = "",
        margin: str = "0.1",
        pairs: str = "",
        skeleton: str = "",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
    ):
        super().__init__(root, drop_bad, str(MASK_SIZE))
        self.keys = ("image", "keypoints", "box")
        poses = _read(self.root, table, ImageIndex(self.root))
        self.joint_names = plain_names(poses.joint_names)
        joints = len(self.joint_names)
        self.joint_pairs = (
            read_pairs(pairs, joints, "pairs") if pairs else pairs_of(self.joint_names)
        )
        if self.joint_pairs is None:
            self.notes.append(
                "the joints' names do not say left and right, so images cannot be mirrored; "
                "say pairs=0-5,1-4 or pairs=none"
            )
        limbs = read_pairs(skeleton, joints, "skeleton") if skeleton else None
        self.skeleton = skeleton_of(self.joint_names) if limbs is None else limbs
        for record, problem, remedy, drop in poses.faults:
            self.report(Defect("", shown(poses.path), record, problem, remedy, drop))
        self._meaning = VISIBILITIES[visibility_of(poses, visibility)]
        if not visibility and not poses.visibility:
            self.notes.append(f"visibility is read as {visibility_of(poses, '')}")
        self._margin = _margin(margin)
        self._add(poses, val, split)

    def _add(self, poses: Poses, val: str, how: str) -> None:
        named = [pose for pose in poses.poses if pose.label]
        if named:
            self.label_names = tuple(sorted({pose.label for pose in named}))
            self.keys = ("image", "label", "keypoints", "box")
        numbers = {name: number for number, name in enumerate(self.label_names)}
        splits = split_poses(self.root, poses, val, how)
        self.notes += poses.notes
        for split, chosen in splits.items():
            images, labels = [], []
            for pose in chosen:
                image = self._image(split, pose, poses)
                if named and not pose.label:
                    fault = ("no label", "give it one, or take the column out", "image")
                    self.report(Defect(split, shown(poses.path), pose.record, *fault))
                    continue
                if image is not None:
                    images.append(image)
                    labels.append(numbers.get(pose.label, -1))
            columns = {"label": np.array(labels, np.int32)} if named else {}
            self.add_single(split, images, columns)

    def _image(self, split: str, pose: Pose, poses: Poses) -> AnnotatedImage | None:
        """The record of a pose; None if it is to be left out."""
        where = (split, shown(poses.path), pose.record)
        keypoints, problems = joints_of(pose, self._meaning, self.joint_names)
        for problem in problems:
            self.report(Defect(*where, problem, "correct it", "part"))
        image = AnnotatedImage(pose.image, poses.path, pose.record)
        box = pose.box or box_around(keypoints, self._margin)
        if box is None:
            fault = ("no joint is there", "mark some or remove the line", "image")
            return None if self.report(Defect(*where, *fault)) else image
        image.objects.append(Annotation(box, keypoints=keypoints, record="person"))
        return image


def _read(root: Path, table: str, index: ImageIndex) -> Poses:
    """The poses of the file that is asked for, or of the only one that fits."""
    if table:
        path = inside(root, table, f"table={table}")
        if not path.is_file():
            raise InputError(f"table={table}: no such file in {shown(root)}.")
        if path.suffix.lower() == ".mat":
            return read_pose_mat(path, index)
        return read_pose_table(read_table(path), index)
    files = [
        p for name in _FOLDERS if (root / name).is_dir() for p in sorted((root / name).iterdir())
    ]
    tables = [read_table(path) for path in files if path.suffix.lower() in (".csv", ".tsv")]
    fitting = [table for table in tables if is_pose_table(table)]
    if len(fitting) > 1:
        names = ", ".join(shown(table.path.relative_to(root)) for table in fitting)
        raise InputError(f"{shown(root)}: several tables of poses ({names}); choose by table=FILE.")
    if fitting or len(tables) == 1:
        return read_pose_table((fitting or tables)[0], index)
    mats = [path for path in files if path.suffix.lower() == ".mat"]
    if len(mats) != 1:
        raise InputError(
            f"{shown(root)}: expected a CSV table with the columns name, JOINT_x, JOINT_y, JOINT_v "
            f"or one MATLAB file of poses; found {len(mats)} MATLAB files."
        )
    return read_pose_mat(mats[0], index)


def _margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 10.0:
        raise InputError(f"margin={text}: expected a share from 0 to 10, such as 0.1.")
    return value
