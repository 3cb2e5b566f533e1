"""Box and trimap of the one object in an image with a class."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from training.data.sources.reading.graph_checks import assert_in_graph
from training.data.sources.reading.image_files import MASK_SUFFIXES, files_by_stem
from training.data.sources.voc.voc_xml import read_annotation
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.tasks.sample_schema import IGNORE

_XML_FOLDERS = ("annotations/xmls", "xmls", "annotations", "Annotations")
_TRIMAP_FOLDERS = ("annotations/trimaps", "trimaps")


@dataclasses.dataclass(frozen=True)
class SingleBox:
    """Box of a VOC file's one object, in pixels; None without exactly one or if it is invalid.

    Width and height are those stated for the image, 0 if there are none.
    """

    box: tuple[float, ...] | None
    objects: int
    width: int
    height: int
    problem: str = ""


def box_files(root: Path, folder: str) -> dict[str, Path]:
    """Returns XML files by stem, of this folder or of a usual one; no files for `none`."""
    return _files(root, folder, "boxes", _XML_FOLDERS, (".xml",))


def trimap_files(root: Path, folder: str) -> dict[str, Path]:
    """Returns trimap files by stem; `folder` as in `box_files`."""
    return _files(root, folder, "trimaps", _TRIMAP_FOLDERS, MASK_SUFFIXES)


def _files(
    root: Path, name: str, option: str, usual: tuple[str, ...], suffixes: tuple[str, ...]
) -> dict[str, Path]:
    if name == "none":
        return {}
    folders = [inside(root, name, f"{option}={name}")] if name else [root / n for n in usual]
    for folder in folders:
        if folder.is_dir() and (files := files_by_stem(folder, suffixes)):
            return files
    if name:
        raise InputError(
            f"{option}={name}: no {' or '.join(suffixes)} files in {shown(folders[0])}; name "
            f"another folder, or {option}=none."
        )
    return {}


def read_single_box(path: Path) -> SingleBox:
    """Reads the box of a VOC file, with pixels counted from 1 and the last one included."""
    content = read_annotation(path)
    boxes = [element.box for element in content.objects]
    box = boxes[0] if len(boxes) == 1 else None
    if box and box[2] > box[0] and box[3] > box[1]:
        box = (box[0] - 1, box[1] - 1, box[2], box[3])
    stated = 0 < content.width < 2**31 and 0 < content.height < 2**31
    size = (content.width, content.height) if stated else (0, 0)
    problem = content.objects[0].problem if len(boxes) == 1 else ""
    return SingleBox(box, len(boxes), *size, problem)


def class_map_of_trimap(trimap: tf.Tensor, path: tf.Tensor) -> tf.Tensor:
    """Returns the (H, W) int32 class map of a trimap: 1 object, 2 background, 3 ignored border.

    Other values fail in the graph; the message names the file, `path`.
    """
    wrong = (trimap < 1) | (trimap > 3)
    check = assert_in_graph(
        ~tf.reduce_any(wrong),
        *("its trimap ", path, " has the value ", tf.reduce_max(tf.where(wrong, trimap, 0))),
        ", but 1 is the object, 2 the background and 3 the border; open other maps as masks:.",
    )
    with tf.control_dependencies([check]):
        return tf.where(trimap == 1, 1, tf.where(trimap == 2, 0, IGNORE))
