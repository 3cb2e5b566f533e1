"""Random data sets in the files of annotation tools, with the boxes and masks they stand for."""

import base64
import csv
import dataclasses
import io
import itertools
import json
import math
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


@dataclasses.dataclass
class Thing:
    """An object: class, kind of shape, its numbers, its box, and its mask unless it is a box."""

    name: str
    kind: str
    numbers: object
    box: tuple
    mask: np.ndarray | None = None


@dataclasses.dataclass
class Scene:
    """An image and its objects."""

    file: str
    width: int
    height: int
    things: list


def scenes(kinds, count=5, seed=0, names=("cat", "dog", "traffic light")):
    """Returns random scenes whose objects are of some kinds; one scene has no objects."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        width, height = (int(value) for value in rng.integers(150, 220, 2))
        number = 0 if index == count - 1 else int(rng.integers(2, 5))
        things = [
            _thing(rng, str(rng.choice(names)), kinds[(index + i) % len(kinds)], width, height)
            for i in range(number)
        ]
        found.append(Scene(f"frame {index}.png", width, height, things))
    return found


def _thing(rng, name, kind, width, height):
    x, y = rng.uniform(55, width - 55), rng.uniform(55, height - 55)
    if kind == "box":
        half = rng.uniform(5, 50, 2)
        box = (x - half[0], y - half[1], x + half[0], y + half[1])
        return Thing(name, kind, box, box)
    if kind == "bitmap":
        mask = rng.random((int(rng.integers(12, 40)), int(rng.integers(12, 40)))) < 0.7
        mask[0], mask[:, 0], mask[-1], mask[:, -1] = True, True, True, True
        x, y = int(x) - 10, int(y) - 10
        full = np.zeros((height, width), bool)
        full[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
        return Thing(name, kind, (x, y, mask), (x, y, x + mask.shape[1], y + mask.shape[0]), full)
    radii, angle = rng.uniform(30, 50, 2), rng.uniform(0, math.pi)
    if kind == "circle":
        radii[1], angle = radii[0], 0.0
    if kind in ("circle", "ellipse"):
        rows, columns = np.mgrid[:height, :width] + 0.5
        along = (columns - x) * math.cos(angle) + (rows - y) * math.sin(angle)
        across = (rows - y) * math.cos(angle) - (columns - x) * math.sin(angle)
        mask = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1
        half = [
            math.hypot(radii[0] * c, radii[1] * s) for c, s in (_turn(angle), _turn(angle)[::-1])
        ]
        box = (x - half[0], y - half[1], x + half[0], y + half[1])
        return Thing(name, kind, (x, y, *radii, angle), box, mask)
    if kind == "turned":
        corner, (c, s) = (x - 4, y - 4), _turn(angle / 3)
        sides = [(0, 0), (48, 0), (48, 32), (0, 32)]
        points = [(corner[0] + c * i - s * j, corner[1] + s * i + c * j) for i, j in sides]
        numbers = (*corner, 48, 32, math.degrees(angle / 3))
        return Thing(name, kind, numbers, _around(points), _inside(points, height, width))
    if kind == "parts":
        first = [(x - 50, y - 20), (x - 8, y - 20), (x - 8, y + 25)]
        parts = [first, [(x, y), (x + 49, y), (x, y + 47)]]
        mask = _inside(parts[0], height, width) | _inside(parts[1], height, width)
        return Thing(name, kind, parts, _around([*parts[0], *parts[1]]), mask)
    angles = np.sort(rng.uniform(0, 2 * math.pi, 7))
    points = [(x + 50 * math.cos(a), y + 50 * math.sin(a)) for a in angles]
    mask = _inside(points, height, width)
    if kind == "holed":
        points = [(x - 50, y - 50), (x + 50, y - 50), (x + 50, y + 50), (x - 50, y + 50)]
        first = [(x - 23, y - 23), (x + 27, y - 18), (x, y + 30)]
        holes = [first, [(x - 45, y), (x - 30, y), (x - 38, y + 23)]]
        mask = _inside(points, height, width)
        for hole in holes:
            mask &= ~_inside(hole, height, width)
        return Thing(name, kind, (points, holes), _around(points), mask)
    return Thing(name, "polygon", points, _around(points), mask)


def _turn(angle):
    return math.cos(angle), math.sin(angle)


def _around(points):
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)


def _inside(points, height, width):
    """Returns which pixel centers are inside a polygon, by the number of edges to their right."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        crosses = (y0 > rows) != (y1 > rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (columns < (x1 - x0) * (rows - y0) / (y1 - y0) + x0)
    return inside


def save_image(path, scene):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (scene.width, scene.height), (90, 20, 200)).save(path)


def png_text(mask, compress=False):
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(stream, "PNG")
    content = stream.getvalue()
    return base64.b64encode(zlib.compress(content) if compress else content).decode()


