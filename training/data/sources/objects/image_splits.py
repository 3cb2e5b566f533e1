"""Splits of annotated images whose label files do not name them."""

from __future__ import annotations

from pathlib import Path

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.splits import listed_names, split_lists, split_off_validation
from zoo.errors import InputError
from zoo.files.file_names import shown

Splits = dict[str, list[AnnotatedImage]]


def split_images(splits: Splits, root: Path, val: str, how: str) -> Splits:
    """Splits images by `train.txt` …, or into a fixed train and validation split.

    Images without a split have the key `""`; for `val` and `how` see `split_off_validation`.
    """
    if set(splits) == {""}:
        lists = split_lists(root)
        splits = _by_lists(splits[""], lists) if lists else {"train": splits[""]}
    splits = {split: images for split, images in splits.items() if images}
    if not splits:
        raise InputError(f"{shown(root)}: no images are listed in it; add some.")
    if set(splits) != {"train"}:
        return splits
    images = splits["train"]
    stems = [image.file.stem for image in images]
    return split_off_validation(images, stems, val, how, images[0].file)


def _by_lists(images: list[AnnotatedImage], lists: dict[str, Path]) -> Splits:
    by_name = {image.file.stem: image for image in images}
    by_name.update({image.file.name: image for image in images})
    splits: Splits = {}
    for split, path in lists.items():
        splits[split] = []
        for number, word in listed_names(path):
            image = by_name.get(Path(word).name) or by_name.get(Path(word).stem)
            if image is None:
                raise InputError(
                    f"{shown(path)}: line {number}: no labels for {shown(word)}; remove it "
                    "from the list."
                )
            splits[split].append(image)
    return splits
