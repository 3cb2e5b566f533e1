"""`via:FOLDER` — projects and exports of VGG Image Annotator 2: JSON and CSV."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from training.data.sources.annotation_tools.label_files import files_below, split_of_file
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.json_files import JsonObject, short
from training.data.sources.reading.splits import SplitRule, split_from_name
from training.data.sources.via.via_files import ViaImage, as_options, read_via
from training.data.sources.via.via_shapes import NO_OBJECTS, via_shape
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown

_CLASS_ATTRIBUTES = (
    *("class", "class_name", "classname", "label", "name", "category", "type", "object", "species"),
)
_OBJECT = "object"


class ViaFolder(ToolSource):
    """`via:FOLDER?attribute=…&classes=…&…`: images with the regions of VGG Image Annotator.

    A folder holds JSON or CSV files, projects or exports, for all images or for one split each
    (`train/via_region_data.json`, `via_train.csv`). Rectangles have a box; circles, ellipses and
    polygons an outline; points and lines are no objects.

    Args:
        root: the data folder.
        attribute: region attribute that holds the class; by default the one named `class`,
            `label`, `name`, …, else the most frequent one. Without attributes, all are `object`.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default all, the options of the attribute first. Objects of other classes are left out.
        val: fraction of the images to validate on if neither lists nor names name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        mask_size: cells along each side of a mask, if there are outlines.

    Raises:
        InputError: if there are no files of VGG Image Annotator.
    """

    def __init__(
        self,
        root: str,
        attribute: str = "",
        classes: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
        drop_bad: str = "",
        mask_size: str = str(MASK_SIZE),
    ):
        super().__init__(root, drop_bad, mask_size)
        self._attribute = attribute
        self._options: dict[str, str] = {}
        self.read(classes, SplitRule(val, split, fold))

    def read_files(self) -> None:
        entries: list[tuple[Path, str, ViaImage]] = []
        declared: JsonObject = {}
        others = []
        for path in files_below(self.root, (".json", ".csv")):
            split = split_of_file(self.root, path)
            try:
                content = read_via(path)
            except InputError as error:
                self.file_defect(path, split, error)
                continue
            if content is None:
                others.append(path)
                continue
            declared = {**content.attributes, **declared}
            for entry in content.images:
                entries.append((path, self._split_of(entry) or split, entry))
        if not entries and not self.splits:
            raise InputError(
                f"{shown(self.root)}: no file of VGG Image Annotator 2; export the annotations as "
                "JSON or CSV."
            )
        if others:
            self.notes.append(
                f"{len(others)} other files, such as {shown(others[0])}, were not read."
            )
        self._select_attribute([entry for _, _, entry in entries], declared)
        self._add_images(entries)

    def _split_of(self, entry: ViaImage) -> str:
        """Returns the split that a file attribute of an image stands for, or an empty string."""
        values = entry.attributes.values() if isinstance(entry.attributes, dict) else ()
        splits = (split_from_name(value) for value in values if isinstance(value, str))
        return next((split for split in splits if split), "")

    def _select_attribute(self, entries: list[ViaImage], declared: JsonObject) -> None:
        """Sets the attribute that holds the class, and the class names that it may have."""
        counts: Counter[str] = Counter()
        for entry in entries:
            for _, region in entry.regions:
                values = region.get("region_attributes") if isinstance(region, dict) else None
                counts.update(list(values) if isinstance(values, dict) else ())
        names = list(dict.fromkeys([*declared, *(name for name, _ in counts.most_common())]))
        if self._attribute and self._attribute not in names:
            raise InputError(
                f"attribute: no region attribute {self._attribute!r}"
                f"{nearest(self._attribute, names)} Available: {', '.join(names[:8]) or 'none'}."
            )
        used = [name for name in names if counts[name]] or names
        by_lower = {name.lower(): name for name in reversed(used)}
        usual = [by_lower[name] for name in _CLASS_ATTRIBUTES if name in by_lower]
        self._attribute = self._attribute or next(iter([*usual, *used]), "")
        if not self._attribute:
            self.notes.append(f"regions have no attributes: all are of the class {_OBJECT}.")
        elif len(used) > 1:
            rest = ", ".join(shown(name) for name in used if name != self._attribute)
            self.notes.append(
                f"the class is the region attribute {shown(self._attribute)}, not {rest}; select "
                "another one with attribute=NAME."
            )
        self._options = as_options(declared.get(self._attribute))
        self.listed_names = dict.fromkeys(self._options.values())

    def _add_images(self, entries: list[tuple[Path, str, ViaImage]]) -> None:
        for path, split, entry in entries:
            if entry.problem:
                remedy = "give it a filename and regions, or remove it"
                self.image_defect(path, split, entry.name, entry.problem, remedy)
                continue
            image = self.image_of(path, split, entry.name, entry.filename)
            if image is None:
                continue
            for record, region in entry.regions:
                self._add_object(image, split, record, region)

    def _add_object(self, image: AnnotatedImage, split: str, record: str, region: Any) -> None:
        shape = region.get("shape_attributes") if isinstance(region, dict) else None
        if not isinstance(shape, dict):
            problem = f"{short(region)} has no shape_attributes"
            self.object_defect(image, split, record, problem, "draw it again or remove it")
            return
        if shape.get("name") in NO_OBJECTS:
            self.note(f"regions are of the shape {shape['name']}, so no objects")
            return
        try:
            drawn = via_shape(shape)
        except ValueError as error:
            self.object_defect(image, split, record, str(error), "draw it again or remove it")
            return
        self.add_object(image, split, record, self._class_of(region), drawn)

    def _class_of(self, region: JsonObject) -> object:
        """Returns the class of a region as stored; None without one."""
        if not self._attribute:
            return _OBJECT
        attributes = region.get("region_attributes")
        value = attributes.get(self._attribute) if isinstance(attributes, dict) else None
        if isinstance(value, dict):  # check boxes
            chosen = [name for name, checked in value.items() if checked in (True, "true", 1)]
            if len(chosen) > 1:
                self.note("regions have several classes, of which the first is used")
            value = chosen[0] if chosen else None
        return self._options.get(value, value) if isinstance(value, str) else value