def write_labelme(root, found):
    for scene in found:
        shapes = []
        for index, thing in enumerate(scene.things):
            shapes += _labelme_shapes(thing, index)
        shapes.append({"label": "cat", "points": [[1, 2]], "shape_type": "point"})
        save_image(root / "images" / scene.file, scene)
        content = {
            "version": "5.4.1",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"..\\images\\{scene.file}",
            "imageData": None,
            "imageHeight": scene.height,
            "imageWidth": scene.width,
        }
        path = root / "labels" / f"{Path(scene.file).stem}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


def _labelme_shapes(thing, index):
    shape = {"label": thing.name, "group_id": None, "flags": {}, "shape_type": "polygon"}
    if thing.kind == "box":
        x0, y0, x1, y1 = thing.numbers
        return [{**shape, "shape_type": "rectangle", "points": [[x1, y0], [x0, y1]]}]
    if thing.kind == "circle":
        x, y, radius, *_ = thing.numbers
        return [{**shape, "shape_type": "circle", "points": [[x, y], [x + radius, y]]}]
    if thing.kind == "bitmap":
        x, y, mask = thing.numbers
        corners = [[x, y], [x + mask.shape[1] - 1, y + mask.shape[0] - 1]]
        return [{**shape, "shape_type": "mask", "points": corners, "mask": png_text(mask)}]
    if thing.kind == "parts":
        return [{**shape, "points": part, "group_id": index} for part in thing.numbers]
    return [{**shape, "points": thing.numbers}]


def _via_region(thing):
    if thing.kind == "box":
        x0, y0, x1, y1 = thing.numbers
        return {"name": "rect", "x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
    if thing.kind == "circle":
        x, y, radius, *_ = thing.numbers
        return {"name": "circle", "cx": x, "cy": y, "r": radius}
    if thing.kind == "ellipse":
        x, y, radius_x, radius_y, angle = thing.numbers
        return {"name": "ellipse", "cx": x, "cy": y, "rx": radius_x, "ry": radius_y, "theta": angle}
    x, y = zip(*thing.numbers, strict=True)
    return {"name": "polygon", "all_points_x": x, "all_points_y": y}


def write_via(root, found):
    images = {}
    for scene in found:
        save_image(root / scene.file, scene)
        regions = [
            {"shape_attributes": _via_region(t), "region_attributes": {"kind": t.name}}
            for t in scene.things
        ]
        regions.append({"shape_attributes": {"name": "point", "cx": 1, "cy": 2}})
        entry = {"filename": scene.file, "size": 99, "regions": regions, "file_attributes": {}}
        images[f"{scene.file}99"] = entry
    content = {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {}}
    (root / "via_project.json").write_text(json.dumps(content))


def write_via_csv(root, found):
    header = ["filename", "file_size", "file_attributes", "region_count", "region_id"]
    rows = [[*header, "region_shape_attributes", "region_attributes"]]
    for scene in found:
        save_image(root / scene.file, scene)
        start, count = [scene.file, 99, "{}"], len(scene.things)
        for index, thing in enumerate(scene.things):
            parts = [json.dumps(_via_region(thing)), json.dumps({"kind": thing.name})]
            rows.append([*start, count, index, *parts])
        if not scene.things:
            rows.append([*start, 0, 0, "{}", "{}"])
    _write_rows(root / "via_export_csv.csv", rows)


def write_createml(root, found):
    content = []
    for scene in found:
        save_image(root / scene.file, scene)
        objects = [{"label": t.name, "coordinates": _centered(t.box)} for t in scene.things]
        content.append({"image": scene.file, "annotations": objects})
    (root / "_annotations.createml.json").write_text(json.dumps(content))


def _centered(box):
    x0, y0, x1, y1 = box
    return {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "width": x1 - x0, "height": y1 - y0}


def write_label_studio(root, found):
    tasks = []
    for index, scene in enumerate(found):
        save_image(root / "images" / scene.file, scene)
        result = [_label_studio_region(t, scene, i) for i, t in enumerate(scene.things)]
        result.append(_keypoint(scene))
        cancelled = {"was_cancelled": True, "result": []}
        task = {"id": index + 7, "data": {"image": f"/data/upload/3/0a1b2c3d-{scene.file}"}}
        tasks.append({**task, "annotations": [cancelled, {"id": 1, "result": result}]})
    (root / "export.json").write_text(json.dumps(tasks))


def write_label_studio_min(root, found):
    tasks = []
    for index, scene in enumerate(found):
        save_image(root / "images" / scene.file, scene)
        regions = []
        for number, thing in enumerate(scene.things):
            region = _label_studio_region(thing, scene, number)
            sides = {key: region[key] for key in ("original_width", "original_height")}
            regions.append({**region["value"], **sides})
        task = {"id": index, "image": f"/data/upload/3/0a1b2c3d-{scene.file}", "annotation_id": 5}
        tasks.append({**task, "label": regions, "annotator": 1, "created_at": "2024-01-01"})
    (root / "export-min.json").write_text(json.dumps(tasks))


def _keypoint(scene):
    value = {"x": 5, "y": 6, "width": 1, "keypointlabels": ["nose"]}
    sides = {"original_width": scene.width, "original_height": scene.height}
    return {"id": "key", "type": "keypointlabels", "value": value, **sides}


def _label_studio_region(thing, scene, index):
    width, height = scene.width / 100, scene.height / 100
    kind = {"box": "rectangle", "turned": "rectangle", "bitmap": "brush"}.get(
        thing.kind, thing.kind
    )
    if thing.kind == "box":
        x0, y0, x1, y1 = thing.numbers
        value = {"x": x0 / width, "y": y0 / height, "rotation": 0}
        value |= {"width": (x1 - x0) / width, "height": (y1 - y0) / height}
    elif thing.kind == "turned":
        x, y, wide, high, degrees = thing.numbers
        value = {"x": x / width, "y": y / height, "rotation": degrees}
        value |= {"width": wide / width, "height": high / height}
    elif thing.kind == "ellipse":
        x, y, radius_x, radius_y, angle = thing.numbers
        value = {"x": x / width, "y": y / height, "rotation": math.degrees(angle)}
        value |= {"radiusX": radius_x / width, "radiusY": radius_y / height}
    elif thing.kind == "bitmap":
        value = {"format": "rle", "rle": brush_bytes(thing.mask)}
    else:
        value = {"points": [[x / width, y / height] for x, y in thing.numbers], "closed": True}
    sides = {"original_width": scene.width, "original_height": scene.height}
    region = {"id": f"r{index}", "type": f"{kind}labels", **sides}
    return {**region, "value": {**value, f"{kind}labels": [thing.name]}}


def brush_bytes(mask):
    """Returns Label Studio's run-length encoding of a mask, with runs and with single values."""
    sizes = (3, 4, 8, 16)
    values = np.repeat(mask.ravel() * 255, 4)
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    limits = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), values.size]
    for number, (start, end) in enumerate(itertools.pairwise(limits)):
        single = number % 3 == 0 and end - start <= 8
        while start < end:
            length = min(end - start, 65536)
            which = next(i for i, size in enumerate(sizes) if length <= 2**size)
            bits += f"{int(not single)}{which:02b}{length - 1:0{sizes[which]}b}"
            bits += f"{values[start]:08b}" * (length if single else 1)
            start += length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def write_supervisely(root, found):
    names = sorted({thing.name for scene in found for thing in scene.things}, reverse=True)
    for scene in found:
        save_image(root / "ds 1" / "img" / scene.file, scene)
        objects = [_supervisely_object(thing) for thing in scene.things]
        line = {"classTitle": names[0], "geometryType": "line"}
        objects.append({**line, "points": {"exterior": [[1, 1], [5, 5]], "interior": []}})
        size = {"height": scene.height, "width": scene.width}
        path = root / "ds 1" / "ann" / f"{scene.file}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps({"description": "", "tags": [], "size": size, "objects": objects})
        )
    meta = {"classes": [{"title": name, "shape": "any"} for name in names], "tags": []}
    (root / "meta.json").write_text(json.dumps(meta))


