"""Pascal VOC's XML files, lists, and class and instance maps."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from training.data.writing.drawn_maps import class_map, instance_map, voc_palette
from training.data.writing.labeled_image import LabeledImage, LabeledObject
from training.data.writing.writers import Writer, printable


class VocWriter(Writer):
    """Writes `Annotations`, `JPEGImages` and `ImageSets/Main`.

    Boxes are whole pixels counted from 1, the last one included. With outlines there are also
    `SegmentationClass`, `SegmentationObject`, `ImageSets/Segmentation` and CVAT's `labelmap.txt`;
    an object's value in the instance map is its position in the XML file.
    """

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "JPEGImages")
        stem = name.rpartition(".")[0]
        maps = self.names.outlines or bool(self.names.classes)
        root = ElementTree.Element("annotation")
        _text(root, "folder", "JPEGImages")
        _text(root, "filename", name)
        size = ElementTree.SubElement(root, "size")
        for key, value in (("width", image.width), ("height", image.height), ("depth", 3)):
            _text(size, key, value)
        _text(root, "segmented", int(maps))
        for item in image.objects:
            self._object(root, item)
        ElementTree.indent(root)
        path = self.folder / "Annotations" / f"{stem}.xml"
        path.parent.mkdir(exist_ok=True)
        ElementTree.ElementTree(root).write(path, encoding="utf-8")
        self._list("Main", image.split, stem)
        if maps:
            self._write_maps(image, stem)

    def _object(self, root: ElementTree.Element, item: LabeledObject) -> None:
        self._written(
            item,
            crowd="crowds written as difficult objects",
            keypoints="objects whose keypoints are left out, which voc cannot hold",
            caption="captions left out, which voc cannot hold",
            score="scores left out, which voc cannot hold",
        )
        element = ElementTree.SubElement(root, "object")
        _text(element, "name", printable(self.names.objects[item.label]))
        _text(element, "pose", "Unspecified")
        _text(element, "truncated", 0)
        _text(element, "difficult", int(item.difficult or item.crowd))
        box = ElementTree.SubElement(element, "bndbox")
        for key, side in zip(("xmin", "ymin", "xmax", "ymax"), _pixels(item.box), strict=True):
            _text(box, key, f"{side:g}")

    def _write_maps(self, image: LabeledImage, stem: str) -> None:
        shape = (image.height, image.width)
        classes = image.segmentation
        if classes is None:
            classes = class_map(image.objects, shape)
        instances = instance_map(image.objects, shape, 254, self.lose)
        for folder, values in (("SegmentationClass", classes), ("SegmentationObject", instances)):
            path = self.folder / folder / f"{stem}.png"
            path.parent.mkdir(exist_ok=True)
            image_file = Image.fromarray(values.astype(np.uint8))
            image_file.putpalette(voc_palette().ravel().tolist())
            image_file.save(path)
        self._list("Segmentation", image.split, stem)

    def _list(self, kind: str, split: str, stem: str) -> None:
        path = self.folder / "ImageSets" / kind / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{stem}\n")

    def close(self) -> None:
        names = self.names.classes or ("background", *self.names.objects)
        if self.names.outlines or self.names.classes:
            write_label_map(self.folder / "labelmap.txt", names)


def write_label_map(path: Path, names: tuple[str, ...]) -> None:
    """Writes CVAT's table of class names and their colors in VOC's palette."""
    colors = voc_palette()[: len(names)].tolist()
    lines = ["# label:color_rgb:parts:actions\n"]
    for name, color in zip(names, colors, strict=True):
        lines.append(f"{printable(name).replace(':', '_')}:{','.join(map(str, color))}::\n")
    path.write_text("".join(lines), encoding="utf-8")


def _pixels(box: np.ndarray) -> list[float]:
    """Returns the first and last pixels of a box, counted from 1, off by at most half a pixel.

    A box of one pixel or less gets decimals: many programs refuse boxes that end where they begin.
    """
    first, last = np.round(box[:2] + 1), np.round(box[2:])
    thin = last <= first
    first = np.where(thin, box[:2] + 0.5, first)
    last = np.where(thin, np.maximum(box[2:], first + 0.01), last)
    return [round(float(side), 4) for side in (*first, *last)]


def _text(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)
