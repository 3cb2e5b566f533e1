"""`keypoints:FOLDER` — keypoints of one person per image, from a CSV table or a MATLAB file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from training.data.sources.keypoints.keypoint_names import (
    pairs_of,
    plain_names,
    read_pairs,
    skeleton_of,
)
from training.data.sources.keypoints.pose_mat import read_pose_mat
from training.data.sources.keypoints.pose_tables import is_pose_table, read_pose_table
from training.data.sources.keypoints.poses import (
    VISIBILITIES,
    Pose,
    Poses,
    box_around,
    schema_keypoints,
    split_poses,
    visibility_of,
)
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.single_object_source import SingleObjectSource
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_lookup import ImageIndex
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.files.text_files import read_table

_FOLDERS = (".", "annotations", "labels")


class KeypointFolder(SingleObjectSource):
    """`keypoints:FOLDER?visibility=marked&margin=0.1&val=0.2&split=hash|block`: poses.

    The table is the CSV file in the folder or in its `annotations`, with one person per line. Its
    columns are `image` (or `name`, `file`, `path`), with or without the suffix; `NAME_x`, `NAME_y`
    in pixels and optionally `NAME_v` for each keypoint; optionally `split`, `label` (class of the
    pose) and the person's box `xmin, ymin, xmax, ymax`. Without a table, the MATLAB file of Leeds
    Sports Pose or of MPII is read.

    Args:
        root: the data folder.
        table: the file, if there are several.
        visibility: meaning of the flags: `coco` (0 absent, 1 hidden, 2 visible), `marked` (0
            absent, 1 visible), `visible` (0 hidden, 1 visible), `occluded` (0 visible, 1 hidden);
            by default `coco` if there is a 2, `visible` for MPII, else `marked`.
        margin: margin of a box around the keypoints, for people without a box, as a fraction of
            its longer side.
        pairs: (left, right) pairs of keypoint indices, such as `0-5,1-4`, or `none`; by default
            from the keypoints' names.
        skeleton: limbs as pairs of keypoint indices; by default from the keypoints' names.
        val: fraction of the images to validate on if neither table nor lists name a split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop people with defects.

    Raises:
        InputError: if there is no such table, or its header is not in this format.
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
        fold: str = "",
    ):
        super().__init__(root, drop_bad)
        self.keys = ("image", "keypoints", "box")
        index = ImageIndex(self.root)
        poses = _read(self.root, table, index)
        self.keypoint_names = plain_names(poses.keypoint_names)
        count = len(self.keypoint_names)
        self.flip_pairs = (
            read_pairs(pairs, count, "pairs") if pairs else pairs_of(self.keypoint_names)
        )
        if self.flip_pairs is None:
            self.notes.append(
                "keypoint names have no left-right pairs, so images cannot be flipped; add "
                "pairs=0-5,1-4 or pairs=none."
            )
        limbs = read_pairs(skeleton, count, "skeleton") if skeleton else None
        self.skeleton = skeleton_of(self.keypoint_names) if limbs is None else limbs
        for defect in poses.defects:
            self.report(defect)
        self.notes += index.unnamed(pose.image for pose in poses.poses)
        self._meaning = VISIBILITIES[visibility_of(poses, visibility)]
        if not visibility and not poses.visibility:
            self.notes.append(f"visibility is read as {visibility_of(poses, '')}.")
        self._margin = _read_margin(margin)
        self._add(poses, SplitRule(val, split, fold))

    def _add(self, poses: Poses, rule: SplitRule) -> None:
        labeled = any(pose.label for pose in poses.poses)
        if labeled:
            self.label_names = tuple(sorted({pose.label for pose in poses.poses} - {""}))
            self.keys = ("image", "label", "keypoints", "box")
        indices = {name: index for index, name in enumerate(self.label_names)}
        splits = split_poses(self, poses, rule)
        self.notes += poses.notes
        for split, people in splits.items():
            images, labels = [], []
            for pose in people:
                image = self._image(split, pose, poses)
                if labeled and not pose.label:
                    where = (pose.name, shown(poses.path), split)
                    remedy = "add one, or remove the column"
                    self.report(Defect("no label", remedy, *where, "image", "image"))
                    continue
                if image is not None:
                    images.append(image)
                    labels.append(indices.get(pose.label, -1))
            columns = {"label": np.array(labels, np.int32)} if labeled else {}
            self.add_single(split, images, columns)

    def _image(self, split: str, pose: Pose, poses: Poses) -> AnnotatedImage | None:
        """Returns the image of a pose, or None if it is dropped."""
        where = (pose.name, shown(poses.path), split)
        keypoints, problems = schema_keypoints(pose, self._meaning, self.keypoint_names)
        for problem in problems:
            self.report(Defect(problem, "correct it", *where, "part"))
        image = AnnotatedImage(pose.image, poses.path, pose.name)
        box = pose.box or box_around(keypoints, self._margin)
        if box is None:
            remedy = "mark some or remove the line"
            defect = Defect("no keypoints", remedy, *where, "image", "image")
            return None if self.report(defect) else image
        image.annotations.append(Annotation(box, keypoints=keypoints, name="person"))
        return image


def _read(root: Path, table: str, index: ImageIndex) -> Poses:
    """Reads the file named by `table`, or the only one that fits."""
    if table:
        path = inside(root, table, f"table={table}")
        if not os.path.isfile(path):
            raise InputError(f"table={table}: no such file in {shown(root)}; use a file below it.")
        if path.suffix.lower() == ".mat":
            return read_pose_mat(path, index)
        return read_pose_table(read_table(path), index)
    files = [
        p
        for name in _FOLDERS
        if os.path.isdir(root / name)
        for p in sorted((root / name).iterdir())
    ]
    tables = [read_table(path) for path in files if path.suffix.lower() in (".csv", ".tsv")]
    fitting = [table for table in tables if is_pose_table(table)]
    if len(fitting) > 1:
        names = ", ".join(shown(table.path.relative_to(root)) for table in fitting)
        raise InputError(
            f"{shown(root)}: several tables of poses ({names}); select one with table=FILE."
        )
    if fitting or len(tables) == 1:
        return read_pose_table((fitting or tables)[0], index)
    mats = [path for path in files if path.suffix.lower() == ".mat"]
    if len(mats) != 1:
        raise InputError(
            f"{shown(root)}: no CSV table of poses and {len(mats)} MATLAB files; add a table with "
            "the columns image, NAME_x, NAME_y, NAME_v, or one MATLAB file."
        )
    return read_pose_mat(mats[0], index)


def _read_margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 10.0:
        raise InputError(f"margin must be from 0 to 10, such as 0.1, not {text!r}.")
    return value
