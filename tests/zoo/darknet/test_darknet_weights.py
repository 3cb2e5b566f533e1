"""Darknet's `.weights`: sizes as published, the order of every layer by hand, damaged files."""

import darknet_networks as networks
import numpy as np
import pytest

import zoo
from zoo.abstract_build import build_abstract
from zoo.darknet import Header, read_weights, write_weights
from zoo.darknet.weight_files import file_size
from zoo.errors import InputError

EARLY = Header(minor=1)
TINY = {"num_classes": 3, "width": 0.125, "backbone_options": {"blocks": (1, 1, 1, 1, 1, 1)}}


@pytest.mark.parametrize(("classes", "size"), [(20, 202_704_260), (80, 203_934_260)])
def test_published_sizes(classes, size):
    model = build_abstract(lambda: zoo.build("yolo_v2", num_classes=classes))
    assert file_size(model, EARLY) == size


def test_a_whole_file_is_read_to_its_last_byte(tmp_path):
    path = tmp_path / "yolov2-voc.weights"
    with path.open("wb") as file:
        file.write(Header(minor=1, seen=32_013_312).to_bytes())
        np.random.default_rng(0).random(50_676_061, "float32").astype("<f4").tofile(file)
    assert path.stat().st_size == 202_704_260
    model = zoo.build("yolo_v2")
    header = read_weights(model, path)
    assert header.seen == 32_013_312 == int(model.seen.numpy())
    write_weights(model, tmp_path / "again.weights", header)
    assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (Header(0, 1, 0, 77), 16),
        (Header(0, 2, 0, 2**40), 20),
        (Header(1, 0, 5, 3), 20),
        (Header(0, 1001, 0, 3), 16),
        (Header(1001, 2, 0, 3), 16),
    ],
)
def test_heads_of_all_versions(tmp_path, header, size):
    model = networks.of(networks.CELLS, tmp_path)
    write_weights(model, tmp_path / "a.weights", header)
    assert header.size == size
    assert (tmp_path / "a.weights").stat().st_size == file_size(model, header)
    before = model.get_weights()
    networks.shake(model, seed=5)
    assert read_weights(model, tmp_path / "a.weights") == header
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def padded(x, pad):
    return np.pad(x, ((0, 0), (pad, pad), (pad, pad)))


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def windows(x, size, stride):
    """Row, column and (C, size, size) window of each place of a (C, H, W) map."""
    count = (x.shape[1] - size) // stride + 1
    for row in range(count):
        for column in range(count):
            i, j = row * stride, column * stride
            yield row, column, x[:, i : i + size, j : j + size]


@pytest.mark.parametrize("header", [Header(), Header(1001)], ids=["by output", "by input"])
def test_convolution_local_and_connected_by_hand(tmp_path, header):
    """What the file's numbers mean, in loops over its order: 2 maps of channels first."""
    model = networks.of(networks.CELLS, tmp_path)
    write_weights(model, tmp_path / "a.weights", header)
    data = (tmp_path / "a.weights").read_bytes()
    rest = np.frombuffer(data, "<f4", offset=header.size).astype(float)

    def take(*shape):
        nonlocal rest
        found, rest = np.split(rest, [int(np.prod(shape))])
        return found.reshape(shape)

    image = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    x = image.transpose(2, 0, 1) / 255
    bias, kernel = take(4), take(4, 3, 3, 3)
    y = np.zeros((4, 16, 16))
    for row, column, seen in windows(padded(x, 1), 3, 2):
        y[:, row, column] = bias + (kernel * seen).sum(axis=(1, 2, 3))
    # Padding 3 of which 1 lies before: windows begin at −1, 3, 7 and 11.
    lowest = np.pad(leaky(y), ((0, 0), (1, 2), (1, 2)), constant_values=-np.inf)
    x = np.zeros((4, 4, 4))
    for row, column, seen in windows(lowest, 4, 4):
        x[:, row, column] = seen.max(axis=(1, 2))
    bias, kernel = take(5, 4, 4), take(16, 5, 4, 3, 3)
    y = np.zeros((5, 4, 4))
    for row, column, seen in windows(padded(x, 1), 3, 1):
        place = kernel[4 * row + column]
        y[:, row, column] = bias[:, row, column] + (place * seen).sum(axis=(1, 2, 3))
    x = leaky(y).reshape(-1)
    for outputs in (6, 52):
        bias = take(outputs)
        kernel = take(len(x), outputs).T if header.transposed else take(outputs, len(x))
        x = bias + kernel @ x
        x = leaky(x) if outputs == 6 else x
    assert not len(rest)
    found = model(image[None], training=False)["cells"][0]
    np.testing.assert_allclose(found, x, atol=1e-4)


