"""`coco:FOLDER` — COCO's JSON: instances, person keypoints, captions."""

from __future__ import annotations

from training.data.sources.coco.coco_annotations import AnnotationReader, read_caption
from training.data.sources.coco.coco_classes import class_names
from training.data.sources.coco.coco_crowds import all_crowds
from training.data.sources.coco.coco_file import CocoFile
from training.data.sources.coco.coco_layout import find_images, find_label_files
from training.data.sources.keypoints.keypoint_names import pairs_of
from training.data.sources.objects.annotations import REGION, AnnotatedImage
from training.data.sources.objects.image_splits import split_images
from training.data.sources.objects.instance_maps import MASK_SIZE
from training.data.sources.objects.object_checks import any_outline
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.json_files import Id
from training.data.sources.reading.options import read_names, read_whole_number
from training.data.sources.reading.splits import SplitRule
from zoo.argument_checks import check_choice
from zoo.errors import InputError
from zoo.files.file_names import shown

CAPTIONS = "captions"


class CocoFolder(ObjectSource):
    """`coco:FOLDER?labels=…&classes=…&…`: images with objects from JSON files.

    Samples have boxes, `masks` if any object has a segmentation, `keypoints` if its categories have
    keypoints, and `texts` for a file of captions, each of which describes the whole image.

    Args:
        root: the data folder; for its layouts see `training.data.sources.coco.coco_layout`.
        labels: `instances`, `person_keypoints`, `captions`, or a JSON file in the folder; by
            default the first of these that exists.
        classes: names of the categories to use, separated by commas, in the order of their class
            indices; all by default. Objects of other categories are skipped.
        masks: `0` ignores segmentations, `1` reads them, `coverage` gives masks of 0…254, the
            fraction of each cell that the object covers.
        mask_size: cells along each side of a mask.
        min_side: shorter side in pixels below which an object is marked difficult.
        limit: maximum number of images per split, the first ones; `0` for all.
        val: fraction of the images to validate on if the folder has no other split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.
        drop_bad: `1` to drop objects and images with defects.
        crowd: `ignore` (crowds are neither positive nor negative), or `objects` to read annotations
            with `iscrowd` as objects; CVAT marks painted masks so.

    Raises:
        InputError: if the layout is not recognized, or a file is not in COCO's format.
    """

    def __init__(
        self,
        root: str,
        labels: str = "",
        classes: str = "",
        masks: str = "1",
        mask_size: str = str(MASK_SIZE),
        min_side: str = "0",
        limit: str = "0",
        val: str = "0.2",
        split: str = "hash",
        drop_bad: str = "",
        fold: str = "",
        crowd: str = "ignore",
    ):
        super().__init__(root, drop_bad, mask_size)
        self.mask_coverage = check_choice("masks", masks, ("0", "1", "coverage")) == "coverage"
        self._min_side = read_whole_number("min_side", min_side)
        self._limit = read_whole_number("limit", limit)
        self._crowds = check_choice("crowd", crowd, ("ignore", "objects")) == "ignore"
        self._finder = ImageFinder(self.root)
        kind, paths = find_label_files(self.root, labels)
        if "" in paths and len(paths) > 1:
            self.notes.append(f"{shown(paths.pop(''))} belongs to no split and was not read.")
        files = [CocoFile(path, name, self.report) for name, path in paths.items()]
        for file in files:
            file.read()
        self._name_classes(kind, files, read_names(classes))
        self._read_masks = masks != "0" and any(file.has("segmentation") for file in files)
        splits = {file.split: self._images(kind, file) for file in files}
        self._read_masks &= any(any_outline(images) for images in splits.values())
        self._add_keys(kind)
        if computed := sum(file.computed_boxes for file in files):
            self.notes.append(f"{computed} objects have no bbox; theirs is that of the outline.")
        for name, images in split_images(splits, self, SplitRule(val, split, fold)).items():
            self.add_images(name, images)
            if note := all_crowds(name, images):
                self.notes.append(note)

    def _add_keys(self, kind: str) -> None:
        if kind == CAPTIONS:
            self.keys = (*self.keys, "texts")
        elif self._read_masks:
            self.keys = (*self.keys, "masks")
        if self.keypoint_names:
            self.keys = (*self.keys, "keypoints")

    def _name_classes(self, kind: str, files: list[CocoFile], classes: list[str]) -> None:
        """Sets class and keypoint names from the categories of all files, matched by name."""
        if kind == CAPTIONS:
            self.object_names = (REGION,)
            return
        self.object_names, used = class_names(files, classes, self.notes)
        posed = list(dict.fromkeys((c.keypoints, c.skeleton) for c in used if c.keypoints))
        if len({keypoints for keypoints, _ in posed}) > 1:
            raise InputError(
                f"{shown(files[0].path)}: categories differ in their keypoints; select one with "
                "classes=NAME."
            )
        if posed:
            self.keypoint_names, self.skeleton = posed[0]
            self.flip_pairs = pairs_of(self.keypoint_names)

    def _images(self, kind: str, file: CocoFile) -> list[AnnotatedImage]:
        """Returns the images of a file with their annotations."""
        folder = find_images(self._finder, file.path, file.split, file.file_names())
        images = file.images(self._finder, folder)
        labels: dict[Id | None, int] = {
            category_id: self.object_names.index(category.name)
            for category_id, category in file.categories.items()
            if category.name in self.object_names
        }
        keypoints = len(self.keypoint_names)
        reader = AnnotationReader(
            file, labels, self._read_masks, keypoints, self._min_side, self._crowds
        )
        for name, entry in file.annotations():
            image = file.image_of(name, entry, images)
            if image is None:
                continue
            if kind == CAPTIONS:
                item = read_caption(file, name, entry, image)
            else:
                item = reader.read(name, entry, image)
            if item:
                image.annotations.append(item)
        file.data = None
        # An image that is listed twice has two ids.
        found = list({id(image): image for image in images.values()}.values())
        return found[: self._limit or None]
