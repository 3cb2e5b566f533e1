"""`csv:FOLDER` — tables of boxes, one row for each object."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from training.data.sources.annotation_tools.drawn_shapes import DrawnShape
from training.data.sources.annotation_tools.label_files import files_below, split_of_file
from training.data.sources.annotation_tools.tool_source import ToolSource
from training.data.sources.csv_boxes.box_columns import BoxColumns
from training.data.sources.csv_boxes.box_tables import (
    BoxTable,
    ClassTable,
    box_of,
    is_in_fractions,
    read_boxes,
)
from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.reading.json_files import short
from training.data.sources.reading.splits import SplitRule, split_from_name
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown

_OBJECT = "object"
_TRUE = ("1", "1.0", "true", "yes")
_SPLITS = {"validate": "val", "valid": "val"}


class CsvFolder(ToolSource):
    """`csv:FOLDER?classes=…&units=…&…`: boxes in CSV files, one per row.

    Columns are recognized by their header: image (`filename`, `image`, `path`, `ImageID`, …), class
    (`class`, `label`, `LabelName`, …), and the box as `xmin, ymin, xmax, ymax`, `x1, …`, `left, …`,
    `x, y, width, height`, or one column `bbox`; tables of TensorFlow and of Open Images are among
    them. Without a header, the order is image, x1, y1, x2, y2, class (keras-retinanet) or AutoML's.
    A row without a box is an image without objects. A file named after a split, or a column
    `split`, names splits. A file of two columns names the classes.

    Args:
        root: the data folder, with the tables and the images.
        classes: class names to use, separated by commas, in the order of their class indices; by
            default those of the table of classes, else all in alphabetical order. Objects of other
            classes are left out.
        units: `pixels` or `fractions` of the image's sides; by default, fractions if nearly all
            coordinates are within 0…1.
        boxes: `xyxy`, `xywh` (from the top left corner) or `center`, the four numbers of a box; by
            default as the columns are named, and `xywh` in one column.
        val: fraction of the images to validate on if neither lists, names nor columns name a split.
        split: `hash`, `block`, `stratified`, or `group:PATTERN`; see `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.

    Raises:
        InputError: if there is no table of boxes, or some are in pixels and some in fractions.
    """

    def __init__(
        self,
        root: str,
        classes: str = "",
        units: str = "",
        boxes: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
        drop_bad: str = "",
    ):
        super().__init__(root, drop_bad, str(MASK_SIZE))
        self._units = check_choice("units", units, ("", "pixels", "fractions"))
        self._order = check_choice("boxes", boxes, ("", "xyxy", "xywh", "center"))
        self._names: dict[str, str] = {}
        self._by_name: dict[tuple[Path, str, str], AnnotatedImage | None] = {}
        self.read(classes, SplitRule(val, split, fold))

    def read_files(self) -> None:
        tables = []
        for path in files_below(self.root, (".csv", ".tsv")):
            try:
                table = read_boxes(path)
            except InputError as error:
                self.file_defect(path, split_of_file(self.root, path), error)
                continue
            if isinstance(table, BoxTable):
                tables.append(table)
            elif isinstance(table, ClassTable):
                self._names.update(table.names)
                self.listed_names.update(
                    dict.fromkeys(table.names.values()) if table.is_list else {}
                )
            else:
                self.notes.append(f"{shown(path)} is no table of boxes and was not read.")
        if not tables and not self.splits:
            raise InputError(
                f"{shown(self.root)}: no table of boxes; add a CSV file with the columns image, "
                "x1, y1, x2, y2, class."
            )
        self._set_units(tables)
        for table in tables:
            self._read_table(table)

    def _set_units(self, tables: list[BoxTable]) -> None:
        """Sets whether coordinates are fractions."""
        fractions = [table for table in tables if is_in_fractions(table)]
        self.relative = bool(fractions) if not self._units else self._units == "fractions"
        if not self._units and 0 < len(fractions) < len(tables):
            other = next(table for table in tables if table not in fractions)
            raise InputError(
                f"{shown(fractions[0].path)}: boxes in fractions of the image, but in "
                f"{shown(other.path)} in pixels; convert one, or select with units=."
            )

    def _read_table(self, table: BoxTable) -> None:
        columns = table.columns
        if self._order and columns.order != "vertices":
            columns = dataclasses.replace(columns, order=self._order)
        if columns.label is None:
            name = shown(table.path)
            self.notes.append(f"{name} has no column of classes: all objects are {_OBJECT}.")
        of_file = split_of_file(self.root, table.path)
        for line, fields in table.rows:
            record = f"line {line}"
            if len(fields) != table.width:
                problem = f"{len(fields)} fields instead of {table.width}"
                remedy = "give every column a field"
                self.image_defect(table.path, of_file, record, problem, remedy)
                continue
            image, split = self._image(table.path, of_file, record, fields, columns)
            if image is not None:
                self._add_box(image, split, record, fields, columns)

    def _image(
        self, path: Path, split: str, record: str, fields: list[str], columns: BoxColumns
    ) -> tuple[AnnotatedImage | None, str]:
        """Returns the image of a row, None if it is not used, and its split."""
        if columns.split is not None:
            word = fields[columns.split].lower()
            split = _SPLITS.get(word, split_from_name(word)) or split
        name = fields[columns.image]
        key = (path, split, name)
        if key not in self._by_name:
            sides = [
                int(fields[column]) if column is not None and fields[column].isdecimal() else 0
                for column in (columns.width, columns.height)
            ]
            size = (min(sides[0], 2**31 - 1), min(sides[1], 2**31 - 1))
            record = short(name) if name else record
            self._by_name[key] = self.image_of(path, split, record, name, size)
        return self._by_name[key], split

    def _add_box(
        self, image: AnnotatedImage, split: str, record: str, fields: list[str], columns: BoxColumns
    ) -> None:
        remedy = "give the four numbers of a box, or leave all fields of the object empty"
        name: object = _OBJECT if columns.label is None else fields[columns.label]
        try:
            box = box_of(fields, columns)
        except ValueError as error:
            self.object_defect(image, split, record, str(error), remedy)
            return
        if box is None:
            if columns.label is not None and name:
                problem = f"no box, but the class {short(name)}"
                self.object_defect(image, split, record, problem, remedy)
            return
        name = self._names.get(str(name), name)
        item = self.add_object(image, split, record, name, DrawnShape(box))
        for key, column in (("crowd", columns.crowd), ("difficult", columns.difficult)):
            if column is not None and fields[column].lower() in _TRUE:
                setattr(item, key, True)