def test_normalized_convolutions_and_connected_layers_by_hand(tmp_path):
    """β, γ, mean and variance, then the kernel; of connected layers the kernel comes second."""
    text = """
[net]
width=2
height=3
channels=2
[conv]
batch_normalize=1
filters=3
activation=leaky
[conn]
batch_normalize=1
output=4
activation=linear
[soft]
"""
    model = networks.of(text, tmp_path)
    write_weights(model, tmp_path / "a.weights")
    rest = np.fromfile(tmp_path / "a.weights", "<f4", offset=20).astype(float)
    beta, gamma, mean, variance, kernel = np.split(rest[:18], [3, 6, 9, 12])
    image = np.random.default_rng(2).integers(0, 256, (3, 2, 2), dtype=np.uint8)
    x = np.einsum("oc,chw->ohw", kernel.reshape(3, 2), image.transpose(2, 0, 1) / 255)
    scale = gamma / np.sqrt(variance + 1e-5)
    x = leaky(scale[:, None, None] * (x - mean[:, None, None]) + beta[:, None, None]).reshape(-1)
    beta, kernel, gamma, mean, variance = np.split(rest[18:], [4, 76, 80, 84])
    x = gamma / np.sqrt(variance + 1e-5) * (kernel.reshape(4, 18) @ x - mean) + beta
    np.testing.assert_allclose(model(image[None])["label"][0], x, atol=1e-4)


def test_a_classifier_starts_a_detector(tmp_path):
    """The first layers of a file alone, as detectors are started from Darknet-19."""
    classifier = networks.shake(zoo.build("darknet19", num_classes=3, width=0.125))
    write_weights(classifier, tmp_path / "a.weights")
    last = 4 * (3 + 3 * classifier.get_layer("darknet19_predictions").kernel.shape[2])
    data = (tmp_path / "a.weights").read_bytes()
    (tmp_path / "a.conv.18").write_bytes(data[:-last])
    detector = zoo.build("yolo_v2", num_classes=3, width=0.125)
    read_weights(detector, tmp_path / "a.conv.18", layers=18)
    for layer in classifier.layers:
        if layer.weights and layer.name != "darknet19_predictions":
            for found, value in zip(
                detector.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(found, value)
    with pytest.raises(InputError, match="layers must be from 1 to 23"):
        read_weights(detector, tmp_path / "a.conv.18", layers=24)


def test_damaged_files_leave_the_model_alone(tmp_path):
    model = networks.shake(zoo.build("yolo_v2", **TINY))
    path, before = tmp_path / "a.weights", model.get_weights()
    write_weights(model, path)
    good = path.read_bytes()
    wrong = good[:40] + np.float32(np.nan).tobytes() + good[44:]
    for data, message in [
        (good[:-4], r"ends within weights of layer conv23; the model needs \d+ bytes"),
        (good[: len(good) // 2], "ends within"),
        (good + b"\0", "1 bytes are left after the last layer"),
        (good[:11], "11 bytes are too few"),
        (good[:17], "17 bytes are too few"),
        (b"PK\3\4" + good[4:], "unknown version"),
        (wrong, "not finite"),
    ]:
        path.write_bytes(data)
        with pytest.raises(InputError, match=message) as error:
            read_weights(model, path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        for found, value in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(found, value)
    with pytest.raises(InputError, match="No such file"):
        read_weights(model, tmp_path / "absent.weights")


def test_unsupported_weights_are_named():
    for model, message in [
        (zoo.card("unet").build_tiny(), "unet has no .weights files"),
        (zoo.build("yolo_v2", norm="group", **TINY), "Darknet's files have no place for this"),
    ]:
        with pytest.raises(InputError, match=message):
            file_size(model)
