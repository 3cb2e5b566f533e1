"""Average precision of the COCO benchmark (Lin et al., ECCV 2014), by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from training.evaluation.object_matching import Detections, Truths
from training.evaluation.oks import keypoint_sigmas

BOX_METRICS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
"""The twelve metrics of the benchmark for boxes and masks, in its order."""

KEYPOINT_METRICS = (
    *("ap", "ap50", "ap75", "ap_medium", "ap_large"),
    *("ar", "ar50", "ar75", "ar_medium", "ar_large"),
)
"""The ten metrics of the benchmark for keypoints, in its order."""

# Outside all ranges of areas: the code of the benchmark ignores such an object.
_NO_AREA = -1.0


class CocoAccumulator:
    """Gathers labels and predictions, image by image, in the format of the benchmark.

    Crowds and difficult objects are ignored; a crowd matches any number of predictions, a difficult
    object one. For masks, the box of an object without outline is a crowd. The names of the
    keypoints decide their sigmas.
    """

    def __init__(self, class_names: Sequence[str], keypoint_names: Sequence[str] = ()):
        self.class_names = tuple(class_names)
        self.keypoint_names = tuple(keypoint_names)
        self.images: list[dict[str, Any]] = []
        self.truths: list[dict[str, Any]] = []
        self.predictions: dict[str, list[dict[str, Any]]] = {
            kind: [] for kind in ("bbox", "segm", "keypoints")
        }

    def add(self, truths: Truths, detections: Detections, size: tuple[int, int]) -> None:
        """Adds an image of `size` (height, width)."""
        # Ids count from 1: the code of the benchmark reads 0 as none.
        image = len(self.images) + 1
        self.images.append({"id": image, "height": int(size[0]), "width": int(size[1])})
        for row in range(len(truths.labels)):
            self.truths.append(self._truth(truths, row, image))
        for row in range(len(detections.labels)):
            base = {
                "image_id": image,
                "category_id": int(detections.labels[row]) + 1,
                "score": float(detections.scores[row]),
            }
            self.predictions["bbox"].append({**base, "bbox": _xywh(detections.boxes[row])})
            if detections.masks is not None:
                self.predictions["segm"].append({**base, "segmentation": detections.masks[row]})
            if detections.keypoints is not None:
                keypoints = detections.keypoints[row].ravel().tolist()
                self.predictions["keypoints"].append({**base, "keypoints": keypoints})

    def result(self, kind: str = "bbox") -> dict[str, float | None]:
        """Returns the metrics of `"bbox"`, `"segm"` or `"keypoints"`.

        They are `BOX_METRICS` or `KEYPOINT_METRICS`, then `ap_by_class` and `ap50_by_class` by
        name; a metric is None without labeled objects that count.
        """
        evaluation = self.run(kind)
        names = KEYPOINT_METRICS if kind == "keypoints" else BOX_METRICS
        result: dict[str, Any] = {
            name: None if value < 0 else float(value)
            for name, value in zip(names, evaluation.stats, strict=True)
        }
        # By IoU, recall, class, range of areas and number of predictions.
        precision = evaluation.eval["precision"][:, :, :, 0, -1]
        for key, values in (("ap_by_class", precision), ("ap50_by_class", precision[:1])):
            result[key] = {
                name: _mean(values[:, :, number]) for number, name in enumerate(self.class_names)
            }
        return result

    def run(self, kind: str, **parameters: Any) -> COCOeval_faster:
        """Runs the code of the benchmark with other values of some of its `params`."""
        names = self.class_names
        truth = COCO(
            {
                "info": {},
                "images": self.images,
                "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
                "annotations": [self._of_kind(one, kind) for one in self.truths],
            }
        )
        sigmas = None
        if kind == "keypoints":
            flat = self.truths[0]["keypoints"] if self.truths else 3 * self.keypoint_names
            sigmas = keypoint_sigmas(self.keypoint_names, len(flat) // 3)
        predictions = truth.loadRes([dict(one) for one in self.predictions[kind]])
        evaluation = COCOeval_faster(truth, predictions, kind, kpt_oks_sigmas=sigmas)
        evaluation.params.catIds = list(range(1, len(names) + 1))
        for key, value in parameters.items():
            setattr(evaluation.params, key, value)
        evaluation.run()
        return evaluation

    def _truth(self, truths: Truths, row: int, image: int) -> dict[str, Any]:
        one = {
            "id": len(self.truths) + 1,
            "image_id": image,
            "category_id": int(truths.labels[row]) + 1,
            "bbox": _xywh(truths.boxes[row]),
            "area": float(truths.areas[row]),
            "iscrowd": int(truths.crowd[row]),
            "difficult": bool(truths.difficult[row]),
            "outlined": bool(truths.outlined[row]),
        }
        if truths.masks is not None:
            one["segmentation"] = truths.masks[row]
        if truths.keypoints is not None:
            one["keypoints"] = truths.keypoints[row].ravel().tolist()
            one["num_keypoints"] = int((truths.keypoints[row, :, 2] > 0).sum())
        return one

    def _of_kind(self, one: dict[str, Any], kind: str) -> dict[str, Any]:
        if kind == "segm" and not one["outlined"]:
            return {**one, "iscrowd": 1}
        if not one["difficult"]:
            return dict(one)
        # The area of a person also scales the OKS, so it stays.
        return {**one, "num_keypoints": 0} if kind == "keypoints" else {**one, "area": _NO_AREA}


def _xywh(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def _mean(values: np.ndarray) -> float | None:
    """Returns the mean; the code of the benchmark writes −1 where nothing is labeled."""
    values = values[values > -1]
    return float(values.mean()) if values.size else None
