"""The labels of Cityscapes: ids in the maps, and the classes to train on."""

from __future__ import annotations

from zoo.tasks.sample_schema import IGNORE

TRAINED_IDS = {
    **{"road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17},
    **{"traffic light": 19, "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23},
    **{"person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31},
    **{"motorcycle": 32, "bicycle": 33},
}
"""Label id of each class; the order is that of the training ids."""

OTHER_LABELS = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic"),
    *("ground", "parking", "rail track", "guard rail", "bridge", "tunnel", "polegroup", "caravan"),
    *("trailer", "license plate"),
)
"""Labels whose pixels are ignored."""

UNDRAWN = "license plate"
"""Label whose polygons are not drawn: they lie on a vehicle and have no id."""

CLASSES = tuple(TRAINED_IDS)

CLASS_OF_ID = {
    **dict.fromkeys(range(34), IGNORE),
    **{label_id: index for index, label_id in enumerate(TRAINED_IDS.values())},
    IGNORE: IGNORE,
}
"""Class of each value in `…_labelIds.png`."""

CLASS_OF_TRAIN_ID = {**{index: index for index in range(len(CLASSES))}, IGNORE: IGNORE}
"""Class of each value in `…_labelTrainIds.png`."""


def class_of_label(label: str) -> int | None:
    """Returns class or `IGNORE` of a polygon's label, None for an unknown label.

    `cargroup` is a group of cars without outlines of their own.
    """
    for name in (label, label.removesuffix("group")):
        if name in TRAINED_IDS:
            return CLASSES.index(name)
        if name in OTHER_LABELS:
            return IGNORE
    return None
