"""What is in a split: counts and distributions, taken one sample at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from training.data.checking.quantiles import Quantiles
from training.data.checking.sample_reading import Reading
from training.data.sources.source import Source
from zoo.tasks.sample_schema import IGNORE

_COMMONEST = 20


class SplitStatistics:
    """Takes in the readings of a split; `to_json` is what `zoo data --json` gives of it.

    Args:
        source: the data set, for the names of classes and joints.
    """

    def __init__(self, source: Source):
        self.source = source
        self.read = 0
        self.keys: set[str] = set()
        self.sizes: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.by_class: dict[str, Counter[int]] = {
            name: Counter() for name in ("pixels", "map_images", "label", "labels", "object_images")
        }
        self.joints: Counter[tuple[int, int]] = Counter()
        self.quantiles: dict[str, Quantiles] = {}

    def add(self, reading: Reading) -> None:
        """Takes in a record that could be read."""
        self.read += 1
        sample = reading.sample
        self.keys |= set(sample)
        if reading.height:
            self.sizes[f"{reading.height}×{reading.width}"] += 1
            self._add("height", [reading.height])
            self._add("width", [reading.width])
        if "segmentation" in sample:
            self._class_map(sample["segmentation"])
        if "instances" in sample:
            areas = np.bincount(sample["instances"].ravel())[1:]
            self.counts["instances"] += int(np.count_nonzero(areas))
            self._add("instances", [np.count_nonzero(areas)])
            self._add("instance_area", areas[areas > 0])
        if "label" in sample and sample["label"] >= 0:
            self.by_class["label"][int(sample["label"])] += 1
        if "labels" in sample:
            self._objects(sample, reading)
        if "box" in sample:
            self.counts["without_box"] += not sample["box"].any()
            self._boxes("one_", sample["box"][None], reading)
        if "keypoints" in sample:
            self._joints(sample)
        if "texts" in sample:
            words = [len(text.split()) for text in sample["texts"]]
            self._add("words", words)
            self.counts["captions"] += len(words)

    def _add(self, name: str, values) -> None:
        self.quantiles.setdefault(name, Quantiles()).add(values)

    def _class_map(self, classes: np.ndarray) -> None:
        counts = np.bincount(np.clip(classes, 0, IGNORE).ravel(), minlength=IGNORE + 1)
        for number in np.flatnonzero(counts):
            self.by_class["pixels"][int(number)] += int(counts[number])
            self.by_class["map_images"][int(number)] += 1

    def _objects(self, sample: dict[str, np.ndarray], reading: Reading) -> None:
        labels = sample["labels"]
        present = labels >= 0
        self._add("objects", [np.count_nonzero(present)])
        self.counts["without_objects"] += not present.any()
        self.counts["unusable"] += int(np.count_nonzero(~present))
        for key in ("crowd", "difficult"):
            if key in sample:
                self.counts[key] += int(np.count_nonzero(sample[key] & present))
        numbers, counts = np.unique(labels[present], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.by_class["labels"][number] += count
            self.by_class["object_images"][number] += 1
        if "boxes" in sample:
            self._boxes("", sample["boxes"][present], reading)

    def _boxes(self, kind: str, boxes: np.ndarray, reading: Reading) -> None:
        sides = boxes[:, 2:] - boxes[:, :2]
        sides = sides[(sides > 0).all(-1)].astype(np.float64)
        self._add(f"{kind}box_width", sides[:, 0])
        self._add(f"{kind}box_height", sides[:, 1])
        self._add(f"{kind}box_aspect", sides[:, 0] / sides[:, 1])
        if reading.height:
            self._add(f"{kind}box_share", sides.prod(-1) / (reading.height * reading.width))

    def _joints(self, sample: dict[str, np.ndarray]) -> None:
        keypoints = sample["keypoints"]
        if keypoints.ndim == 3 and "labels" in sample:
            keypoints = keypoints[sample["labels"] >= 0]
        people = keypoints[None] if keypoints.ndim == 2 else keypoints
        people = people[(people[..., 2] > 0).any(-1)]
        self.counts["people"] += len(people)
        for joint in range(people.shape[1]):
            for visibility in (0, 1, 2):
                seen = np.count_nonzero(people[:, joint, 2] == visibility)
                self.joints[joint, visibility] += int(seen)

    def seen(self, key: str) -> dict[str, int]:
        """How often each class of `segmentation` (pixels), `labels` or `label` occurs, by name."""
        counts = self.by_class["pixels" if key == "segmentation" else key]
        known = self.source.names_for(key)
        found = {name: counts[number] for number, name in enumerate(known)}
        ignored = IGNORE if key == "segmentation" else -1
        beyond = sorted(n for n in counts if n >= len(known) and n != ignored)
        return {**found, **{str(number): counts[number] for number in beyond}}

    def to_json(self, images: int) -> dict[str, Any]:
        """Everything found; a part is there if the samples have its key.

        Args:
            images: records in the split, those that cannot be read among them.
        """
        spread = {name: values.summary() for name, values in self.quantiles.items()}
        found: dict[str, Any] = {
            "images": images,
            "read": self.read,
            "sizes": dict(self.sizes.most_common(_COMMONEST)),
            "height": spread.get("height"),
            "width": spread.get("width"),
        }
        if "segmentation" in self.keys:
            with_class, names = self.by_class["map_images"], self.source.class_names
            found["pixels"] = self.seen("segmentation")
            found["images_with"] = {name: with_class[n] for n, name in enumerate(names)}
            found["ignored_pixels"] = self.by_class["pixels"][IGNORE]
        if "instances" in self.keys:
            found["instances"] = {
                "count": self.counts["instances"],
                "per_image": spread["instances"],
                "area": spread["instance_area"],
            }
        if "label" in self.keys:
            found["labels"] = self.seen("label")
        if "labels" in self.keys:
            found["objects"] = self._objects_json(spread)
        if "box" in self.keys:
            without = self.counts["without_box"]
            found["box"] = {"images_without": without, **_shapes_json("one_", spread)}
        if "keypoints" in self.keys:
            found["joints"] = self._joints_json()
        if "texts" in self.keys:
            found["captions"] = {"count": self.counts["captions"], "words": spread["words"]}
        return found

    def _objects_json(self, spread: dict[str, Any]) -> dict[str, Any]:
        images, names = self.by_class["object_images"], self.source.object_names
        counts = {key: self.counts[key] for key in ("unusable", "crowd", "difficult")}
        return {
            "count": sum(self.by_class["labels"].values()),
            "by_class": self.seen("labels"),
            "images_with": {name: images[number] for number, name in enumerate(names)},
            "images_without": self.counts["without_objects"],
            **counts,
            "per_image": spread["objects"],
            **_shapes_json("", spread),
        }

    def _joints_json(self) -> dict[str, Any]:
        names = self.source.joint_names
        count = 1 + max((joint for joint, _ in self.joints), default=-1)
        found: dict[str, Any] = {"people": self.counts["people"]}
        for visibility, word in enumerate(("absent", "hidden", "visible")):
            found[word] = {
                (names[joint] if joint < len(names) else str(joint)): self.joints[joint, visibility]
                for joint in range(count)
            }
        return found


def _shapes_json(kind: str, spread: dict[str, Any]) -> dict[str, Any]:
    """Quantiles of boxes: sides in pixels, width to height, share of the image's area."""
    parts = {"width": "width", "height": "height", "aspect": "aspect", "share": "share"}
    return {part: spread.get(f"{kind}box_{name}") for part, name in parts.items()}
