"""Tables of the report of `zoo data`."""

from __future__ import annotations

from typing import Any

from training.data.checking import Report
from zoo_cli.output import table

_DEFECTS = 50
_QUANTILES = ("min", "5%", "25%", "50%", "75%", "95%", "max")


def print_report(report: Report, remedy: str) -> None:
    """Prints the report of `training.data.checking.check`, and a remedy unless that is empty."""
    found = report.to_json()
    splits = found["splits"]
    for name, split in splits.items():
        print(_overview(name, split))
        rows = _distributions(split)
        if rows:
            print(table(rows, ("", *_QUANTILES), right=" ".join(_QUANTILES)))
        print()
    for heading, parts in _class_tables(splits):
        print(_counts(heading, parts), end="\n\n")
    _print_defects(found["defects"], remedy)


def _overview(name: str, split: dict[str, Any]) -> str:
    """Returns the line of a split."""
    parts = [f"{name}: {split['images']} images"]
    if split["read"] < split["images"]:
        parts[0] += f", {split['images'] - split['read']} of them unreadable"
    shown = list(split["sizes"].items())[:3]
    if shown:
        sizes = ", ".join(f"{size} ({count})" for size, count in shown)
        parts.append(f"height×width {sizes}{', …' if len(split['sizes']) > 3 else ''}")
    objects = split.get("objects")
    if objects:
        extra = [f"{objects['images_without']} images without any"]
        kinds = ("crowd", "difficult", "unusable", "without_outline")
        extra += [f"{objects[k]} {k.replace('_', ' ')}" for k in kinds if objects.get(k)]
        parts.append(f"{objects['count']} objects, {', '.join(extra)}")
    if split.get("box", {}).get("images_without"):
        parts.append(f"{split['box']['images_without']} images without a box")
    if "instances" in split:
        parts.append(f"{split['instances']['count']} instances")
    if "keypoints" in split:
        parts.append(f"{split['keypoints']['people']} with keypoints")
    if "captions" in split:
        parts.append(f"{split['captions']['count']} captions")
    if split.get("ignored_pixels"):
        total = sum(split["pixels"].values()) + split["ignored_pixels"]
        parts.append(f"{100 * split['ignored_pixels'] / total:.2f} % of pixels ignored")
    return "; ".join(parts)


def _distributions(split: dict[str, Any]) -> list[tuple[str, ...]]:
    """Returns the rows of quantiles."""
    objects, box = split.get("objects", {}), split.get("box", {})
    instances, captions = split.get("instances", {}), split.get("captions", {})
    spreads = (
        ("image height", split["height"], 1),
        ("image width", split["width"], 1),
        ("objects per image", objects.get("per_image"), 1),
        ("box width", objects.get("width"), 1),
        ("box height", objects.get("height"), 1),
        ("box width / height", objects.get("aspect"), 1),
        ("box, % of image", objects.get("area_fraction"), 100),
        ("box width", box.get("width"), 1),
        ("box height", box.get("height"), 1),
        ("box, % of image", box.get("area_fraction"), 100),
        ("instances per image", instances.get("per_image"), 1),
        ("instance pixels", instances.get("area"), 1),
        ("words per caption", captions.get("words"), 1),
    )
    return [
        (name, *(_number(factor * spread[quantile]) for quantile in _QUANTILES))
        for name, spread, factor in spreads
        if spread
    ]


def _class_tables(splits: dict[str, Any]):
    """Yields heading and columns `{name: count}` per split, for every kind of class."""
    kinds: dict[str, dict[str, list[dict[str, int]]]] = {"pixels": {}, "objects": {}, "labels": {}}
    for name, split in splits.items():
        if "pixels" in split:
            kinds["pixels"][name] = [split["pixels"], split["images_with"]]
        if "objects" in split:
            objects = split["objects"]
            kinds["objects"][name] = [objects["by_class"], objects["images_with"]]
        if "labels" in split:
            kinds["labels"][name] = [split["labels"]]
    headings = {"pixels": "class", "objects": "class of objects", "labels": "class of images"}
    for kind, parts in kinds.items():
        if any(columns[0] for columns in parts.values()):
            yield headings[kind], parts


def _counts(heading: str, parts: dict[str, list[dict[str, int]]]) -> str:
    """Returns a row per class with its count and the images that have it, per split."""
    names = dict.fromkeys(name for columns in parts.values() for name in columns[0])
    headings, rows = [heading], [[name] for name in names]
    for split, columns in parts.items():
        headings += [split] if len(columns) == 1 else [split, "images"]
        total = max(1, sum(columns[0].values()))
        for row in rows:
            count = columns[0].get(row[0], 0)
            row.append(f"{100 * count / total:.2f} %" if heading == "class" else str(count))
            row += [str(column.get(row[0], "")) for column in columns[1:]]
    return table(rows, headings, right=" ".join(headings[1:]))


def _print_defects(defects: list[dict[str, str]], remedy: str) -> None:
    if not defects:
        print("no defects")
        return
    print(f"{len(defects)} defect{'s' * (len(defects) > 1)}")
    for defect in defects[:_DEFECTS]:
        print(f"  {defect['split'] + ': ' if defect['split'] else ''}{defect['text']}")
    if len(defects) > _DEFECTS:
        print(f"  … and {len(defects) - _DEFECTS} more; --json lists all of them")
    if remedy:
        print(remedy)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
