"""Counts and distributions of a split."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from training.data.checking.mask_checks import outlined
from training.data.checking.sample_loading import LoadedSample
from training.data.sources.source import Source
from zoo.tasks.sample_schema import IGNORE

LEVELS = {"5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95}
_COMMONEST = 20


class SplitStatistics:
    """Statistics of the samples of a split."""

    def __init__(self, source: Source):
        self.source = source
        self.read = 0
        self.keys: set[str] = set()
        self.sizes: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.by_class: dict[str, Counter[int]] = {
            name: Counter() for name in ("pixels", "map_images", "label", "labels", "object_images")
        }
        self.keypoints: Counter[tuple[int, int]] = Counter()
        self.quantiles: dict[str, Quantiles] = {}

    def add(self, loaded: LoadedSample) -> None:
        """Adds a sample that could be read."""
        self.read += 1
        sample = loaded.sample
        self.keys |= set(sample)
        if loaded.height:
            self.sizes[f"{loaded.height}×{loaded.width}"] += 1
            self._add("height", [loaded.height])
            self._add("width", [loaded.width])
        if "segmentation" in sample:
            self._segmentation(sample["segmentation"])
        if "instances" in sample:
            areas = np.bincount(sample["instances"].ravel())[1:]
            self.counts["instances"] += int(np.count_nonzero(areas))
            self._add("instances", [np.count_nonzero(areas)])
            self._add("instance_area", areas[areas > 0])
        if "label" in sample and sample["label"] >= 0:
            self.by_class["label"][int(sample["label"])] += 1
        if "labels" in sample:
            self._objects(sample, loaded)
        if "box" in sample:
            self.counts["without_box"] += not sample["box"].any()
            self._boxes("one_", sample["box"][None], loaded)
        if "keypoints" in sample:
            self._keypoints(sample)
        if "texts" in sample:
            words = [len(text.split()) for text in sample["texts"]]
            self._add("words", words)
            self.counts["captions"] += len(words)

    def _add(self, name: str, values) -> None:
        self.quantiles.setdefault(name, Quantiles()).add(values)

    def _segmentation(self, classes: np.ndarray) -> None:
        counts = np.bincount(np.clip(classes, 0, IGNORE).ravel(), minlength=IGNORE + 1)
        for number in np.flatnonzero(counts):
            self.by_class["pixels"][int(number)] += int(counts[number])
            self.by_class["map_images"][int(number)] += 1

    def _objects(self, sample: dict[str, np.ndarray], loaded: LoadedSample) -> None:
        labels = sample["labels"]
        present = labels >= 0
        self._add("objects", [np.count_nonzero(present)])
        self.counts["without_objects"] += not present.any()
        self.counts["unusable"] += int(np.count_nonzero(~present))
        for key in ("crowd", "difficult"):
            if key in sample:
                self.counts[key] += int(np.count_nonzero(sample[key] & present))
        if "masks" in self.source.keys:
            self.counts["without_outline"] += int(np.count_nonzero(present & ~outlined(loaded)))
        numbers, counts = np.unique(labels[present], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.by_class["labels"][number] += count
            self.by_class["object_images"][number] += 1
        if "boxes" in sample:
            self._boxes("", sample["boxes"][present], loaded)

    def _boxes(self, kind: str, boxes: np.ndarray, loaded: LoadedSample) -> None:
        sides = boxes[:, 2:] - boxes[:, :2]
        sides = sides[(sides > 0).all(-1)].astype(np.float64)
        self._add(f"{kind}box_width", sides[:, 0])
        self._add(f"{kind}box_height", sides[:, 1])
        self._add(f"{kind}box_aspect", sides[:, 0] / sides[:, 1])
        if loaded.height:
            self._add(f"{kind}box_area_fraction", sides.prod(-1) / (loaded.height * loaded.width))

    def _keypoints(self, sample: dict[str, np.ndarray]) -> None:
        keypoints = sample["keypoints"]
        if keypoints.ndim == 3 and "labels" in sample:
            keypoints = keypoints[sample["labels"] >= 0]
        people = keypoints[None] if keypoints.ndim == 2 else keypoints
        people = people[(people[..., 2] > 0).any(-1)]
        self.counts["people"] += len(people)
        for index in range(people.shape[1]):
            for visibility in (0, 1, 2):
                count = np.count_nonzero(people[:, index, 2] == visibility)
                self.keypoints[index, visibility] += int(count)

    def class_counts(self, key: str) -> dict[str, int]:
        """Returns the counts of `segmentation` (pixels), `labels` or `label` by class name."""
        counts = self.by_class["pixels" if key == "segmentation" else key]
        known = self.source.names_for(key)
        found = {name: counts[number] for number, name in enumerate(known)}
        ignored = IGNORE if key == "segmentation" else -1
        beyond = sorted(n for n in counts if n >= len(known) and n != ignored)
        return {**found, **{str(number): counts[number] for number in beyond}}

    def to_json(self, images: int) -> dict[str, Any]:
        """Returns plain values; `images` is the number of records, readable or not."""
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
            found["pixels"] = self.class_counts("segmentation")
            found["images_with"] = {name: with_class[n] for n, name in enumerate(names)}
            found["ignored_pixels"] = self.by_class["pixels"][IGNORE]
        if "instances" in self.keys:
            found["instances"] = {
                "count": self.counts["instances"],
                "per_image": spread["instances"],
                "area": spread["instance_area"],
            }
        if "label" in self.keys:
            found["labels"] = self.class_counts("label")
        if "labels" in self.keys:
            found["objects"] = self._objects_json(spread)
        if "box" in self.keys:
            without = self.counts["without_box"]
            found["box"] = {"images_without": without, **_shapes_json("one_", spread)}
        if "keypoints" in self.keys:
            found["keypoints"] = self._keypoints_json()
        if "texts" in self.keys:
            found["captions"] = {"count": self.counts["captions"], "words": spread["words"]}
        return found

    def _objects_json(self, spread: dict[str, Any]) -> dict[str, Any]:
        images, names = self.by_class["object_images"], self.source.object_names
        counts = {key: self.counts[key] for key in ("unusable", "crowd", "difficult")}
        if "masks" in self.source.keys:
            counts["without_outline"] = self.counts["without_outline"]
        return {
            "count": sum(self.by_class["labels"].values()),
            "by_class": self.class_counts("labels"),
            "images_with": {name: images[number] for number, name in enumerate(names)},
            "images_without": self.counts["without_objects"],
            **counts,
            "per_image": spread["objects"],
            **_shapes_json("", spread),
        }

    def _keypoints_json(self) -> dict[str, Any]:
        names = self.source.keypoint_names
        count = 1 + max((index for index, _ in self.keypoints), default=-1)
        found: dict[str, Any] = {"people": self.counts["people"]}
        for visibility, word in enumerate(("absent", "hidden", "visible")):
            found[word] = {
                (names[i] if i < len(names) else str(i)): self.keypoints[i, visibility]
                for i in range(count)
            }
        return found


def _shapes_json(kind: str, spread: dict[str, Any]) -> dict[str, Any]:
    """Returns quantiles of boxes: sides in pixels, aspect ratio, fraction of the image's area."""
    parts = ("width", "height", "aspect", "area_fraction")
    return {part: spread.get(f"{kind}box_{part}") for part in parts}


class Quantiles:
    """Stores numbers: all up to `limit`, then every second, every fourth, …"""

    def __init__(self, limit: int = 500_000):
        self.limit = limit
        self.values = array("d")
        self.count = 0
        self.step = 1
        self.low, self.high = np.inf, -np.inf

    def add(self, values: ArrayLike) -> None:
        """Adds numbers; those that are not finite are ignored."""
        numbers = np.asarray(values, np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            return
        self.low, self.high = min(self.low, numbers.min()), max(self.high, numbers.max())
        self.values.frombytes(numbers[-self.count % self.step :: self.step].tobytes())
        self.count += numbers.size
        while len(self.values) > self.limit:
            self.values = self.values[::2]
            self.step *= 2

    def summary(self) -> dict[str, float] | None:
        """Returns `min`, `5%`, `25%`, `50%`, `75%`, `95%` and `max`; None without numbers."""
        if not self.count:
            return None
        values = np.quantile(np.frombuffer(self.values), list(LEVELS.values()))
        inner = {name: round(float(v), 6) for name, v in zip(LEVELS, values, strict=True)}
        return {"min": round(float(self.low), 6), **inner, "max": round(float(self.high), 6)}
