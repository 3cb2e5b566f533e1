"""SegNet: unpooling with the encoder's pooling indices (Badrinarayanan et al., TPAMI 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.argument_checks import check_minimum
from zoo.backbones.backbone import normalize_to_caffe
from zoo.cards import Paper, PublishedResult
from zoo.layers.conv_blocks import conv_block
from zoo.layers.max_unpooling import MaxPoolWithIndices, MaxUnpool
from zoo.layers.pixel_normalization import PixelNormalization
from zoo.model import Model
from zoo.registry import register
from zoo.segmentation.pooling_indices_vgg import decode, encode
from zoo.segmentation.segmentation_head import segmentation_output

_PAPER = Paper("V. Badrinarayanan, A. Kendall, R. Cipolla", "SegNet", "TPAMI", 2017)


@register(
    "segnet",
    task="segmentation",
    summary="VGG16 and its mirror, whose unpoolings use the encoder's pooling indices",
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
        "The count includes the moving averages; 29,449,355 parameters are trainable. The authors "
        "train with median-frequency class weights and recompute the normalization statistics "
        "over the training set before evaluation. Images of any size need no padding, since an "
        "unpooling restores the size before the pooling."
    ),
)
def segnet(
    *,
    num_classes: int = 11,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    width: float = 1.0,
    blocks: Sequence[int] = (2, 2, 3, 3, 3),
    use_bias: bool | None = None,
    name: str = "segnet",
) -> Model:
    """Builds SegNet.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        width: width multiplier of the convolutions.
        blocks: convolutions of each of the five stages, in the encoder and in the decoder.
        use_bias: whether convolutions before a normalization have a bias, which has no effect
            there: True (paper); None gives a bias only to those without normalization.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes)

    def block(x, filters: int, layer: str):
        return conv_block(x, filters, 3, norm=norm, use_bias=use_bias, name=layer)

    images = keras.Input(input_shape, name="image")
    x = normalize_to_caffe(images)
    x, poolings = encode(x, norm=norm, width=width, blocks=blocks, use_bias=use_bias)
    x = decode(x, poolings, block, width=width, blocks=blocks)
    x = layers.Conv2D(num_classes, 3, padding="same", name="logits")(x)
    outputs = {"segmentation": segmentation_output(x)}
    return Model(images, outputs, task="segmentation", name=name)


@register(
    "segnet_basic",
    task="segmentation",
    summary="SegNet with four levels of one 7×7 convolution with 64 filters",
    paper=_PAPER,
    published={"num_classes": 11},
    # 3·64·49, seven times 64·64·49, eight normalizations of 4·64, and 64·11 + 11.
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
        "Convolutions have no bias and the decoder has no ReLU. The authors' local contrast "
        "normalization of the image is left out; pixels are scaled to [−1, 1]."
    ),
)
def segnet_basic(
    *,
    num_classes: int = 11,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    norm: str = "batch",
    depth: int = 4,
    filters: int = 64,
    kernel_size: int = 7,
    name: str = "segnet_basic",
) -> Model:
    """Builds SegNet-Basic, the small network on which the paper compares decoders.

    Args:
        num_classes: number of classes, including the background.
        input_shape: height, width and channels of the images; None for any height or width.
        norm: normalization policy: `"batch"`, `"frozen"`, `"group"`, `"sync"` or `"none"`.
        depth: number of encoder levels, each followed by a pooling.
        filters: filters of every convolution.
        kernel_size: kernel size of every convolution.
        name: name of the model.

    Returns:
        A model from images (B, H, W, C) in [0, 255] to `{"segmentation": logits}`, logits
        (B, H, W, num_classes).

    Raises:
        InputError: if an argument is out of its range.
    """
    check_minimum(1, num_classes=num_classes, depth=depth, filters=filters, kernel_size=kernel_size)
    images = keras.Input(input_shape, name="image")
    x = PixelNormalization(127.5, 127.5, name="normalize")(images)
    poolings = []
    for level in range(1, depth + 1):
        unpooled = conv_block(x, filters, kernel_size, norm=norm, name=f"encoder{level}")
        x, indices = MaxPoolWithIndices(2, name=f"pool{level}")(unpooled)
        poolings.append((indices, unpooled))
    for level in range(depth, 0, -1):
        x = MaxUnpool(2, name=f"unpool{level}")([x, *poolings[level - 1]])
        x = conv_block(x, filters, kernel_size, norm=norm, activation=None, name=f"decoder{level}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    outputs = {"segmentation": segmentation_output(x)}
    return Model(images, outputs, task="segmentation", name=name)
