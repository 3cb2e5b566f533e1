"""Arguments of every registered builder: one type per name, no sentinels, documented."""

import inspect
import re

import pytest

SHAPE = "tuple[int | None, int | None, int]"
TYPES = {
    # common to all
    "num_classes": "int",
    "num_keypoints": "int",
    "input_shape": SHAPE,
    "backbone": "str",
    "backbone_options": "Mapping[str, Any]",
    "norm": "str",
    "weights": "str | os.PathLike[str]",
    "name": "str",
    # size of a network
    "width": "float",
    "filters": "int",
    "conv_filters": "Sequence[int]",
    "stem_filters": "int",
    "skip_filters": "int",
    "head_filters": "int",
    "mask_filters": "int",
    "keypoint_filters": "int",
    "growth_rate": "int",
    "kernel_size": "int",
    "head_kernel_size": "int",
    "depth": "int",
    "blocks": "Sequence[int]",
    "convolutions": "int",
    "keypoint_convolutions": "int",
    "hidden_units": "int",
    "hidden_layers": "int",
    "num_scales": "int",
    "num_stages": "int",
    "passes": "int",
    "output_stride": "int",
    "cells": "int",
    "pool_size": "int",
    "bins": "Sequence[int]",
    "dilation_rates": "Sequence[int]",
    # kinds of layers
    "head": "str",
    "padding": "str",
    "upsampling": "str",
    "activation": "str",
    "implementation": "str",
    "context_type": "str",
    "use_bias": "bool",
    "separable": "bool",
    "decoder": "bool",
    "dropout": "float",
    "local_norm_size": "int",
    # losses
    "box_loss": "str",
    "keypoint_loss": "str",
    "auxiliary_weight": "float",
    "label_weight": "float",
    "box_weight": "float",
    "keypoint_weight": "float",
    "objectness_weight": "float",
    "caption_weight": "float",
    "uncertainty_weighting": "bool",
    # one object
    "per_class": "bool",
    "label_features": "str",
    "torso": "Sequence[int]",
    "sigma": "float",
    "jitter": "float",
    "crop_size": "int",
    "crop_cells": "int",
    "crop_hidden_units": "int",
    "crop_hidden_layers": "int",
    "crop_width": "float",
    # detection
    "input_side": "int",
    "window_size": "int",
    "scales": "Sequence[float]",
    "aspect_ratios": "Sequence[float]",
    "anchor_sizes": "Sequence[float]",
    "anchor_ratios": "Sequence[float]",
    "anchor_priors": "Sequence[Sequence[float]]",
    "boxes_per_cell": "int",
    "repeats": "tuple[int, int]",
    "passthrough": "str",
    "pooling": "str",
    "scores": "str",
    "context": "int",
    "chunk_size": "int",
    "svd_ranks": "Sequence[int]",
    "rois_per_image": "int",
    "windows_per_image": "int",
    "hard_negatives": "bool",
    "positive_iou": "float",
    "negative_iou": "float",
    "max_proposals": "int",
    "proposals": "tuple[int, int]",
    "max_detections": "int",
    "score_threshold": "float",
    "nms_iou": "float",
    "class_agnostic": "bool",
    "prior_warmup_images": "int",
    "parents": "Sequence[int]",
    "descent_threshold": "float",
    "trainable_part": "str",
    "frozen": "int",
    "freeze_backbone": "bool",
    "paste": "bool",
    # captioning
    "vocabulary": "Sequence[str]",
    "vocabulary_size": "int",
    "max_words": "int",
    "embedding_dim": "int",
    "language_units": "int",
    "beam_width": "int",
    "anchor_shapes": "Sequence[Sequence[float]]",
    "rpn_box_weight": "float",
    "rpn_objectness_weight": "float",
}
"""Type of each argument, apart from `None`."""

ZEROS = {
    "dropout": "no dropout",
    "frozen": "no frozen convolution of the backbone",
}
"""Arguments whose default may be 0, and what 0 means."""

BEGINNINGS = {
    "num_classes": "number of ",
    "input_shape": "height, width and channels of the images; None for any height or width",
    "backbone": "name of a backbone of `zoo.backbones`",
    "norm": 'normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`',
    "width": "width multiplier of ",
    "dropout": "dropout rate after ",
    "backbone_options": "further arguments of the backbone",
    "weights": "file to start from ",
    "name": "name of the model.",
}
"""First words of the documentation of shared arguments."""


@pytest.fixture
def builder(card):
    return card.builder


def arguments(builder):
    return inspect.signature(builder).parameters.values()


def documented(builder):
    """Text of each argument in the docstring's `Args:`."""
    text = inspect.cleandoc(builder.__doc__)
    section = re.search(r"^Args:\n((?: .*\n|\n)+)", text, re.MULTILINE)[1]
    entries = re.split(r"^    (?=\w+: )", section, flags=re.MULTILINE)[1:]
    return dict(entry.split(": ", 1) for entry in entries)


def test_common_arguments(builder):
    names = {argument.name for argument in arguments(builder)}
    assert names & {"num_classes", "num_keypoints", "vocabulary"}
    assert names >= {"input_shape", "norm", "weights", "name"}
    assert inspect.signature(builder).parameters["name"].default == builder.__name__


def test_every_name_has_one_type(builder):
    found = {
        argument.name: str(argument.annotation).removesuffix(" | None")
        for argument in arguments(builder)
    }
    assert found == {name: TYPES.get(name, "not in TYPES") for name in found}


def test_defaults_are_no_sentinels(builder):
    for argument in arguments(builder):
        default = argument.default
        assert default not in ((), "", [], {}), argument
        if default == 0 and not isinstance(default, bool):
            assert argument.name in ZEROS, argument


def test_every_argument_is_documented(builder):
    assert list(documented(builder)) == [argument.name for argument in arguments(builder)]


def test_builders_are_documented_alike(builder):
    assert re.match(r"Builds .+\.\n\n", builder.__doc__)
    assert "an argument is out of its range" in " ".join(builder.__doc__.split())
    entries = {name: " ".join(text.split()) for name, text in documented(builder).items()}
    for name in entries.keys() & BEGINNINGS.keys():
        assert entries[name].startswith(BEGINNINGS[name]), name


def test_defaults_of_none_are_explained(builder):
    entries = documented(builder)
    for argument in arguments(builder):
        if argument.default is None:
            assert re.search(r"\d|\"|None", entries[argument.name]), argument
