"""Darknet's last sections: detectors, and classifiers of whole images."""

from __future__ import annotations

from typing import Any

from keras import layers

from zoo.darknet.darknet_layers import FeatureMap, Section, wrong
from zoo.detection.postprocessing import Selection
from zoo.detection.yolo.yolo_v1_detector import InputSize, YoloV1Detector
from zoo.detection.yolo.yolo_v1_loss import YoloV1Settings
from zoo.detection.yolo.yolo_v2_detector import YoloV2Detector
from zoo.detection.yolo.yolo_v2_loss import Priors, YoloV2Settings
from zoo.detection.yolo.yolo_v3_detector import YoloV3Detector, YoloV3Settings
from zoo.model import Model

Heads = list[tuple[Section, FeatureMap]]
"""The last sections and their inputs."""


def region(images, heads: Heads, selection: Selection, name: str) -> Model:
    """Builds YOLOv2 from its output map."""
    ((section, inputs),) = heads
    priors = _priors(section, section["num"])
    _check_channels(section, inputs, len(priors))
    if not section["softmax"]:
        raise wrong(section, "softmax must be 1, not 0.")
    settings = YoloV2Settings(
        priors,
        stride=inputs.stride,
        box=section["coord_scale"],
        object_=section["object_scale"],
        no_object=section["noobject_scale"],
        class_=section["class_scale"],
        exempt_iou=section["thresh"],
        rescore=bool(section["rescore"]),
    )
    outputs = {"cells": _float(inputs.x, "cells")}
    return YoloV2Detector(images, outputs, settings=settings, selection=selection, name=name)


def detection(images, heads: Heads, selection: Selection, name: str) -> Model:
    """Builds YOLOv1 from its output vector."""
    ((section, inputs),) = heads
    settings = YoloV1Settings(
        section["side"],
        section["num"],
        section["classes"],
        square_root=bool(section["sqrt"]),
        softmax=bool(section["softmax"]),
        box=section["coord_scale"],
        object_=section["object_scale"],
        no_object=section["noobject_scale"],
        class_=section["class_scale"],
        rescore=bool(section["rescore"]),
    )
    if inputs.values != settings.outputs:
        raise wrong(
            section,
            f"{settings.grid_size} cells per side with {settings.boxes} boxes and "
            f"{settings.classes} classes need {settings.outputs} values, not {inputs.values}.",
        )
    outputs = {
        "cells": _float(inputs.vector("cells"), "cells"),
        "input_size": InputSize(name="input_size")(images),
    }
    return YoloV1Detector(images, outputs, settings=settings, selection=selection, name=name)


def yolo(images, heads: Heads, selection: Selection, name: str) -> Model:
    """Builds YOLOv3 from its output maps."""
    priors, strides, outputs = [], [], {}
    for number, (section, inputs) in enumerate(heads):
        known = _priors(section, section["num"])
        mask = range(len(known)) if section["mask"] is None else section["mask"]
        if not all(0 <= index < len(known) for index in mask):
            raise wrong(section, f"mask must be from 0 to {len(known) - 1}, not {list(mask)}.")
        priors.append(tuple(known[index] for index in mask))
        _check_channels(section, inputs, len(priors[-1]))
        first = heads[0][0]
        if section["classes"] != first["classes"]:
            raise wrong(
                section,
                f"classes must be {first['classes']}, as on line {first['line']}, not "
                f"{section['classes']}.",
            )
        strides.append(inputs.stride)
        outputs[f"cells{number}"] = _float(inputs.x, f"cells{number}")
    settings = YoloV3Settings(tuple(priors), tuple(strides))
    return YoloV3Detector(images, outputs, settings=settings, selection=selection, name=name)


def softmax(images, heads: Heads, selection: Selection, name: str) -> Model:
    """Builds a classifier from its logits."""
    ((section, inputs),) = heads
    logits = inputs.vector("label")
    if section["temperature"] != 1:
        logits = layers.Rescaling(1 / section["temperature"], name="temperature")(logits)
    return Model(images, {"label": _float(logits, "label")}, task="classification", name=name)


def _priors(section: Section, count: int) -> Priors:
    sides = section["anchors"]
    if len(sides) != 2 * count or min(sides) <= 0:
        raise wrong(
            section, f"anchors must be {2 * count} sides above 0 for num={count}, not {sides}."
        )
    return tuple(zip(sides[::2], sides[1::2], strict=True))


def _check_channels(section: Section, inputs: FeatureMap, priors: int) -> None:
    channels = priors * (5 + section["classes"])
    if len(inputs.x.shape) != 4 or inputs.channels != channels:
        raise wrong(
            section,
            f"{priors} anchors and {section['classes']} classes need {channels} channels, not "
            f"{inputs.channels}.",
        )


def _float(x: Any, name: str) -> Any:
    return layers.Activation("linear", dtype="float32", name=name)(x)
