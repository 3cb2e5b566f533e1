"""Writers of one small data set in each format, and counts of what its files state.

Every data set has four training and two validation images of 64 × 48 pixels with two objects each.
A count is made from the files alone, without the readers, so that it shows what a reader lost.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 48
SPLITS = {"train": 4, "val": 2}
CLASSES = ("cat", "dog")


@dataclasses.dataclass(frozen=True)
class Scene:
    """One image: its name, split, and the class index and box (xyxy) of its objects."""

    name: str
    split: str
    objects: tuple[tuple[int, tuple[int, int, int, int]], ...]


def scenes() -> list[Scene]:
    """Returns the scenes of the data set, the same ones every time."""
    random = np.random.default_rng(0)
    found = []
    for split, count in SPLITS.items():
        for number in range(count):
            objects = []
            for label in range(len(CLASSES)):
                x, y = random.integers(2, 20), random.integers(2, 16)
                x, y = int(x + 30 * label), int(y)
                objects.append((label, (x, y, x + 10 + 2 * label, y + 14)))
            found.append(Scene(f"{split}_{number}", split, tuple(objects)))
    return found


def pixels(scene: Scene) -> np.ndarray:
    """Returns the (H, W, 3) uint8 image of a scene."""
    seed = sum(scene.name.encode())
    image = np.random.default_rng(seed).integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for label, (x0, y0, x1, y1) in scene.objects:
        image[y0:y1, x0:x1] = (220, 40, 40) if label else (40, 40, 220)
    return image


def label_map(scene: Scene, instances: bool = False) -> np.ndarray:
    """Returns the (H, W) uint8 class or instance map of a scene, 0 for the background."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    for index, (label, (x0, y0, x1, y1)) in enumerate(scene.objects):
        values[y0:y1, x0:x1] = (index if instances else label) + 1
    return values


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(path: Path, content: Any) -> None:
    """Writes text, or any other value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))


def corners(box: tuple[int, int, int, int]) -> list[list[int]]:
    x0, y0, x1, y1 = box
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def write_coco(root: Path) -> None:
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    for split in SPLITS:
        images, annotations = [], []
        for number, scene in enumerate((s for s in scenes() if s.split == split), 1):
            save(root / "images" / f"{scene.name}.jpg", pixels(scene))
            entry = {"id": number, "file_name": f"{scene.name}.jpg"}
            images.append({**entry, "width": WIDTH, "height": HEIGHT})
            for label, box in scene.objects:
                sides = [box[2] - box[0], box[3] - box[1]]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": label + 1,
                        "bbox": [*box[:2], *sides],
                        "area": sides[0] * sides[1],
                        "iscrowd": 0,
                        "segmentation": [[value for corner in corners(box) for value in corner]],
                    }
                )
        content = {"images": images, "annotations": annotations, "categories": categories}
        write(root / "annotations" / f"instances_{split}.json", content)


def write_voc(root: Path) -> None:
    for scene in scenes():
        save(root / "JPEGImages" / f"{scene.name}.jpg", pixels(scene))
        objects = "".join(
            f"  <object>\n    <name>{CLASSES[label]}</name>\n    <bndbox><xmin>{box[0] + 1}</xmin>"
            f"<ymin>{box[1] + 1}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>\n"
            "  </object>\n"
            for label, box in scene.objects
        )
        write(
            root / "Annotations" / f"{scene.name}.xml",
            f"<annotation>\n  <filename>{scene.name}.jpg</filename>\n  <size><width>{WIDTH}</width>"
            f"<height>{HEIGHT}</height><depth>3</depth></size>\n{objects}</annotation>\n",
        )
    _write_lists(root / "ImageSets" / "Main")


def _write_lists(folder: Path) -> None:
    for split in SPLITS:
        names = [scene.name for scene in scenes() if scene.split == split]
        write(folder / f"{split}.txt", "\n".join(names) + "\n")


def write_yolo(root: Path) -> None:
    for scene in scenes():
        save(root / "images" / scene.split / f"{scene.name}.jpg", pixels(scene))
        lines = [
            f"{label} {(x0 + x1) / 2 / WIDTH:.6f} {(y0 + y1) / 2 / HEIGHT:.6f} "
            f"{(x1 - x0) / WIDTH:.6f} {(y1 - y0) / HEIGHT:.6f}"
            for label, (x0, y0, x1, y1) in scene.objects
        ]
        write(root / "labels" / scene.split / f"{scene.name}.txt", "\n".join(lines) + "\n")
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    write(root / "data.yaml", f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}")


def _write_maps(root: Path, folder: str, instances: bool) -> None:
    for scene in scenes():
        save(root / "images" / scene.split / f"{scene.name}.jpg", pixels(scene))
        save(root / folder / scene.split / f"{scene.name}.png", label_map(scene, instances))


def write_masks(root: Path) -> None:
    _write_maps(root, "masks", False)


def write_masks_with_lists(root: Path) -> None:
    """Class maps in colors, with a table of the colors and lists of the splits."""
    palette = np.array([(0, 0, 0), (40, 40, 220), (220, 40, 40)], np.uint8)
    for scene in scenes():
        save(root / "JPEGImages" / f"{scene.name}.jpg", pixels(scene))
        save(root / "SegmentationClass" / f"{scene.name}.png", palette[label_map(scene)])
    names = ("background", *CLASSES)
    rows = [f"{n}:{r},{g},{b}::" for n, (r, g, b) in zip(names, palette.tolist(), strict=True)]
    write(root / "labelmap.txt", "# label:color_rgb:parts:actions\n" + "\n".join(rows) + "\n")
    _write_lists(root / "ImageSets" / "Segmentation")


def write_instances(root: Path) -> None:
    _write_maps(root, "instances", True)


def write_regions(root: Path) -> None:
    images, described = [], []
    for number, scene in enumerate(scenes(), 1):
        save(root / "images" / f"{number}.jpg", pixels(scene))
        size = {"width": WIDTH, "height": HEIGHT}
        images.append({"image_id": number, "url": f"https://host/VG_100K/{number}.jpg", **size})
        regions = [
            {
                "region_id": 10 * number + label,
                "image_id": number,
                "phrase": f"a {CLASSES[label]} on grey ground",
                **dict(zip(("x", "y"), box[:2], strict=True)),
                **{"width": box[2] - box[0], "height": box[3] - box[1]},
            }
            for label, box in scene.objects
        ]
        described.append({"id": number, "regions": regions})
    write(root / "image_data.json", images)
    write(root / "region_descriptions.json", described)


def _table(rows: list[list[Any]], separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_keypoints(root: Path) -> None:
    points = ("left_hand", "right_hand", "nose")
    rows: list[list[Any]] = [["image", "split"]]
    rows[0] += [f"{point}_{axis}" for point in points for axis in "xyv"]
    for scene in scenes():
        save(root / "images" / f"{scene.name}.jpg", pixels(scene))
        x0, y0, x1, y1 = scene.objects[0][1]
        rows.append([f"{scene.name}.jpg", scene.split, x0, y0, 2, x1, y0, 2, x0, y1, 1])
    write(root / "poses.csv", _table(rows))


def write_classes(root: Path) -> None:
    for number, scene in enumerate(scenes()):
        save(root / "images" / f"{scene.name}.jpg", pixels(scene))
        with (root / f"{scene.split}.txt").open("a") as file:
            file.write(f"images/{scene.name}.jpg {CLASSES[number % 2]}\n")


def write_csv(root: Path) -> None:
    rows: list[list[Any]] = [["image", "x1", "y1", "x2", "y2", "class"]]
    for scene in scenes():
        save(root / "images" / f"{scene.name}.jpg", pixels(scene))
        rows += [[f"{scene.name}.jpg", *box, CLASSES[label]] for label, box in scene.objects]
    write(root / "boxes.csv", _table(rows))
    _write_lists(root)


def write_labelme(root: Path) -> None:
    for scene in scenes():
        save(root / f"{scene.name}.jpg", pixels(scene))
        shapes = [
            {
                "label": CLASSES[label],
                "points": corners(box) if label else [list(box[:2]), list(box[2:])],
                "group_id": None,
                "shape_type": "polygon" if label else "rectangle",
                "flags": {},
            }
            for label, box in scene.objects
        ]
        size = {"imageHeight": HEIGHT, "imageWidth": WIDTH, "imageData": None}
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, **size}
        write(root / f"{scene.name}.json", {**content, "imagePath": f"{scene.name}.jpg"})
    _write_lists(root)


def _via_shape(label: int, box: tuple[int, int, int, int]) -> dict[str, Any]:
    if label:
        xs, ys = zip(*corners(box), strict=True)
        return {"name": "polygon", "all_points_x": list(xs), "all_points_y": list(ys)}
    sides = {"width": box[2] - box[0], "height": box[3] - box[1]}
    return {"name": "rect", "x": box[0], "y": box[1], **sides}


def write_via(root: Path) -> None:
    content = {}
    for scene in scenes():
        path = root / f"{scene.name}.png"
        save(path, pixels(scene))
        regions = [
            {
                "shape_attributes": _via_shape(label, box),
                "region_attributes": {"class": CLASSES[label]},
            }
            for label, box in scene.objects
        ]
        size = path.stat().st_size
        entry = {"filename": path.name, "size": size, "regions": regions, "file_attributes": {}}
        content[f"{path.name}{size}"] = entry
    write(root / "via_region_data.json", content)
    _write_lists(root)


def write_via_csv(root: Path) -> None:
    header = "filename,file_size,file_attributes,region_count,region_id"
    rows: list[list[Any]] = [[*header.split(","), "region_shape_attributes", "region_attributes"]]
    for scene in scenes():
        path = root / f"{scene.name}.png"
        save(path, pixels(scene))
        for number, (label, box) in enumerate(scene.objects):
            shape = json.dumps(_via_shape(label, box))
            entry = [path.name, path.stat().st_size, "{}", len(scene.objects), number, shape]
            rows.append([*entry, json.dumps({"class": CLASSES[label]})])
    write(root / "via_region_data.csv", _table(rows))
    _write_lists(root)


def write_createml(root: Path) -> None:
    for split in SPLITS:
        content = []
        for scene in (s for s in scenes() if s.split == split):
            save(root / split / f"{scene.name}.jpg", pixels(scene))
            annotations = [
                {
                    "label": CLASSES[label],
                    "coordinates": {
                        "x": (x0 + x1) / 2,
                        "y": (y0 + y1) / 2,
                        "width": x1 - x0,
                        "height": y1 - y0,
                    },
                }
                for label, (x0, y0, x1, y1) in scene.objects
            ]
            content.append({"image": f"{scene.name}.jpg", "annotations": annotations})
        write(root / split / "_annotations.createml.json", content)


def write_label_studio(root: Path) -> None:
    tasks = []
    for number, scene in enumerate(scenes(), 1):
        save(root / "images" / f"{scene.name}.jpg", pixels(scene))
        results = []
        for label, (x0, y0, x1, y1) in scene.objects:
            size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
            common = {"id": f"r{label}", "from_name": "label", "to_name": "image", **size}
            points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in corners((x0, y0, x1, y1))]
            sides = {
                "width": 100 * (x1 - x0) / WIDTH,
                "height": 100 * (y1 - y0) / HEIGHT,
                "rotation": 0,
            }
            if label:
                value = {"points": points, "closed": True, "polygonlabels": [CLASSES[label]]}
                results.append({**common, "type": "polygonlabels", "value": value})
            else:
                value = {"x": points[0][0], "y": points[0][1], **sides}
                value = {**value, "rectanglelabels": [CLASSES[label]]}
                results.append({**common, "type": "rectanglelabels", "value": value})
        annotations = [{"id": number, "was_cancelled": False, "result": results}]
        image = f"/data/upload/1/1a2b3c4d-{scene.name}.jpg"
        tasks.append({"id": number, "annotations": annotations, "data": {"image": image}})
    write(root / "export.json", tasks)
    _write_lists(root)


def write_supervisely(root: Path) -> None:
    shapes = ("bitmap", "polygon")
    classes = [
        {"title": name, "shape": shape, "color": "#FF0000"}
        for name, shape in zip(CLASSES, shapes, strict=True)
    ]
    write(root / "meta.json", {"classes": classes, "tags": []})
    for scene in scenes():
        folder = root / scene.split
        save(folder / "img" / f"{scene.name}.png", pixels(scene))
        objects = []
        for number, (label, box) in enumerate(scene.objects):
            common = {"id": number + 1, "classTitle": CLASSES[label], "tags": []}
            if label:
                points = {"exterior": corners(box), "interior": []}
                objects.append({**common, "geometryType": "polygon", "points": points})
                continue
            buffer = io.BytesIO()
            full = np.full((box[3] - box[1], box[2] - box[0]), True)
            Image.fromarray(full).save(buffer, "PNG")
            data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
            bitmap = {"data": data, "origin": list(box[:2])}
            objects.append({**common, "geometryType": "bitmap", "bitmap": bitmap})
        size = {"height": HEIGHT, "width": WIDTH}
        content = {"description": "", "tags": [], "size": size, "objects": objects}
        write(folder / "ann" / f"{scene.name}.png.json", content)


def write_cityscapes(root: Path) -> None:
    ids = np.array([7, 24, 26], np.uint8)
    for scene in scenes():
        name = f"town_000000_{scene.name[-1].zfill(6)}"
        save(root / "leftImg8bit" / scene.split / "town" / f"{name}_leftImg8bit.png", pixels(scene))
        labels = ids[label_map(scene)]
        save(root / "gtFine" / scene.split / "town" / f"{name}_gtFine_labelIds.png", labels)


def write_ade20k(root: Path) -> None:
    folders = {"train": "training", "val": "validation"}
    for scene in scenes():
        folder = folders[scene.split]
        save(root / "images" / folder / f"ADE_{scene.name}.jpg", pixels(scene))
        save(root / "annotations" / folder / f"ADE_{scene.name}.png", label_map(scene))


def write_joint(root: Path) -> None:
    write_yolo(root / "boxes")
    write_classes(root / "images")
    write(root / "joint.tree", "animal -1\ncat 0\ndog 0\n")
    write(root / "joint.names", "animal\ncat\ndog\n")
    write(
        root / "joint.toml",
        'boxes = "yolo:boxes"\nimages = "classes:images"\ntree = "joint.tree"\n'
        'names = "joint.names"\n',
    )


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "coco": ("coco:.", write_coco),
    "voc": ("voc:.", write_voc),
    "yolo": ("yolo:.", write_yolo),
    "masks": ("masks:.", write_masks),
    "masks, colors": ("masks:.", write_masks_with_lists),
    "instances": ("instances:.", write_instances),
    "regions": ("regions:.", write_regions),
    "keypoints": ("keypoints:.", write_keypoints),
    "classes": ("classes:.", write_classes),
    "csv": ("csv:.", write_csv),
    "labelme": ("labelme:.", write_labelme),
    "via": ("via:.", write_via),
    "via, csv": ("via:.", write_via_csv),
    "createml": ("createml:.", write_createml),
    "label_studio": ("label_studio:.", write_label_studio),
    "supervisely": ("supervisely:.", write_supervisely),
    "cityscapes": ("cityscapes:.", write_cityscapes),
    "ade20k": ("ade20k:.", write_ade20k),
    "joint": ("joint:joint.toml", write_joint),
}
"""DATA as seen from the folder, and writer, of each layout."""

_TEXT_ENTRIES = {
    ".xml": rb"<object\b",
    ".json": rb'"(bbox|phrase|shape_type|shape_attributes|coordinates|geometryType|value)"',
}


def stated_entries(root: Path) -> int:
    """Returns the number of objects that the files of a data set state.

    These are entries of JSON and XML files, and lines of tables, label files and lists. A file
    whose entries cannot be counted counts as 0.
    """
    return sum(_entries(path) for path in root.rglob("*") if path.is_file())


def _entries(path: Path) -> int:
    content = path.read_bytes()
    suffix = path.suffix.lower()
    if suffix == ".json":
        try:
            return sum(1 for _ in _objects(json.loads(content)))
        except (ValueError, RecursionError):
            return len(re.findall(_TEXT_ENTRIES[suffix], content))
    if suffix == ".xml":
        return len(re.findall(_TEXT_ENTRIES[suffix], content))
    if suffix in (".txt", ".csv"):
        return sum(1 for line in content.splitlines() if line.strip(b" \t\0\r"))
    return 0


_LISTS = ("images", "annotations", "regions", "shapes", "result", "objects")


def _objects(value: Any, key: str = "") -> Iterator[Any]:
    """Yields the entries of the lists that hold objects, at any depth."""
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            yield from _objects(inner, inner_key)
    elif isinstance(value, list):
        if key in _LISTS:
            yield from value
        for inner in value:
            yield from _objects(inner)
