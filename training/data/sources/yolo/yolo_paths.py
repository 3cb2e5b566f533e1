"""Paths of a YOLO data set: those its files name, and the folders of its label files."""

from __future__ import annotations

import os
from pathlib import Path

from training.data.sources.reading.folder_layout import IMAGE_FOLDERS
from training.data.sources.reading.splits import split_from_name


def below(root: Path, name: str, base: Path) -> Path | None:
    """Returns the file or folder that a path means; None if it is not below the data folder.

    Exports are often made for another folder: `../train/images` and `/somewhere/train/images` are
    then `train/images`. Links are not resolved, since they may lead to another place.
    """
    plain = name.strip().replace("\\", "/")
    if "\0" in plain:
        return None
    top = os.path.abspath(root)
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/"):
        candidates = [os.path.normpath(plain), os.path.realpath(plain)]
        for start in (top, os.path.realpath(root)):
            candidates = [
                os.path.join(top, os.path.relpath(c, start))
                if c == start or c.startswith(f"{start}/")
                else c
                for c in candidates
            ]
    else:
        candidates = [os.path.normpath(os.path.join(os.path.abspath(base), plain))]
    while parts and parts[0] == "..":
        parts.pop(0)
    tails = [parts[index:] for index in range(len(parts))]
    # One component is too little for a path of another machine, unless it names a split.
    tails = [t for t in tails if len(t) > 1 or len(parts) == 1 or split_from_name(t[0])]
    for start in dict.fromkeys((os.path.abspath(base), top)):
        candidates += [os.path.join(start, *tail) for tail in tails]
    for candidate in candidates:
        if (candidate == top or candidate.startswith(f"{top}/")) and os.path.exists(candidate):
            return root / os.path.relpath(candidate, top)
    return None


def label_folder(root: Path, folder: Path) -> Path:
    """Returns the folder of the label files of an image folder: `labels` for the last `images`."""
    relative = folder.relative_to(root)
    labels = _labels_for(root, relative) or root / "labels" / relative
    if os.path.isdir(labels):
        return labels
    # A linked folder may have its labels next to where it leads.
    real = folder.resolve()
    if real.is_relative_to(root.resolve()):
        return folder
    beside = _labels_for(Path(real.anchor), real.relative_to(real.anchor))
    return beside if beside is not None and os.path.isdir(beside) else folder


def _labels_for(root: Path, path: Path) -> Path | None:
    """Returns a path below `root` with `labels` for its last image folder; None without one."""
    parts = list(path.parts)
    for index in reversed(range(len(parts))):
        if parts[index] in IMAGE_FOLDERS:
            parts[index] = "labels"
            return root.joinpath(*parts)
    return None
