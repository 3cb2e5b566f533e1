"""Samples of the schema as a data set in COCO's form, for other tools and for their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from training.data.sources.objects.run_lengths import compress, runs_of
from training.drawing import paste_mask

Sample = Mapping[str, np.ndarray]


def to_coco(
    samples: Iterable[tuple[str, Sample]],
    object_names: Sequence[str],
    *,
    joint_names: Sequence[str] = (),
    skeleton: Iterable[tuple[int, int]] = (),
    image_ids: Sequence[int] | None = None,
    category_ids: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The content of a JSON file in COCO's form; rows with label −1 are left out.

    Args:
        samples: file name and sample of each image. `boxes` (N, 4) and `labels` (N,) are taken,
            and of `crowd`, `difficult`, `masks`, `keypoints` (N, K, 3) and `texts` what is there.
            A mask is written as a compressed RLE of the whole image, see `paste_mask`; values
            above 1 are shares of 255. Without masks the area is the box's.
        object_names: of the labels.
        joint_names, skeleton: of the keypoints, counted from 0.
        image_ids: of the images; without them 1, 2, …
        category_ids: of the labels; without them 1, 2, …

    Returns:
        `images`, `annotations` and `categories`, all of them plain Python values.
    """
    category_ids = list(category_ids or range(1, len(object_names) + 1))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for place, (name, sample) in enumerate(samples):
        height, width = sample["image"].shape[:2]
        number = place + 1 if image_ids is None else int(image_ids[place])
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for row in np.flatnonzero(sample["labels"] >= 0):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category_ids[int(sample["labels"][row])],
                    **_annotation(sample, int(row), height, width),
                }
            )
    categories = [
        {"id": number, "name": name, **_joints(joint_names, skeleton)}
        for number, name in zip(category_ids, object_names, strict=True)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(sample: Sample, row: int, height: int, width: int) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(value) for value in sample["boxes"][row])
    written: dict[str, Any] = {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": int(sample["crowd"][row]) if "crowd" in sample else 0,
    }
    if "difficult" in sample and sample["difficult"][row]:
        written["difficult"] = 1
    if "masks" in sample:
        mask = sample["masks"][row]
        if mask.max(initial=0) > 1:
            mask = mask / 255
        whole = paste_mask(mask, sample["boxes"][row], height, width)
        counts = compress(runs_of(whole))
        written["segmentation"] = {"size": [height, width], "counts": counts}
        written["area"] = float(whole.sum())
    if "keypoints" in sample:
        joints = sample["keypoints"][row]
        written["keypoints"] = [float(value) for value in joints.ravel()]
        written["num_keypoints"] = int((joints[:, 2] > 0).sum())
    if "texts" in sample:
        text = sample["texts"][row]
        written["caption"] = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return written


def _joints(names: Sequence[str], skeleton: Iterable[tuple[int, int]]) -> dict[str, Any]:
    if not names:
        return {}
    limbs = [[start + 1, end + 1] for start, end in skeleton]
    return {"keypoints": list(names), "skeleton": limbs}
