"""Ground truth, imperfect predictions, and their COCO metrics by pycocotools."""

import contextlib
import io

import numpy as np

from training.drawing import paste_mask

SIZE = (120, 160)
KEYPOINTS = 17


def random_samples(seed, images=12, classes=4, size=SIZE):
    """Samples of the schema with objects of all sizes, crowds, padding, and empty images."""
    random = np.random.default_rng(seed)
    height, width = size
    for number in range(images):
        count = 0 if number == 3 else int(random.integers(1, 9))
        corner = random.uniform(0, 0.7, (count, 2)) * (width, height)
        sides = np.exp(random.uniform(np.log(4), np.log(0.9 * height), (count, 2)))
        boxes = np.concatenate([corner, np.minimum(corner + sides, (width, height))], 1)
        labels = random.integers(0, classes, count)
        labels[random.random(count) < 0.1] = -1
        keypoints = random.uniform(0, 1, (count, KEYPOINTS, 3))
        keypoints[..., :2] = (
            boxes[:, None, :2] + keypoints[..., :2] * (boxes[:, 2:] - boxes[:, :2])[:, None]
        )
        keypoints[..., 2] = random.integers(0, 3, (count, KEYPOINTS))
        keypoints[random.random(count) < 0.2] = 0
        grid = np.indices((14, 14)).transpose(1, 2, 0)
        middle = random.uniform(4, 10, (count, 1, 1, 2))
        yield (
            f"{number}.png",
            {
                "image": np.full((*size, 3), number, np.uint8),
                "boxes": boxes.astype(np.float32),
                "labels": labels.astype(np.int32),
                "crowd": random.random(count) < 0.12,
                "masks": (((grid - middle) ** 2).sum(-1) < 60).astype(np.uint8),
                "keypoints": keypoints.astype(np.float32),
            },
        )


def perfect(sample):
    """The ground truth as predictions, without crowds."""
    valid = (sample["labels"] >= 0) & ~sample.get("crowd", np.zeros(len(sample["labels"]), bool))
    prediction = {key: sample[key][valid] for key in ("boxes", "labels", "masks", "keypoints")}
    # An object without labeled keypoints is ignored where a prediction is near.
    unlabeled = ~(prediction["keypoints"][..., 2] > 0).any(1)
    middle = (prediction["boxes"][:, :2] + prediction["boxes"][:, 2:]) / 2
    prediction["keypoints"][unlabeled, :, :2] = middle[unlabeled, None]
    return {**prediction, "scores": np.linspace(0.9, 0.5, valid.sum())}


def imperfect(samples, seed, classes=4):
    """Predictions per sample with moved, missed, doubled, mislabeled and false objects."""
    random = np.random.default_rng(seed)
    predictions = []
    for _, sample in samples:
        rows = np.flatnonzero(sample["labels"] >= 0)
        rows = np.repeat(rows, random.integers(0, 4, len(rows)))
        invented = 120 if len(predictions) == 1 else int(random.integers(0, 4))
        count = len(rows) + invented
        boxes = np.concatenate([sample["boxes"][rows], random.uniform(0, 90, (invented, 4))])
        boxes = boxes + random.normal(0, 3, (count, 4)) * random.integers(0, 2, (count, 1))
        boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + 2)], 1)
        labels = np.concatenate([sample["labels"][rows], random.integers(0, classes, invented)])
        labels = np.where(random.random(count) < 0.1, random.integers(0, classes, count), labels)
        shapes = random.integers(0, 2, (invented, 14, 14), dtype=np.uint8)
        joints = random.uniform(0, 90, (invented, KEYPOINTS, 3))
        joints = np.concatenate([sample["keypoints"][rows], joints])
        padding = np.zeros((3, 4))
        predictions.append(
            {
                "boxes": np.concatenate([boxes, padding]).astype(np.float32),
                "labels": np.concatenate([labels, [-1, 0, 0]]).astype(np.int32),
                "scores": np.concatenate([random.integers(1, 20, count) / 20, [0.9, 0.9, 0.9]]),
                "num_detections": np.int32(count),
                "masks": np.concatenate([sample["masks"][rows], shapes, shapes[:1].repeat(3, 0)])
                if invented
                else np.concatenate([sample["masks"][rows], np.zeros((3, 14, 14), np.uint8)]),
                "keypoints": np.concatenate(
                    [joints + random.normal(0, 2, joints.shape), np.zeros((3, KEYPOINTS, 3))]
                ),
            }
        )
    return predictions


def predicting(predictions):
    """A predictor; the first value of an image is its index."""
    return lambda image: predictions[int(image.flat[0])]


def official(samples, predictions, kind, classes=4):
    """The metrics of pycocotools for the same ground truth and predictions."""
    from pycocotools import mask as official_masks
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def encoded(mask, box, size):
        return official_masks.encode(np.asfortranarray(paste_mask(mask, box, *size), np.uint8))

    truth = {"info": {}, "images": [], "annotations": [], "categories": []}
    truth["categories"] = [{"id": i + 1, "name": str(i)} for i in range(classes)]
    found = []
    for number, ((_, sample), prediction) in enumerate(zip(samples, predictions, strict=True), 1):
        size = sample["image"].shape[:2]
        truth["images"].append({"id": number, "height": size[0], "width": size[1]})
        for row in np.flatnonzero(sample["labels"] >= 0):
            box = sample["boxes"][row].astype(float)
            area = (box[2] - box[0]) * (box[3] - box[1])
            if "masks" in sample:
                area *= sample["masks"][row].mean()
            one = {
                "id": len(truth["annotations"]) + 1,
                "image_id": number,
                "category_id": int(sample["labels"][row]) + 1,
                "bbox": [*box[:2], *(box[2:] - box[:2])],
                "area": area,
                "iscrowd": int(sample["crowd"][row]),
            }
            if "masks" in sample:
                one["segmentation"] = encoded(sample["masks"][row], box, size)
            if "keypoints" in sample:
                one["keypoints"] = sample["keypoints"][row].astype(float).ravel().tolist()
                one["num_keypoints"] = int((sample["keypoints"][row, :, 2] > 0).sum())
            truth["annotations"].append(one)
        for row in range(int(prediction["num_detections"])):
            box = prediction["boxes"][row].astype(float)
            one = {
                "image_id": number,
                "category_id": int(prediction["labels"][row]) + 1,
                "score": float(prediction["scores"][row]),
            }
            if kind == "bbox":
                one["bbox"] = [*box[:2], *(box[2:] - box[:2])]
            elif kind == "segm":
                one["segmentation"] = encoded(prediction["masks"][row], box, size)
            else:
                one["keypoints"] = prediction["keypoints"][row].astype(float).ravel().tolist()
            found.append(one)
    with contextlib.redirect_stdout(io.StringIO()):
        labeled = COCO()
        labeled.dataset = truth
        labeled.createIndex()
        done = COCOeval(labeled, labeled.loadRes(found), kind)
        done.evaluate()
        done.accumulate()
        done.summarize()
    return done.stats
