"""DeconvNet: a mirrored VGG16 of unpooling and deconvolution (Noh et al., ICCV 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.backbones.feature_contract import scaled
from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.normalization_policy import normalization, normalizes
from zoo.layers.padding import CropLike, PadToMultiple
from zoo.layers.transposed_conv import TransposedConv2D
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.pooling_indices_vgg import decode, encode, normalize


@register(
    "deconvnet",
    task="segmentation",
    summary="VGG16 to one cell and back by unpooling with switches and transposed convolutions",
    paper=Paper(
        "H. Noh, S. Hong, B. Han",
        "Learning Deconvolution Network for Semantic Segmentation",
        "ICCV",
        2015,
    ),
    published={
        "num_classes": 21,
        "input_shape": (224, 224, 3),
        "padding": "valid",
        "use_bias": True,
    },
    expected_parameters=251_788_245,
    tiny={"num_classes": 3, "width": 0.03, "head": 16, "blocks": (1, 1, 1, 1, 1)},
    flops_size=(224, 224),
    published_results=(
        PublishedResult("mean IoU", "69.6 %", "VOC 2012 test, 50 proposals merged", "paper"),
        PublishedResult("mean IoU", "70.5 %", "VOC 2012 test, 50 proposals merged, CRF", "paper"),
    ),
    notes=(
        "The count is that of the trainable parameters. The authors train on crops around objects "
        "and merge the answers for 50 proposals of an image; this is the network itself. By "
        "default the 7×7 layers pad and any size is taken; padding='valid' is the paper's form, "
        "which needs 224 pixels a side or more."
    ),
)
def deconvnet(
    *,
    num_classes: int = 21,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    padding: str = "same",
    width: float = 1.0,
    head: int = 4096,
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    use_bias: bool | None = None,
    dropout: float = 0.0,
    name: str = "deconvnet",
) -> Model:
    """DeconvNet.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        padding: of the two 7×7 layers; `"same"` takes any size, `"valid"` is the paper's form,
            which takes fixed sides that are multiples of 32 from 224 on.
        width: factor on the channels of VGG16 and its mirror.
        head: maps of fc6 and fc7.
        blocks: convolutions per stage, five numbers, in the encoder and in the decoder.
        use_bias: biases also in front of a normalisation, where they are without effect; the
            paper's networks have them. Default: only where no normalisation follows.
        dropout: share of fc6's and fc7's values dropped in training; the paper has none.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: a size that the valid form cannot take (the message names the nearest legal
            one), an unknown padding, num_classes or head below 1, or blocks that are not five.
    """
    if padding not in ("same", "valid"):
        raise InputError(f"deconvnet: padding is 'same' or 'valid', not {padding!r}.")
    if num_classes < 1 or head < 1:
        raise InputError("deconvnet: num_classes and head are at least 1.")
    if padding == "valid":
        _check_sizes(input_shape)

    biased = not normalizes(norm) if use_bias is None else use_bias

    def deconvolution(x, filters: int, layer: str):
        x = TransposedConv2D(filters, 3, 1, use_bias=biased, name=f"{layer}_conv")(x)
        x = normalization(norm, f"{layer}_norm")(x)
        return layers.Activation("relu", name=f"{layer}_act")(x)

    images = keras.Input(input_shape, name="image")
    x = normalize(images)
    x = PadToMultiple(32, name="pad")(x)
    x, places = encode(x, norm=norm, width=width, blocks=blocks, use_bias=biased)
    x = _fully_connected(x, scaled(512, width), head, padding, dropout)
    x = decode(x, places, deconvolution, width=width, blocks=blocks)
    x = deconvolution(x, scaled(64, width), "decoder1_1")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = CropLike(name="crop")([x, images])
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)


def _fully_connected(x, filters: int, head: int, padding: str, dropout: float):
    """fc6, fc7 and fc6's deconvolution; normalisation belongs to the 3×3 layers only."""
    for layer, kernel_size in (("fc6", 7), ("fc7", 1)):
        x = conv_block(x, head, kernel_size, norm="none", padding=padding, name=layer)
        x = layers.Dropout(dropout, name=f"{layer}_drop")(x) if dropout else x
    # Uncropped, a 7×7 deconvolution gives back the six lines that a valid fc6 lost.
    crop: str | int = 0 if padding == "valid" else "same"
    return TransposedConv2D(filters, 7, 1, padding=crop, activation="relu", name="deconv_fc6")(x)


def _check_sizes(input_shape) -> None:
    for side in input_shape[:2]:
        if side is None:
            raise InputError(
                "deconvnet: padding='valid' needs a fixed size, such as "
                f"input_shape=(224, 224, {input_shape[2]})."
            )
        if side < 224 or side % 32:
            near = [224] if side < 224 else [side // 32 * 32, side // 32 * 32 + 32]
            raise InputError(
                f"deconvnet: padding='valid' cannot take a side of {side}; the nearest that it "
                f"can: {' or '.join(map(str, near))}."
            )
