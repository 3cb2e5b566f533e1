"""`masks:FOLDER` — images with one class map each."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.maps.class_map_source import ClassMapSource
from training.data.sources.maps.coding_choice import Choice, choose_coding
from training.data.sources.maps.mask_coding import MaskCoding
from training.data.sources.maps.mask_options import read_mask_options
from training.data.sources.maps.mask_probe import MAX_PROBED, ProbedMask, probe_masks, spread
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.folder_layout import Pairs, find_pairs
from training.data.sources.reading.index_maps import index_map_reader
from training.data.sources.reading.label_pairs import colors_of
from training.data.sources.reading.splits import SplitRule
from zoo.errors import InputError
from zoo.files.file_names import shown

MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "annotations/trimaps", "trimaps"),
    *("SegmentationClass", "ann_dir", "Masks"),
)


class MaskFolder(ClassMapSource):
    """`masks:FOLDER?void=V&classes=a,b,c&…`: images and class maps.

    The values of a mask are class numbers from 0; 255 is ignored, except in masks of 0 and 255
    alone, where it is class 1. Values that cannot be class numbers (grey edges, wide gaps, a
    mixture of 0/1 and 0/255) are refused; `values`, `threshold` or `colors` state their meaning.
    Color masks are read by a file of colors, such as CVAT's `labelmap.txt`, else by VOC's palette.
    At most 2000 masks are read to find the values; a value that appears later is an error of its
    mask.

    Args:
        root: the data folder; for its layouts see `reading.folder_layout`.
        void: values that are ignored, separated by commas; with `colors`, names of classes.
        classes: names of the classes 0, 1, …, separated by commas, or a text file of the folder
            with one name per line, or their number; by default the values in the masks.
        values: value of each class, separated by commas, such as `0,128,255`.
        threshold: lowest value of class 1 of two classes, such as `128`; for JPEG masks, too.
        colors: file of the folder with lines `name,r,g,b`, see `class_colors.read_colors`.
        unlisted: what becomes of values and colors that are not listed: `error`, `ignore`, or
            `nearest` (the class of the nearest one).
        missing: `drop` leaves out images without mask and masks without image.
        val: fraction of the images to validate on if the folder has no other split.
        split: `hash` (by name), `block` (the last images), `stratified`, or `group:PATTERN`; see
            `SplitRule`.
        fold: `K/N` to validate on the K-th of N parts instead of a fraction.

    Raises:
        InputError: if the layout is not recognized or the masks have no class numbers.
    """

    def __init__(
        self,
        root: str,
        void: str = "",
        classes: str = "",
        values: str = "",
        threshold: str = "",
        colors: str = "",
        unlisted: str = "error",
        missing: str = "",
        val: str = "0.2",
        split: str = "hash",
        fold: str = "",
    ):
        super().__init__(root)
        options = read_mask_options(self.root, void, classes, values, threshold, colors, unlisted)
        splits = find_pairs(self, MASK_FOLDERS, SplitRule(val, split, fold), missing, colors_of)
        paths = list(dict.fromkeys(mask for pairs in splits.values() for _, mask in pairs))
        self.class_names = options.classes
        if not paths:
            # The defects state why.
            self.add_maps(splits, index_map_reader(paths))
            return
        masks = self._probe(paths)
        readable = [mask for mask in masks if not mask.error]
        choice = choose_coding(readable, options)
        splits = self._without_bad(splits, masks, choice.coding)
        self._report(choice, readable)
        self.class_names = choice.coding.names
        self.add_maps(splits, choice.coding.decoder(paths))
        if len(masks) == len(paths):
            self._note_trained(splits, masks, choice.coding)

    def _probe(self, paths: list[Path]) -> list[ProbedMask]:
        """Returns the contents of some masks, of all masks if the first ones have one value."""
        masks = probe_masks(spread(paths, MAX_PROBED))
        probed = {mask.path for mask in masks}
        rest = [path for path in paths if path not in probed]
        step = len(masks)
        while rest and len({value for mask in masks for value in mask.colors or mask.values}) < 2:
            masks += probe_masks(rest[:step])
            rest = rest[step:]
        errors = [mask.error for mask in masks if mask.error]
        if 2 * len(errors) > len(masks):
            raise InputError(errors[0])
        return masks

    def _without_bad(
        self, splits: dict[str, Pairs], masks: list[ProbedMask], coding: MaskCoding
    ) -> dict[str, Pairs]:
        """Returns the pairs without masks that cannot be read, each of which is a defect."""
        bad: dict[Path, tuple[str, str]] = {}
        for mask in masks:
            if mask.error:
                problem, _, remedy = mask.error.removeprefix(f"{mask.path}: ").partition("; ")
                bad[mask.path] = problem.rstrip("."), remedy.rstrip(".") or "correct or remove it"
            elif problem := coding.problem(mask):
                bad[mask.path] = problem, coding.remedy
        if 2 * len(bad) > len(masks):
            path, (problem, remedy) = next(iter(bad.items()))
            raise InputError(
                f"{shown(path)}: {problem}; {remedy} ({len(bad)} of {len(masks)} masks)."
            )
        for split, pairs in splits.items():
            for _, path in pairs:
                if path in bad:
                    where = {"file": shown(path), "split": split, "unused": "image"}
                    self.report(Defect(*bad[path], **where))
        return {s: [p for p in pairs if p[1] not in bad] for s, pairs in splits.items()}

    def _report(self, choice: Choice, masks: list[ProbedMask]) -> None:
        """Adds the notes and defects of the choice; a single class is a defect."""
        self.notes += choice.notes
        coding = choice.coding
        found = {index for mask in masks for index in coding.class_counts(mask)}
        used = [name for index, name in enumerate(coding.names) if index in found]
        if len(used) < 2:
            problem = f"the masks have pixels of one class only ({used[0] if used else 'none'})"
            choice.defects.append((problem, "training needs two; check the masks"))
        for problem, remedy in choice.defects:
            self.report(Defect(problem, remedy, file=shown(self.root)))

    def _note_trained(
        self, splits: dict[str, Pairs], masks: list[ProbedMask], coding: MaskCoding
    ) -> None:
        """Stores the classes that occur in `train`."""
        contents = {mask.path: mask for mask in masks}
        found: set[int] = set()
        for _, path in splits.get("train", ()):
            found |= coding.class_counts(contents[path]).keys()
        self.trained_classes = frozenset(range(len(coding.names))) & found
