"""Average precision as the COCO benchmark defines it: T.-Y. Lin et al., “Microsoft COCO: Common
Objects in Context”, ECCV 2014, and its evaluation code, of which faster-coco-eval is the fast form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from training.evaluation.object_matching import Detections, Truths
from training.evaluation.oks import joint_sigmas

BOX_NUMBERS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
"""The benchmark's twelve numbers for boxes and masks, in its order."""

KEYPOINT_NUMBERS = (
    *("ap", "ap50", "ap75", "ap_medium", "ap_large"),
    *("ar", "ar50", "ar75", "ar_medium", "ar_large"),
)
"""The benchmark's ten numbers for keypoints, in its order."""

# Outside every range of areas, which is how the benchmark's code leaves an object out.
_NO_AREA = -1.0


class CocoRecords:
    """Labels and answers, gathered image by image in the benchmark's own form.

    Crowd regions take any number of answers and count neither way; difficult objects take one.

    Args:
        class_names: of the objects.
        joint_names: of the keypoints; they decide how far off a joint may be.
    """

    def __init__(self, class_names: Sequence[str], joint_names: Sequence[str] = ()):
        self.class_names = tuple(class_names)
        self.joint_names = tuple(joint_names)
        self.images: list[dict[str, Any]] = []
        self.truths: list[dict[str, Any]] = []
        self.found: dict[str, list[dict[str, Any]]] = {"bbox": [], "segm": [], "keypoints": []}

    def add(self, truths: Truths, found: Detections, size: tuple[int, int]) -> None:
        """Adds an image of `size` = (height, width)."""
        # Ids count from 1: 0 means "none" to the benchmark's code.
        image = len(self.images) + 1
        self.images.append({"id": image, "height": int(size[0]), "width": int(size[1])})
        for row in range(len(truths.labels)):
            self.truths.append(self._truth(truths, row, image))
        for row in range(len(found.labels)):
            base = {
                "image_id": image,
                "category_id": int(found.labels[row]) + 1,
                "score": float(found.scores[row]),
            }
            self.found["bbox"].append({**base, "bbox": _xywh(found.boxes[row])})
            if found.masks is not None:
                self.found["segm"].append({**base, "segmentation": found.masks[row]})
            if found.keypoints is not None:
                joints = found.keypoints[row].ravel().tolist()
                self.found["keypoints"].append({**base, "keypoints": joints})

    def numbers(self, kind: str = "bbox") -> dict[str, float | None]:
        """The benchmark's numbers for `"bbox"`, `"segm"` or `"keypoints"`, and two a class.

        Returns:
            `BOX_NUMBERS` or `KEYPOINT_NUMBERS`, then `ap_by_class` and `ap50_by_class` by name; a
            number is None where nothing that counts is labelled.
        """
        done = self.run(kind)
        names = KEYPOINT_NUMBERS if kind == "keypoints" else BOX_NUMBERS
        result: dict[str, Any] = {
            name: _known(value) for name, value in zip(names, done.stats, strict=True)
        }
        # By IoU, recall, class, range of areas and number of answers.
        precision = done.eval["precision"][:, :, :, 0, -1]
        for key, values in (("ap_by_class", precision), ("ap50_by_class", precision[:1])):
            result[key] = {
                name: _mean(values[:, :, number]) for number, name in enumerate(self.class_names)
            }
        return result

    def run(self, kind: str, **parameters: Any) -> COCOeval_faster:
        """The benchmark's evaluation, run with some of its `params` set otherwise."""
        names = self.class_names
        truth = COCO(
            {
                "info": {},
                "images": self.images,
                "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
                "annotations": [self._of_kind(one, kind) for one in self.truths],
            }
        )
        sigmas = joint_sigmas(self.joint_names, self._joints()) if kind == "keypoints" else None
        found = truth.loadRes([dict(one) for one in self.found[kind]])
        done = COCOeval_faster(truth, found, kind, kpt_oks_sigmas=sigmas)
        done.params.catIds = list(range(1, len(names) + 1))
        for key, value in parameters.items():
            setattr(done.params, key, value)
        done.run()
        return done

    def _truth(self, truths: Truths, row: int, image: int) -> dict[str, Any]:
        one = {
            "id": len(self.truths) + 1,
            "image_id": image,
            "category_id": int(truths.labels[row]) + 1,
            "bbox": _xywh(truths.boxes[row]),
            "area": float(truths.areas[row]),
            "iscrowd": int(truths.crowd[row]),
            "difficult": bool(truths.difficult[row]),
        }
        if truths.masks is not None:
            one["segmentation"] = truths.masks[row]
        if truths.keypoints is not None:
            one["keypoints"] = truths.keypoints[row].ravel().tolist()
            one["num_keypoints"] = int((truths.keypoints[row, :, 2] > 0).sum())
        return one

    def _of_kind(self, one: dict[str, Any], kind: str) -> dict[str, Any]:
        if not one["difficult"]:
            return dict(one)
        # The area of a person also says how far off a joint may be.
        return {**one, "num_keypoints": 0} if kind == "keypoints" else {**one, "area": _NO_AREA}

    def _joints(self) -> int:
        return len(self.truths[0]["keypoints"]) // 3 if self.truths else len(self.joint_names)


def _xywh(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def _known(value: float) -> float | None:
    return None if value < 0 else float(value)


def _mean(values: np.ndarray) -> float | None:
    """The mean; the benchmark's code writes −1 where nothing is labelled."""
    values = values[values > -1]
    return float(values.mean()) if values.size else None
