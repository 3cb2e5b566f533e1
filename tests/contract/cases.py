"""What the contract test needs to know of each task: targets, and what answers look like."""

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
"""A module a task, each with the same functions:

`targets(card, kind, height, width, batch)`: of kind `"normal"`, `"empty"` or `"degenerate"`.
`learnable(card, height, width)`: a batch that can be learned by heart.
`check_raw(outputs, size, classes)`: of the model itself.
`check_answers(answers, size, card)`: of `zoo.answer`.
`assert_same(found, expected)`: two answers for the same pictures.
"""


def of(card):
    """The functions for a card's task."""
    return CASES[card.task]


def counted(card):
    """The builder's argument for how many things the model tells apart."""
    names = ("num_classes", "num_keypoints", "vocabulary_size")
    return next(name for name in names if name in card.tiny)


def pictures(card, height=32, width=48, batch=2, seed=0):
    """(B, H, W, C) uint8 noise, with the channels of the tiny configuration."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (batch, height, width, channels(card)), dtype=np.uint8)


def channels(card):
    return (card.tiny.get("input_shape") or (None, None, 3))[-1]


def targets(card, kind, height=32, width=48, batch=2):
    return of(card).targets(card, kind, height, width, batch)
