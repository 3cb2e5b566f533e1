"""What lies beside images that have a class each: the one object's box, and its trimap."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from training.data.sources.reading.image_files import MASKS, files_in
from training.data.sources.source import demand
from training.data.sources.voc.voc_xml import read_annotation
from zoo.errors import InputError
from zoo.files.file_names import inside, shown
from zoo.tasks.sample_schema import IGNORE

_XML_FOLDERS = ("annotations/xmls", "xmls", "annotations", "Annotations")
_TRIMAP_FOLDERS = ("annotations/trimaps", "trimaps")


@dataclasses.dataclass(frozen=True)
class OneBox:
    """What a VOC file says of an image that should have one object.

    Attributes:
        box: x0, y0, x1, y1 in pixels; None unless there is exactly one and it is whole.
        objects: how many there are.
        problem: of the only one, where it has no box.
        width, height: of the image as stated, 0 where they are not.
    """

    box: tuple[float, ...] | None
    objects: int
    width: int
    height: int
    problem: str = ""


def box_files(root: Path, folder: str) -> dict[str, Path]:
    """XML files by stem: of the folder that is asked for, or of the usual ones.

    Raises:
        InputError: the folder that is asked for has none.
    """
    return _files(root, folder, "boxes", _XML_FOLDERS, (".xml",))


def trimap_files(root: Path, folder: str) -> dict[str, Path]:
    """Trimap files by stem, likewise."""
    return _files(root, folder, "trimaps", _TRIMAP_FOLDERS, MASKS)


def _files(
    root: Path, asked: str, option: str, usual: tuple[str, ...], endings: tuple[str, ...]
) -> dict[str, Path]:
    if asked == "none":
        return {}
    folders = [inside(root, asked, f"{option}={asked}")] if asked else [root / n for n in usual]
    for folder in folders:
        if folder.is_dir() and (found := files_in(folder, endings)):
            return found
    if asked:
        raise InputError(
            f"{option}={asked}: no {' or '.join(endings)} files in {shown(folders[0])}."
        )
    return {}


def read_one_box(path: Path) -> OneBox:
    """The box in a VOC file, whose pixels are counted from 1 and include the last one.

    Raises:
        InputError: it cannot be read.
    """
    content = read_annotation(path)
    boxes = [thing.sides for thing in content.objects]
    box = boxes[0] if len(boxes) == 1 else None
    if box and box[2] > box[0] and box[3] > box[1]:
        box = (box[0] - 1, box[1] - 1, box[2], box[3])
    stated = 0 < content.width < 2**31 and 0 < content.height < 2**31
    size = (content.width, content.height) if stated else (0, 0)
    problem = content.objects[0].problem if len(boxes) == 1 else ""
    return OneBox(box, len(boxes), *size, problem)


def classes_of_trimap(trimap: tf.Tensor, path: tf.Tensor) -> tf.Tensor:
    """(H, W) int32 class map of a trimap: 1 is the object, 2 the background, 3 is left open.

    A trimap with another value fails in the graph, with `path` in the message.
    """
    worst = tf.reduce_max(tf.where((trimap < 1) | (trimap > 3), trimap, 0))
    check = demand(
        tf.reduce_all((trimap >= 1) & (trimap <= 3)),
        *(
            "its trimap ",
            path,
            " has the value ",
            worst,
            ", but 1 is the object, 2 the background ",
        ),
        "and 3 the border; read other maps as masks:.",
    )
    with tf.control_dependencies([check]):
        return tf.where(trimap == 1, 1, tf.where(trimap == 2, 0, IGNORE))
