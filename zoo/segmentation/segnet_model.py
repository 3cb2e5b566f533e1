"""SegNet: unpooling with the encoder's own switches (Badrinarayanan et al., TPAMI 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.cards import Paper, PublishedResult
from zoo.errors import InputError
from zoo.layers.conv_blocks import conv_block
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.pooling_indices_vgg import decode, encode, normalize

_PAPER = Paper("V. Badrinarayanan, A. Kendall, R. Cipolla", "SegNet", "TPAMI", 2017)


@register(
    "segnet",
    task="segmentation",
    summary="VGG16 and its mirror; each unpooling replays the places of the maxima",
    paper=_PAPER,
    published={"num_classes": 11, "use_bias": True},
    expected_parameters=29_465_227,
    tiny={"num_classes": 3, "width": 0.06, "blocks": (2, 1, 1, 1, 1)},
    flops_size=(360, 480),
    published_results=(
        PublishedResult("pixel accuracy", "90.40 %", "CamVid test, 3.5K images", "paper"),
        PublishedResult("mean class accuracy", "71.20 %", "CamVid test, 3.5K images", "paper"),
        PublishedResult("mean IoU", "60.10 %", "CamVid test, 3.5K images", "paper"),
        PublishedResult("boundary F1", "46.84 %", "CamVid test, 3.5K images", "paper"),
    ),
    notes=(
        "The count includes the moving averages, 29,449,355 of it train. The authors train with "
        "median-frequency class weights and recompute the normalisation's statistics over the "
        "training set before they evaluate. Any size is taken without padding: an unpooling "
        "goes back to the size that was pooled."
    ),
)
def segnet(
    *,
    num_classes: int = 11,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    width: float = 1.0,
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    use_bias: bool | None = None,
    name: str = "segnet",
) -> Model:
    """SegNet.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: factor on the channels.
        blocks: convolutions per stage, five numbers, in the encoder and in the decoder.
        use_bias: biases also in front of a normalisation, where they are without effect; the
            paper's networks have them. Default: only where no normalisation follows.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: num_classes below 1, width not above 0, or blocks that are not five numbers of
            at least 1.
    """
    if num_classes < 1:
        raise InputError(f"segnet: num_classes is at least 1, not {num_classes}.")

    def block(x, filters: int, layer: str):
        return conv_block(x, filters, 3, norm=norm, use_bias=use_bias, name=layer)

    images = keras.Input(input_shape, name="image")
    x = normalize(images)
    x, places = encode(x, norm=norm, width=width, blocks=blocks, use_bias=use_bias)
    x = decode(x, places, block, width=width, blocks=blocks)
    x = layers.Conv2D(num_classes, 3, padding="same", name="logits")(x)
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)


@register(
    "segnet_basic",
    task="segmentation",
    summary="SegNet of four levels with 7×7 convolutions of 64 maps",
    paper=_PAPER,
    published={"num_classes": 11},
    # 3·64·49, seven times 64·64·49, eight normalisations of 4·64, and 64·11 + 11.
    expected_parameters=1_417_099,
    paper_parameters="1.425 M",
    tiny={"num_classes": 3, "filters": 8, "depth": 3},
    flops_size=(360, 480),
    published_results=(
        PublishedResult("pixel accuracy", "82.7 %", "CamVid test, balanced", "paper"),
        PublishedResult("mean class accuracy", "62.0 %", "CamVid test, balanced", "paper"),
        PublishedResult("mean IoU", "47.7 %", "CamVid test, balanced", "paper"),
        PublishedResult("boundary F1", "35.8 %", "CamVid test, balanced", "paper"),
    ),
    notes=(
        "Convolutions have no bias and the decoder no ReLU, so a decoder is linear but for its "
        "switches. The authors' contrast normalisation of the image is left out; pixels are "
        "scaled to −1…1."
    ),
)
def segnet_basic(
    *,
    num_classes: int = 11,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str | None = "batch",
    depth: int = 4,
    filters: int = 64,
    kernel_size: int = 7,
    name: str = "segnet_basic",
) -> Model:
    """SegNet-Basic: the small SegNet on which the paper compares decoders.

    Args:
        num_classes: classes, background included.
        input_shape: height, width (None = any) and channels of the images, pixels 0…255.
        norm: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        depth: poolings, and as many unpoolings.
        filters: maps of every convolution.
        kernel_size: side of every kernel in pixels.
        name: of the model.

    Returns:
        A model from (B, H, W, C) to `{"segmentation": logits}` of shape (B, H, W, num_classes).

    Raises:
        InputError: num_classes, depth, filters or kernel_size below 1.
    """
    if min(num_classes, depth, filters, kernel_size) < 1:
        raise InputError(
            "segnet_basic: num_classes, depth, filters and kernel_size are at least 1."
        )
    images = keras.Input(input_shape, name="image")
    x = PixelNormalization(127.5, 127.5, name="normalize")(images)
    places = []
    for level in range(1, depth + 1):
        whole = conv_block(x, filters, kernel_size, norm=norm, name=f"encoder{level}")
        x, switches = MaxPoolWithIndices(2, name=f"pool{level}")(whole)
        places.append((switches, whole))
    for level in range(depth, 0, -1):
        x = MaxUnpool(2, name=f"unpool{level}")([x, *places[level - 1]])
        x = conv_block(x, filters, kernel_size, norm=norm, activation=None, name=f"decoder{level}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    x = layers.Activation("linear", dtype="float32", name="segmentation")(x)
    return Model(images, {"segmentation": x}, task="segmentation", name=name)
