"""Class maps, and instance maps where there are objects."""

from __future__ import annotations

import numpy as np
from PIL import Image

from training.data.writing.drawn_maps import class_map, instance_map, voc_palette
from training.data.writing.labeled_image import LabeledImage
from training.data.writing.voc_writer import write_label_map
from training.data.writing.writers import Writer


class MaskWriter(Writer):
    """Writes `images/SPLIT`, `masks/SPLIT` and, for objects with outlines, `instances/SPLIT`.

    A mask is a PNG of class indices with VOC's colors, whose classes `labelmap.txt` and
    `classes.txt` name; 255 is ignored. `masks:FOLDER` reads the masks and `instances:FOLDER` the
    instance maps.
    """

    def _add(self, image: LabeledImage) -> None:
        name = self.placement.place(image, self.folder / "images" / image.split)
        stem, shape = name.rpartition(".")[0], (image.height, image.width)
        values = image.segmentation
        if values is None:
            values = class_map(image.objects, shape)
        path = self.folder / "masks" / image.split / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = Image.fromarray(values.astype(np.uint8))
        mask.putpalette(voc_palette().ravel().tolist())
        mask.save(path)
        if not self.names.outlines:
            return
        instances = instance_map(image.objects, shape, 65535, self.lose)
        path = self.folder / "instances" / image.split / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(instances.astype(np.uint16)).save(path)
        for item in image.objects:
            what = {} if item.has_outline else {"box": "boxes without outline written as ignored"}
            self._written(
                item,
                **what,
                crowd="crowds written as ignored pixels",
                difficult="difficult objects written as other objects",
                keypoints="objects whose keypoints are left out, which masks cannot hold",
                caption="captions left out, which masks cannot hold",
                score="scores left out, which masks cannot hold",
            )

    def close(self) -> None:
        names = self.names.classes or ("background", *self.names.objects)
        write_label_map(self.folder / "labelmap.txt", names)
        lines = "".join(f"{name}\n" for name in names)
        (self.folder / "classes.txt").write_text(lines, encoding="utf-8")

    def notes(self) -> list[str]:
        reading = f"masks:{self.location}?classes=classes.txt"
        return [*super().notes(), f"the class names are in classes.txt: {reading} reads them."]
