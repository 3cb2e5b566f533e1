"""`coco:FOLDER` — COCO's JSON: instances, person keypoints, captions."""

from __future__ import annotations

from training.data.sources.coco.coco_layout import find_images, find_label_files
from training.data.sources.coco.coco_records import REGION, Id, LabelFile
from training.data.sources.keypoints.joint_names import pairs_of
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.box_frame_masks import MASK_SIZE
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.reading.json_files import identity, short
from training.data.sources.reading.splits import split_up
from zoo.errors import InputError, nearest
from zoo.files.file_names import shown

CAPTIONS = "captions"


class CocoFolder(ObjectSource):
    """`coco:FOLDER?labels=…&classes=…&…`: images with objects from JSON files.

    Samples have boxes; masks where the file has segmentations, keypoints where its categories have
    joints, and `texts` from a file of captions, whose sentences are about the whole image.

    Args:
        root: the folder; for the layouts it may have see `training.data.sources.coco.coco_layout`.
        labels: `instances`, `person_keypoints`, `captions`, or a JSON file in the folder; without
            it what is there, in this order.
        classes: names of the categories to learn, separated by commas, in this order; all without
            it. Objects of others are left out.
        masks: 0 leaves segmentations unread; `shares` gives masks of 0…255, the share of each cell
            that is the object's, instead of 0 and 1.
        mask_size: side of the masks in cells.
        min_side: objects with a shorter side, in pixels, are marked difficult.
        limit: at most so many images a split, the first ones; 0 for all.
        val: share to hold out where the folder names no validation images.
        split: `hash` (by name) or `block` (the last ones).
        drop_bad: 1 leaves out objects and images that are wrong.

    Raises:
        InputError: the layout is not recognised, or a file is not of COCO's form.
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
    ):
        super().__init__(root, drop_bad, mask_size)
        if masks not in ("0", "1", "shares"):
            raise InputError(f"masks={masks}: expected 1, 0 or shares.")
        self.mask_shares = masks == "shares"
        self._min_side = _whole("min_side", min_side)
        self._limit = _whole("limit", limit)
        kind, paths = find_label_files(self.root, labels)
        if "" in paths and len(paths) > 1:
            self.notes.append(f"{shown(paths.pop(''))} belongs to no split and was not read")
        files = [LabelFile(path, name, self.report) for name, path in paths.items()]
        for file in files:
            file.read()
        self._name_classes(kind, files, classes)
        self._outlined = masks != "0" and any(file.has("segmentation") for file in files)
        self._add_keys(kind)
        splits = {file.split: self._images(kind, file) for file in files}
        for name, images in split_up(splits, self.root, val, split).items():
            self.add_images(name, images)

    def _add_keys(self, kind: str) -> None:
        if kind == CAPTIONS:
            self.keys = (*self.keys, "texts")
        elif self._outlined:
            self.keys = (*self.keys, "masks")
        if self.joint_names:
            self.keys = (*self.keys, "keypoints")

    def _name_classes(self, kind: str, files: list[LabelFile], classes: str) -> None:
        """Classes and joints from the categories of all files; a class is known by its name."""
        if kind == CAPTIONS:
            self.object_names = (REGION,)
            return
        categories = [c for file in files for c in file.categories.values()]
        names = tuple(dict.fromkeys(category.name for category in categories))
        if not names:
            raise InputError(f"{shown(files[0].path)}: it lists no categories; add them.")
        wanted = [name.strip() for name in classes.split(",") if name.strip()]
        for name in wanted:
            if name not in names:
                raise InputError(f"classes={name}: no such category{nearest(name, names)}")
        self.object_names = tuple(wanted) or names
        kept = [category for category in categories if category.name in self.object_names]
        posed = list(dict.fromkeys((c.joints, c.skeleton) for c in kept if c.joints))
        if len({joints for joints, _ in posed}) > 1:
            raise InputError(
                f"{shown(files[0].path)}: categories differ in their joints; choose one with "
                "classes=NAME."
            )
        if posed:
            self.joint_names, self.skeleton = posed[0]
            self.joint_pairs = pairs_of(self.joint_names)

    def _images(self, kind: str, file: LabelFile) -> list[AnnotatedImage]:
        """The images of a file with their objects."""
        folder = find_images(self.root, file.path, file.split, file.file_names())
        images = file.images(folder)
        labels: dict[Id | None, int] = {
            number: self.object_names.index(category.name)
            for number, category in file.categories.items()
            if category.name in self.object_names
        }
        for name, record in file.annotations():
            image = file.image_of(name, record, images)
            if image is None:
                continue
            item = (
                file.caption(name, image, record)
                if kind == CAPTIONS
                else self._object(file, name, record, image, labels)
            )
            if item:
                image.objects.append(item)
        file.data = None
        return list(images.values())[: self._limit or None]

    def _object(
        self,
        file: LabelFile,
        name: str,
        record: dict,
        image: AnnotatedImage,
        labels: dict[Id | None, int],
    ) -> Annotation | None:
        """An annotation as an object; None where it is not wanted or says too little."""
        category = identity(record.get("category_id"))
        if category in file.categories and category not in labels:
            return None
        box = file.box(name, image, record)
        if box is None:
            return None
        item = Annotation(box, -1, name, record.get("iscrowd") in (1, True))
        if category in labels:
            item.label = labels[category]
        else:
            problem = f"category_id {short(record.get('category_id'))} is no category of the file"
            where = f"{image.record}, {name}"
            if file.defect(where, problem, "correct it or list the category", "object"):
                return None
        item.difficult = 0 < min(box[2] - box[0], box[3] - box[1]) < self._min_side
        if self._outlined and not file.outline(item, image, record.get("segmentation")):
            return None
        joints, count = record.get("keypoints"), len(self.joint_names)
        if count and not file.joints(item, image, joints, count):
            return None
        return item


def _whole(name: str, text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise InputError(f"{name}={text}: expected a whole number from 0 on.")
    return int(text)
