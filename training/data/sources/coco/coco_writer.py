"""Export of samples to COCO's JSON, for other tools and their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from training.data.sources.objects.run_lengths import compress, run_lengths
from training.drawing import paste_mask

Sample = Mapping[str, np.ndarray]


def to_coco(
    samples: Iterable[tuple[str, Sample]],
    object_names: Sequence[str],
    *,
    keypoint_names: Sequence[str] = (),
    skeleton: Iterable[tuple[int, int]] = (),
    image_ids: Sequence[int] | None = None,
    category_ids: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Returns the content of a JSON file in COCO's format; rows with label −1 are skipped.

    Args:
        samples: file name and sample of each image. `boxes` (N, 4) and `labels` (N,) are required;
            `crowd`, `difficult`, `masks`, `keypoints` (N, K, 3) and `texts` are optional. A mask
            becomes a compressed RLE of the whole image, see `paste_mask`; values above 1 are
            fractions in 1/255. Without masks the area is the box's.
        object_names: class names of the labels.
        keypoint_names: names of the K keypoints.
        skeleton: pairs of keypoint indices, from 0, that a limb connects.
        image_ids: ids of the images; 1, 2, … by default.
        category_ids: ids of the classes; 1, 2, … by default.

    Returns:
        `images`, `annotations` and `categories`, as plain Python values.
    """
    category_ids = list(category_ids or range(1, len(object_names) + 1))
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, (name, sample) in enumerate(samples):
        height, width = sample["image"].shape[:2]
        image_id = index + 1 if image_ids is None else int(image_ids[index])
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for row in np.flatnonzero(sample["labels"] >= 0):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category_ids[int(sample["labels"][row])],
                    **_annotation(sample, int(row), height, width),
                }
            )
    categories = [
        {"id": category_id, "name": name, **_keypoints(keypoint_names, skeleton)}
        for category_id, name in zip(category_ids, object_names, strict=True)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _annotation(sample: Sample, row: int, height: int, width: int) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(value) for value in sample["boxes"][row])
    annotation: dict[str, Any] = {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": int(sample["crowd"][row]) if "crowd" in sample else 0,
    }
    if "difficult" in sample and sample["difficult"][row]:
        annotation["difficult"] = 1
    if "masks" in sample:
        mask = sample["masks"][row]
        if mask.max(initial=0) > 1:
            mask = mask / 255
        mask_image = paste_mask(mask, sample["boxes"][row], height, width)
        counts = compress(run_lengths(mask_image))
        annotation["segmentation"] = {"size": [height, width], "counts": counts}
        annotation["area"] = float(mask_image.sum())
    if "keypoints" in sample:
        keypoints = sample["keypoints"][row]
        annotation["keypoints"] = [float(value) for value in keypoints.ravel()]
        annotation["num_keypoints"] = int((keypoints[:, 2] > 0).sum())
    if "texts" in sample:
        text = sample["texts"][row]
        annotation["caption"] = (
            text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        )
    return annotation


def _keypoints(names: Sequence[str], skeleton: Iterable[tuple[int, int]]) -> dict[str, Any]:
    if not names:
        return {}
    limbs = [[start + 1, end + 1] for start, end in skeleton]
    return {"keypoints": list(names), "skeleton": limbs}
