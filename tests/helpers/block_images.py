"""Images with a red and a blue block each, and files of proposals near to and far from them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

COLORS = {"red": (220, 40, 40), "blue": (40, 40, 220)}


def write_blocks(root: Path, train: int = 6, val: int = 2) -> Path:
    """Writes COCO's layout and `NAME.json` with 16 proposals for each image of 50×60 pixels."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        labels = {"images": [], "annotations": [], "categories": []}
        for number, name in enumerate(COLORS, 1):
            labels["categories"].append({"id": number, "name": name})
        (root / split).mkdir()
        for number in range(count):
            name = f"{split}{number}"
            image = random.integers(80, 120, (50, 60, 3)).astype(np.uint8)
            rows = [[0, 0, 60, 50], [44, 30, 60, 50]]
            for category, color in enumerate(COLORS.values(), 1):
                x, y = 30 * (category - 1) + int(random.integers(0, 8)), int(random.integers(2, 28))
                image[y : y + 18, x : x + 20] = color
                box = np.array([x, y, x + 20, y + 18])
                rows += (box + random.uniform(-3, 3, (5, 4))).tolist()
                rows += (box + np.array([[9, 7, 9, 7], [-7, 9, -7, 9]])).tolist()
                labels["annotations"].append({
                    "id": 10 * number + category, "image_id": number, "category_id": category,
                    "iscrowd": 0, "bbox": [x, y, 20, 18], "area": 360,
                })  # fmt: skip
            Image.fromarray(image).save(root / split / f"{name}.png")
            (root / f"{name}.json").write_text(json.dumps({"boxes": rows}))
            labels["images"].append(
                {"id": number, "file_name": f"{name}.png", "height": 50, "width": 60}
            )
        (root / "annotations").mkdir(exist_ok=True)
        (root / f"annotations/instances_{split}.json").write_text(json.dumps(labels))
    return root
