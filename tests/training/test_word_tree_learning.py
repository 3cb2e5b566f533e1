"""Leaf classes of a tree are learned from images without boxes of these classes.

Objects of the embedded scenes are warm or cold, and these red or yellow, green or blue. Detection
images have a box labeled warm or cold, classification images the color only. After training on
both, objects are detected with their color.
"""

import keras
import numpy as np

import zoo
from training.data.shapes.scene import draw_scene
from training.data.shapes.scene_objects import COLORS
from zoo.darknet.tree_files import NamedTree

TREE = NamedTree(
    ("thing", "warm", "cold", "red", "yellow", "green", "blue"), (-1, 0, 0, 1, 1, 2, 2)
)
LEAVES = ("red", "yellow", "green", "blue")


def scenes(first, count):
    """Images (N, 64, 64, 3) of one thing each, its box (N, 4) and its leaf (N,)."""
    found, number = [], first
    while len(found) < count:
        scene = draw_scene(0, number, (64, 64), "single")
        color = list(COLORS)[scene.colors[0]]
        if color in LEAVES:
            found.append((scene.image, scene.boxes[0], TREE.names.index(color)))
        number += 1
    return tuple(map(np.stack, zip(*found, strict=True)))


def measured(model, images, boxes, leaves):
    """Fractions of objects that the best detection finds (IoU ≥ 0.5), and of right colors."""
    predictions = zoo.predict(model, images)
    best, labels = np.asarray(predictions["boxes"][:, 0]), np.asarray(predictions["labels"][:, 0])
    sides = np.minimum(best[:, 2:], boxes[:, 2:]) - np.maximum(best[:, :2], boxes[:, :2])
    both = np.prod(np.maximum(sides, 0), axis=1)
    one, other = (np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (best, boxes))
    return (both / (one + other - both) >= 0.5).mean(), (labels == leaves).mean()


def test_leaves_are_learned_without_boxes():
    images, boxes, leaves = scenes(0, 400)
    targets = {
        "boxes": boxes[:, None].copy(),
        "labels": np.array(TREE.parents, "int32")[leaves][:, None],
        "label": np.full(400, -1, "int32"),
    }
    # Every second image has a class only; no box has the label of a leaf.
    targets["boxes"][1::2] = 0
    targets["labels"][1::2] = -1
    targets["label"][1::2] = leaves[1::2]
    assert set(targets["labels"].ravel()) == {-1, 1, 2}
    keras.utils.set_random_seed(0)
    model = zoo.build(
        "yolo9000",
        num_classes=len(TREE.names),
        parents=TREE.parents,
        width=0.25,
        anchor_priors=((0.5, 0.5), (1.0, 1.0)),
        prior_warmup_images=0,
        backbone_options={"blocks": (1, 1, 1, 1, 1, 1)},
    )
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    unseen = scenes(10**6, 100)
    boxed = {key: value[::2] for key, value in targets.items()}
    # Boxes come first: an image class trains the box of highest score.
    model.fit(images[::2], boxed, batch_size=20, epochs=12, verbose=0)
    _, called = measured(model, *unseen)
    model.fit(images, targets, batch_size=20, epochs=8, verbose=0)
    found, called_now = measured(model, *unseen)
    assert called < 0.6
    assert found > 0.6 and called_now > 0.7, (found, called, called_now)
