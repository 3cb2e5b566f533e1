"""Files of small generated data sets with objects."""

import json
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 40, 30


def make_image(path: Path, size=(WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 20, 200)).save(path)
    return path


def annotation(number, image, box=(4, 5, 20, 10), category=3, **more):
    x, y, wide, high = box
    outline = [[x, y, x + wide, y, x + wide, y + high, x, y + high]]
    record = {"id": number, "image_id": image, "category_id": category, "bbox": list(box)}
    return {**record, "iscrowd": 0, "segmentation": outline, **more}


def coco_content(count=4, first=0, annotations=None):
    """Images `0.png`, … of 40×30 pixels with ids from 10 on; categories 3 and 7."""
    images = [
        {"id": 10 + i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT}
        for i in range(first, first + count)
    ]
    if annotations is None:
        annotations = [annotation(i, image["id"]) for i, image in enumerate(images)]
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(root: Path, content=None, labels="annotations/instances_train.json", folder="train"):
    """Writes the JSON and its images; returns the folder."""
    content = coco_content() if content is None else content
    path = root / labels
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    for image in content["images"]:
        make_image(root / folder / image["file_name"])
    return root


def voc_xml(objects, size=(WIDTH, HEIGHT), filename="other.jpg"):
    """An annotation file; objects are (name, xmin, ymin, xmax, ymax[, difficult])."""
    parts = []
    for name, x0, y0, x1, y1, *difficult in objects:
        parts.append(
            f"<object><name>{name}</name><difficult>{difficult[0] if difficult else 0}</difficult>"
            f"<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox>"
            "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>"
            "<ymax>2</ymax></bndbox></part></object>"
        )
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height></size>{''.join(parts)}</annotation>"
    )


def write_voc(root: Path, annotations, xml="Annotations", images="JPEGImages"):
    """Writes XML files and images by stem; returns the folder."""
    (root / xml).mkdir(parents=True, exist_ok=True)
    for stem, content in annotations.items():
        content = content if isinstance(content, str) else voc_xml(content)
        (root / xml / f"{stem}.xml").write_text(content)
        make_image(root / images / f"{stem}.png")
    return root


def stored_values(source, key="boxes"):
    """Returns the values of each image's objects by the image's stem, without decoding images."""
    found = {}
    for split, images in source.images.items():
        values, starts = (column.numpy() for column in source._columns[split].ragged[key])
        for index, image in enumerate(images):
            found[image.file.stem] = values[starts[index] : starts[index + 1]].tolist()
    return found