def _supervisely_object(thing):
    entry = {"classTitle": thing.name, "geometryType": "polygon", "tags": []}
    if thing.kind == "box":
        x0, y0, x1, y1 = thing.numbers
        points = {"exterior": [[x0, y0], [x1, y1]], "interior": []}
        return {**entry, "geometryType": "rectangle", "points": points}
    if thing.kind == "bitmap":
        x, y, mask = thing.numbers
        bitmap = {"origin": [x, y], "data": png_text(mask, compress=True)}
        return {**entry, "geometryType": "bitmap", "bitmap": bitmap}
    outer, holes = thing.numbers if thing.kind == "holed" else (thing.numbers, [])
    return {**entry, "points": {"exterior": outer, "interior": holes}}


def write_csv(root, found):
    rows = [["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]]
    for scene in found:
        save_image(root / "images" / scene.file, scene)
        start = [scene.file, scene.width, scene.height]
        rows += [[*start, thing.name, *thing.box] for thing in scene.things]
        if not scene.things:
            rows.append([*start, "", "", "", "", ""])
    _write_rows(root / "labels.csv", rows)


def _write_rows(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


TOOLS = {
    "labelme": ("labelme", write_labelme, ("polygon", "box", "circle", "bitmap", "parts")),
    "via": ("via", write_via, ("polygon", "box", "circle", "ellipse")),
    "via_csv": ("via", write_via_csv, ("polygon", "box", "circle", "ellipse")),
    "createml": ("createml", write_createml, ("box",)),
    "label_studio": (
        "label_studio",
        write_label_studio,
        ("polygon", "box", "turned", "ellipse", "bitmap"),
    ),
    "label_studio_min": ("label_studio", write_label_studio_min, ("polygon", "box", "turned")),
    "supervisely": ("supervisely", write_supervisely, ("polygon", "box", "holed", "bitmap")),
    "csv": ("csv", write_csv, ("box",)),
}
"""Format, writer and kinds of shapes of each kind of file."""
