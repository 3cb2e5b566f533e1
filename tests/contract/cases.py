"""Targets and expected predictions of each task, for the contract test."""

import case_captioning
import case_detection
import case_segmentation
import case_single
import numpy as np

CASES = {
    "classification": case_single,
    "segmentation": case_segmentation,
    "localization": case_single,
    "pose": case_single,
    "pose_classification": case_single,
    "detection": case_detection,
    "instances": case_detection,
    "captioning": case_captioning,
}
"""A module per task, each with the same functions:

`targets(card, kind, height, width, batch)`: targets, `"normal"`, `"empty"` or `"degenerate"`.
`learnable(card, height, width)`: batch that can be overfitted.
`check_raw(outputs, size, classes)`: checks the outputs of the model.
`check_predictions(predictions, size, card)`: checks the result of `zoo.predict`.
`assert_same(found, expected)`: compares two predictions for the same images.
"""


def of(card):
    """The functions for a card's task."""
    return CASES[card.task]


def counted(card):
    """The builder's argument for the number of classes."""
    names = ("num_classes", "num_keypoints", "vocabulary_size")
    return next(name for name in names if name in card.tiny)


def make_images(card, height=32, width=48, batch=2, seed=0):
    """Inputs of the tiny configuration: (B, H, W, C) uint8 noise, with proposals where needed."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (batch, height, width, channels(card)), dtype=np.uint8)
    return case_detection.with_proposals(card, images, np.zeros((batch, 0, 4), np.float32))


def as_float(images):
    """The same pixels as float32."""
    if isinstance(images, dict):
        return {**images, "image": as_float(images["image"])}
    return images.astype("float32")


def grey(images):
    """The first channel of images."""
    if isinstance(images, dict):
        return {**images, "image": grey(images["image"])}
    return images[..., :1]


def named(images):
    """Inputs by the names of exported files."""
    if isinstance(images, dict):
        return {"images": images["image"], "proposals": images["proposals"]}
    return {"images": images}


def channels(card):
    return (card.tiny.get("input_shape") or (None, None, 3))[-1]


def targets(card, kind, height=32, width=48, batch=2):
    return of(card).targets(card, kind, height, width, batch)
