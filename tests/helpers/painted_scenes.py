"""Painted scenes whose labels can be checked against their pixels, before and after a transform."""

import numpy as np

# Of the classes, black first.
COLORS = np.array(list(np.ndindex(4, 4, 4)), np.uint8) * 80


def scene(seed, height, width, first_label=0, objects=3, cells=112):
    """A scene of discs, crosses and triangles; object k has the label `first_label` + k, the
    segmentation map has label + 1, and a keypoint is at the middle of its first and last row.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] + 0.5
    instances = np.zeros((height, width), np.int32)
    for number in range(1, objects + 1):
        middle = random.uniform([0.2 * width, 0.2 * height], [0.8 * width, 0.8 * height])
        radius = random.uniform(0.15, 0.3) * min(height, width)
        instances[outline(number % 3, x - middle[0], y - middle[1], radius)] = number
    numbers = [number for number in range(1, objects + 1) if (instances == number).sum() > 20]
    return labeled(instances, numbers, first_label, cells)


def outline(kind, x, y, radius):
    """Mask of the points, relative to the middle, inside a disc, a cross or a triangle."""
    if kind == 0:
        return x**2 + y**2 < radius**2
    if kind == 1:
        return (np.minimum(abs(x), abs(y)) < radius / 3) & (np.maximum(abs(x), abs(y)) < radius)
    return (abs(x) < radius) & (y < radius) & (y > 2 * abs(x) - radius)


def labeled(instances, numbers, first_label=0, cells=112):
    """The sample of an instance map."""
    boxes = np.array([hull(instances == number) for number in numbers], np.float32).reshape(-1, 4)
    labels = np.array([first_label + number - 1 for number in numbers], np.int32)
    classes = np.zeros(instances.shape, np.int32)
    for number in numbers:
        classes[instances == number] = first_label + number
    instances = np.where(classes > 0, instances, 0).astype(np.int32)
    return {
        "image": COLORS[classes],
        "segmentation": classes,
        "instances": instances,
        "boxes": boxes,
        "labels": labels,
        "crowd": np.zeros(len(numbers), bool),
        "masks": np.array(
            [cut_out(instances == n, box, cells) for n, box in zip(numbers, boxes, strict=True)],
            np.uint8,
        ).reshape(-1, cells, cells),
        "keypoints": np.array([ends(instances == n) for n in numbers], np.float32).reshape(
            -1, 2, 3
        ),
        "captions": labels[:, None] + np.arange(1, 4, dtype=np.int32),
        "texts": np.array([f"object {label}" for label in labels], object),
    }


def hull(lit):
    """xyxy box around the true pixels of (H, W)."""
    rows, columns = np.nonzero(lit.any(axis=1))[0], np.nonzero(lit.any(axis=0))[0]
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def ends(lit):
    """Visible keypoints at the middle of the first and last row of the true pixels."""
    rows = np.nonzero(lit.any(axis=1))[0]
    found = []
    for row in (rows[0], rows[-1]):
        columns = np.nonzero(lit[row])[0]
        found.append([columns[len(columns) // 2] + 0.5, row + 0.5, 2])
    return found


def cut_out(lit, box, cells):
    """(cells, cells) values of (H, W) at the centers of the cells of a box."""
    centers = (np.arange(cells) + 0.5) / cells
    x = (box[0] + centers * (box[2] - box[0])).astype(int)
    y = (box[1] + centers * (box[3] - box[1])).astype(int)
    return lit[y][:, x]


def pasted(mask, box, size):
    """(H, W) bool mask of the pixels whose center is in a cell of the object."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    across = (x - box[0]) / max(box[2] - box[0], 1e-9)
    down = (y - box[1]) / max(box[3] - box[1], 1e-9)
    within = (across >= 0) & (across < 1) & (down >= 0) & (down < 1)
    cells = np.asarray(mask.shape)[:, None, None] - 1
    rows, columns = np.clip(np.stack([down, across]) * (cells + 1), 0, cells).astype(int)
    return within & (mask[rows, columns] > 0)


def overlap(first, second):
    """IoU of two (H, W) masks."""
    return (first & second).sum() / max((first | second).sum(), 1)


def numpy(sample):
    return {key: np.asarray(value) for key, value in sample.items()}


def check(sample, least=0.93, box_within=1.6):
    """Checks box, mask, keypoints and captions of each object; returns the number of objects.

    Keypoints are at the first and last row of an object, so they must be on it.
    """
    classes, size = sample["segmentation"], sample["segmentation"].shape
    count = 0
    for row, label in enumerate(sample["labels"]):
        if label < 0:
            for key in ("boxes", "masks", "keypoints", "captions", "crowd"):
                assert not sample[key][row].any(), key
            assert sample["texts"][row] == b""
            continue
        lit = classes == label + 1
        if lit.sum() < 200:
            continue
        count += 1
        np.testing.assert_allclose(sample["boxes"][row], hull(lit), atol=box_within)
        assert overlap(pasted(sample["masks"][row], sample["boxes"][row], size), lit) >= least
        for x, y, visibility in sample["keypoints"][row]:
            if visibility == 2:
                rows, columns = np.nonzero(lit)
                assert np.hypot(columns + 0.5 - x, rows + 0.5 - y).min() < 1.5
        np.testing.assert_array_equal(sample["captions"][row], label + np.arange(1, 4))
        assert sample["texts"][row] == f"object {label}".encode()
    return count
