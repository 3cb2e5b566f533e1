"""Darknet's `.cfg`: wrong lines, and YOLO written as a file."""

import re

import darknet_networks as networks
import numpy as np
import pytest

import export
import zoo
from zoo.darknet import parse_cfg, read_cfg, read_weights, write_weights
from zoo.errors import InputError


def section(kind, **options):
    return f"\n[{kind}]\n" + "".join(f"{key}={value}\n" for key, value in options.items())


def conv(filters, size=3, normalized=1, activation="leaky", **options):
    return section(
        "convolutional",
        batch_normalize=normalized,
        filters=filters,
        size=size,
        pad=1,
        activation=activation,
        **options,
    )


POOL = section("maxpool", size=2, stride=2)


def same_predictions(found, expected, image):
    """Both models give the same raw outputs for an image of any size."""
    first, second = found(image, training=False), expected(image, training=False)
    assert set(first) == set(second)
    for key in first:
        np.testing.assert_allclose(first[key], second[key], atol=1e-5)


def test_yolo_v2_is_its_file(tmp_path):
    """The zoo's network and a file that lays it out read one .weights file alike."""
    blocks = (1, 1, 3, 1, 3, 1)
    model = zoo.build(
        "yolo_v2",
        num_classes=3,
        width=0.125,
        anchor_priors=((0.5, 0.5), (1.0, 2.0)),
        backbone_options={"blocks": blocks},
    )
    text = section("net", width=64, height=64, channels=3)
    for level, (filters, count) in enumerate(zip((8, 8, 16, 32, 64, 128), blocks, strict=True)):
        text += POOL if level else ""
        for index in range(count):
            text += conv(filters // 2, 1) if index % 2 else conv(filters)
    fine = text.count("[") - 1 - 3  # the last of the fifth stage, counted without [net]
    text += conv(128) + conv(128) + section("route", layers=fine) + conv(8, 1)
    text += section("reorg", stride=2) + section("route", layers="-1,-4") + conv(128)
    text += conv(16, 1, 0, "linear")
    text += section("region", anchors="0.5,0.5, 1,2", num=2, classes=3, softmax=1, rescore=1)
    write_weights(networks.shake(model), tmp_path / "a.weights")
    (tmp_path / "a.cfg").write_text(text)
    found = read_cfg(tmp_path / "a.cfg", tmp_path / "a.weights")
    image = np.random.default_rng(0).integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
    same_predictions(found, model, image)
    assert found.settings.anchor_priors == model.settings.anchor_priors


def test_yolo_v1_is_its_file(tmp_path):
    model = zoo.card("yolo_v1").build_tiny(norm="none")
    text = section("net", width=128, height=128, channels=3) + conv(8, 7, 0, stride=2)
    text += POOL + conv(24, 3, 0) + POOL
    for filters, size in ((16, 1), (32, 3), (32, 1), (64, 3)):
        text += conv(filters, size, 0)
    text += POOL
    for filters, size in ((32, 1), (64, 3), (64, 1), (128, 3)):
        text += conv(filters, size, 0)
    text += POOL + conv(64, 1, 0) + conv(128, 3, 0) + conv(128, 3, 0) + conv(128, 3, 0, stride=2)
    text += conv(128, 3, 0) + conv(128, 3, 0)
    text += section("connected", output=64, activation="leaky")
    text += section("connected", output=52, activation="linear")
    text += section("detection", side=2, num=2, classes=3, sqrt=1, rescore=1, coord_scale=5)
    write_weights(networks.shake(model), tmp_path / "a.weights")
    (tmp_path / "a.cfg").write_text(text)
    found = read_cfg(tmp_path / "a.cfg", tmp_path / "a.weights", nms_iou=0.5)
    image = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    same_predictions(found, model, image)
    small = image[:, :100, :90]
    first, second = zoo.predict(found, small), zoo.predict(model, small)
    np.testing.assert_allclose(first["boxes"], second["boxes"], atol=1e-3)


@pytest.mark.parametrize("name", ["GRID", "SCALES", "CLASSIFIER", "CELLS"])
def test_models_of_files_are_saved_and_exported(name, tmp_path):
    model = networks.of(getattr(networks, name), tmp_path)
    model.save(tmp_path / "a.keras")
    again = zoo.load(tmp_path / "a.keras")
    height, width = (again.arguments["sections"][0][key] for key in ("height", "width"))
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    same_predictions(again, model, image)
    path = export.litert(
        export.ExportSpec.from_model(model, ["a", "b", "c"], (height, width)), tmp_path / "a.tflite"
    )
    assert path.stat().st_size > 1000
    assert "darknet" not in zoo.list_models()


def test_region_and_detection_are_trained(tmp_path):
    boxes = np.array([[[3, 4, 20, 28], [0, 0, 0, 0]]], "float32")
    targets = {"boxes": boxes, "labels": np.array([[1, -1]], "int32")}
    for name in ("GRID", "CELLS"):
        model = networks.of(getattr(networks, name), tmp_path)
        model.compile("adam", run_eagerly=True)
        image = np.zeros((1, 64, 96, 3), "uint8")
        losses = [model.train_on_batch(image, targets) for _ in range(3)]
        assert np.isfinite(losses).all() and losses[-1] != losses[0]
    with pytest.raises(InputError, match="cannot be trained"):
        networks.of(networks.SCALES, tmp_path).compile()


def changed(text, before, after):
    assert before in text
    return text.replace(before, after, 1)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (changed(networks.GRID, "[maxpool]", "[maxpol]"), "[maxpol]", "did you mean 'maxpool'"),
        (changed(networks.GRID, "filters=8", "filtres=8"), "filtres=8", "did you mean 'filters'"),
        (changed(networks.GRID, "filters=8", "filters=8.5"), "filters=8.5", "a whole number"),
        (changed(networks.GRID, "filters=8", "filters=0"), "filters=0", "from 1 to"),
        (changed(networks.GRID, "pad=1", "pad=2"), "pad=2", "pad must be 0 or 1"),
        (changed(networks.GRID, "stride=1", "stride"), "stride", "an option must be"),
        (changed(networks.GRID, "size=3", "pad=1"), "pad=1", "occurs twice"),
        (changed(networks.GRID, "=leaky", "=mush"), "[convolutional]", "unknown activation 'mush'"),
        (changed(networks.GRID, "-1,-4", "-1,-40"), "[route]", "there is no layer -40"),
        (changed(networks.GRID, "-1,-4", "-1,-6"), "[route]", "maps must have one size"),
        (changed(networks.GRID, "classes=3", "classes=4"), "[region]", "need 18 channels"),
        (changed(networks.GRID, "0.7,0.9", "0,0.9"), "[region]", "sides above 0"),
        (changed(networks.GRID, "num=2", "num=3"), "[region]", "must be 6 sides"),
        (changed(networks.GRID, "softmax=1", "tree=9k.tree"), "tree=9k.tree", "yolo9000"),
        (changed(networks.GRID, "coords=4", "coords=5"), "coords=5", "coords must be 4"),
        (changed(networks.GRID, "g]\nstride=2", "g]\nstride=5"), "[reorg]", "must be a divisor"),
        (changed(networks.GRID, "width=96\n", ""), "[net]", "option 'width' is missing"),
        (networks.GRID + "[avgpool]\n", "[avgpool]", "must not follow the last head"),
        (networks.GRID[: networks.GRID.index("[region]")], "[net]", "the network must end in"),
        (networks.GRID + "[net]\nwidth=9\nheight=9\n", "[net]", "a second [net]"),
        ("width=9\n" + networks.GRID, "width=9", "before the first section"),
        (changed(networks.GRID, "[region]", "[region"), "[region", "a section must be"),
        (changed(networks.SCALES, "[shortcut]", "[max]\nstride=2\n[shortcut]"), "[shortcut]",
         "maps must have one size"),
        (changed(networks.SCALES, "group_id=1", "group_id=2"), "[route]", "from 0 to 1"),
        (changed(networks.SCALES, "mask = 0", "mask = 3"), "[yolo]", "mask must be from 0 to 2"),
        (changed(networks.CELLS, "output=52", "output=53"), "[detection]", "need 52 values"),
        (changed(networks.CELLS, "size=3\nstride=1", "size=5"), "[local]", "size must be 3"),
        (changed(networks.CLASSIFIER, "size=3\nstride=1", "size=30"), "[convolutional]",
         "the padded side of the map"),
    ],
)  # fmt: skip
def test_errors_name_the_line(text, line, message, tmp_path):
    path = tmp_path / "net.cfg"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_cfg(path)
    match = re.fullmatch(rf"{re.escape(str(path))}, line (\d+): (.*)", str(error.value))
    assert match and message in match[2], str(error.value)
    assert text.split("\n")[int(match[1]) - 1] == line


def test_files_that_are_none(tmp_path):
    path = tmp_path / "net.cfg"
    for content, message in [
        (b"", "first section must be [net]"),
        (b"[convolutional]\n", "first section must be [net]"),
        (b"\xff\xfe\x00", "not a text file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            parse_cfg(path)
        assert message in str(error.value)
    with pytest.raises(InputError, match="No such file"):
        parse_cfg(tmp_path / "absent.cfg")


def test_weights_of_another_file_are_refused(tmp_path):
    model = networks.of(networks.GRID, tmp_path)
    write_weights(model, tmp_path / "a.weights")
    other = networks.of(networks.SCALES, tmp_path)
    with pytest.raises(InputError, match="another network"):
        read_weights(other, tmp_path / "a.weights")
