"""Class maps drawn from outlines: pixels as in pycocotools, and who is in front."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from training.data.batch_config import BatchConfig
from training.data.data_loading import load_data
from training.data.pipeline import validation_batches
from training.data.sources import open_source
from training.data.sources.objects.mask_rasterization import in_fifths
from training.data.sources.objects.outline_maps import class_map, map_classes
from training.data.sources.objects.run_lengths import run_lengths
from zoo.errors import InputError

_draw = tf.function(class_map, reduce_retracing=True, autograph=False)


def drawn(objects, height, width, classes=(1, 2, 3)):
    """Returns the class map of objects: dictionaries of `polygons`, `mask`, `box`, `label`, ….

    Their default is an empty box of class 0 that is neither crowd nor difficult.
    """
    polygons = [(i, p) for i, one in enumerate(objects) for p in one.get("polygons", ())]
    masks = [(i, run_lengths(one["mask"])) for i, one in enumerate(objects) if "mask" in one]
    points = np.concatenate([np.zeros((0, 2)), *(np.reshape(p, (-1, 2)) for _, p in polygons)])
    record = {
        "polygons": tf.constant(in_fifths(points)),
        "polygon_sizes": tf.constant([len(p) // 2 for _, p in polygons], tf.int32),
        "polygon_owners": tf.constant([i for i, _ in polygons], tf.int32),
        "runs": tf.constant([n for _, runs in masks for n in runs], tf.int32),
        "run_sizes": tf.constant([len(runs) for _, runs in masks], tf.int32),
        "run_owners": tf.constant([i for i, _ in masks], tf.int32),
        "size": tf.constant([width, height]),
    }
    values = {
        "boxes": tf.constant(
            [one.get("box", (0, 0, 0, 0)) for one in objects], tf.float32, (len(objects), 4)
        ),
        "labels": tf.constant([one.get("label", 0) for one in objects], tf.int32),
        "crowd": tf.constant([one.get("crowd", False) for one in objects], tf.bool),
        "difficult": tf.constant([one.get("difficult", False) for one in objects], tf.bool),
    }
    size = (tf.constant(height), tf.constant(width))
    return _draw(record, values, tf.constant(classes), size, False).numpy()


def square(x0, y0, x1, y1, **options):
    return {"polygons": [[x0, y0, x1, y0, x1, y1, x0, y1]], "box": (x0, y0, x1, y1), **options}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_pixels_as_in_pycocotools(data):
    api = pytest.importorskip("pycocotools.mask")
    height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
    coordinate = st.integers(-100, 400).map(lambda n: n / 10) | st.floats(-10, 40)
    polygons = st.lists(
        st.integers(3, 7).flatmap(lambda n: st.lists(coordinate, min_size=2 * n, max_size=2 * n)),
        min_size=1,
        max_size=2,
    )
    outlines = [data.draw(polygons) for _ in range(data.draw(st.integers(1, 3)))]
    masks = [api.decode(api.merge(api.frPyObjects(p, height, width))) for p in outlines]
    objects = [{"polygons": p, "label": 1} for p in outlines]
    if data.draw(st.booleans()):
        random = np.random.default_rng(data.draw(st.integers(0, 99)))
        masks.append((random.random((height, width)) < 0.4).astype(np.uint8))
        objects.append({"mask": masks[-1], "label": 1})
    np.testing.assert_array_equal(drawn(objects, height, width), 2 * np.max(masks, axis=0))


def test_the_smaller_object_is_in_front_and_of_equal_ones_the_later():
    large, small = square(0, 0, 8, 8), square(2, 2, 5, 5, label=1)
    expected = np.zeros((9, 10))
    expected[:8, :8] = 1
    expected[2:5, 2:5] = 2
    for objects in ([large, small], [small, large]):
        np.testing.assert_array_equal(drawn(objects, 9, 10), expected)
    equal = [square(0, 0, 4, 4), square(2, 0, 6, 4, label=1)]
    np.testing.assert_array_equal(drawn(equal, 4, 7), [[1, 1, 2, 2, 2, 2, 0]] * 4)


def test_crowds_difficult_objects_and_boxes_are_ignored_behind_all_objects():
    mask = np.zeros((6, 12), np.uint8)
    mask[1:5, 1:3] = 1
    objects = [
        square(0, 0, 12, 2),
        {"mask": mask, "crowd": True},
        {"box": (3.4, 1.2, 6.0, 6.0), "label": 1},
        square(8, 3, 9, 4, difficult=True),
        {"box": (10, 4, 12, 6), "label": -1},
    ]
    expected = np.zeros((6, 12))
    expected[1:5, 1:3] = expected[1:, 3:6] = expected[3, 8] = 255
    expected[:2] = 1
    np.testing.assert_array_equal(drawn(objects, 6, 12), expected)
    assert not drawn([], 3, 4).any()


def test_many_pixels_are_drawn_in_parts(monkeypatch):
    from training.data.sources.objects import outline_maps

    monkeypatch.setattr(outline_maps, "_PIXELS_AT_ONCE", 20)
    monkeypatch.setitem(globals(), "_draw", class_map)
    objects = [square(i, i, 20 - i, 20 - i, label=i % 3) for i in range(9)]
    found = drawn(objects, 20, 20)
    assert [found[i, 10] for i in range(9)] == [1, 2, 3] * 3


def test_classes_of_the_map():
    assert map_classes(("cat", "dog")) == (("background", "cat", "dog"), [1, 2])
    assert map_classes(("cat", "Background", "dog")) == (("background", "cat", "dog"), [1, 0, 2])


def write_coco(root, outlines=True, count=6):
    """Writes images of 20×30 with one square of class `cat` each."""
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(1, count + 1):
        noise = np.random.default_rng(number).integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(noise).save(root / f"images/{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 30, "height": 20})
        one = square(number, 3, number + 10, 13)
        annotation = {"id": number, "image_id": number, "category_id": 7}
        annotation |= {"bbox": [number, 3, 10, 10], "area": 100, "iscrowd": 0}
        annotations.append(annotation | ({"segmentation": one["polygons"]} if outlines else {}))
    data = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "cat"}]}
    (root / "labels.json").write_text(json.dumps(data))
    return root


def test_a_data_set_of_outlines_trains_a_segmentation_model(tmp_path):
    spec = f"coco:{write_coco(tmp_path)}?labels=labels.json"
    source = open_source(f"{spec}&semantic=1")
    assert source.class_names == ("background", "cat") and "segmentation" in source.keys
    name, sample = next(source.samples("train"))
    left = int(name.rpartition("/")[2].partition(".")[0])
    expected = np.zeros((20, 30))
    expected[3:13, left : left + 10] = 1
    np.testing.assert_array_equal(sample["segmentation"], expected)
    # Without the option, the class maps come with the model.
    assert "segmentation" not in open_source(spec).keys
    source = open_source(spec)
    config = BatchConfig("segmentation", image_size=(32, 32))
    _, targets = next(iter(validation_batches(source, "val", config)))
    assert source.class_names == ("background", "cat")
    assert set(np.unique(targets["segmentation"])) == {0, 1, 255}


def test_crowds_alone_are_not_trained_on(tmp_path):
    path = write_coco(tmp_path) / "labels.json"
    path.write_text(path.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    spec = f"coco:{tmp_path}?labels=labels.json&semantic=1"
    with pytest.raises(InputError, match=r"only crowd or difficult.*no class but.*crowd=objects"):
        load_data(spec, architecture="unet")
    assert load_data(f"{spec}&crowd=objects", architecture="unet")


def test_yolo_polygons_are_fractions(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for number in range(2):
        Image.new("RGB", (40, 20), (number, 0, 0)).save(tmp_path / f"images/{number}.png")
        (tmp_path / f"labels/{number}.txt").write_text("1 0.25 0.5 0.5 0.5 0.5 1 0.25 1\n")
    source = open_source(f"yolo:{tmp_path}?semantic=1")
    expected = np.zeros((20, 40))
    expected[10:, 10:20] = 2
    _, sample = next(source.samples("train"))
    np.testing.assert_array_equal(sample["segmentation"], expected)


def test_boxes_alone_have_no_class_maps(tmp_path):
    spec = f"coco:{write_coco(tmp_path, outlines=False)}?labels=labels.json"
    with pytest.raises(InputError, match="semantic=1 needs outlines"):
        open_source(f"{spec}&semantic=1")
    with pytest.raises(InputError, match="has no segmentation"):
        load_data(spec, architecture="unet")
    with pytest.raises(InputError, match="masks has no option 'semantic'"):
        open_source(f"masks:{tmp_path}?semantic=1")
