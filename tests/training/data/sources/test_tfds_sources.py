"""TFDS data sets, written in TFDS's format with known values, become samples."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from training.data.sources import open_source
from training.data.sources.tfds.tfds_mapping import MAPPINGS, Mapping, register_mapping
from zoo.errors import InputError


def prepared(name, examples, root):
    """Prepares the TFDS data set `name` with these examples; returns its spec."""
    builder = tfds.builder(name, data_dir=str(root))
    Path(builder.data_dir).mkdir(parents=True)
    writer = tfds.core.SequentialWriter(builder.info, 1000)
    writer.initialize_splits(list(examples))
    writer.add_examples(examples)
    writer.close_splits(list(examples))
    return f"tfds:{name}?data_dir={root}"


def make_image(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)


def box(top, left, bottom, right):
    return tfds.features.BBox(ymin=top, xmin=left, ymax=bottom, xmax=right)


def own(tmp_path, features, examples, name="my_images"):
    """Stores a custom data set, without code in TFDS; returns its spec."""
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        data_dir=str(tmp_path),
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: list(enumerate(records)) for split, records in examples.items()},
        disable_shuffling=True,
    )
    return f"tfds:{name}?data_dir={tmp_path}"


@pytest.mark.parametrize("year", ["2007", "2012"])
def test_voc(tmp_path, year):
    # A box of pixels 49…111 × 125…168, counted from 1 and the last included, in 100 × 200.
    thing = {
        "bbox": box(40 / 100, 51 / 200, 80 / 100, 200 / 200),
        "label": "sheep",
        "pose": "left",
        "is_truncated": False,
        "is_difficult": True,
    }
    whole = {**thing, "bbox": box(1 / 100, 1 / 200, 1.0, 1.0), "label": "aeroplane"}
    record = {
        "image": make_image(100, 200),
        "image/filename": "000005.jpg",
        "objects": [thing, {**whole, "is_difficult": False}],
        "labels": ["sheep"],
        "labels_no_difficult": [],
    }
    spec = prepared(
        f"voc/{year}", {"train": [record], "validation": [], "test": [record]}, tmp_path
    )
    source = open_source(spec)
    unlabeled = year == "2012"
    assert ("test" in source.sizes) != unlabeled
    assert any("test has no labels" in note for note in source.notes) == unlabeled
    ((name, sample),) = source.samples("train")
    assert name == f"tfds:voc/{year}: record 000005.jpg"
    np.testing.assert_allclose(sample["boxes"], [[50, 39, 200, 80], [0, 0, 200, 100]], atol=1e-4)
    assert [source.object_names[i] for i in sample["labels"]] == ["sheep", "aeroplane"]
    assert sample["difficult"].tolist() == [True, False] and len(source.object_names) == 20
    assert set(sample) == set(source.keys) and sample["image"].shape == (100, 200, 3)


def test_coco_objects(tmp_path):
    thing = {"id": 7, "area": 12, "bbox": box(0.25, 0.1, 0.75, 0.6), "label": 79, "is_crowd": True}
    record = {
        "image": make_image(40, 60),
        "image/filename": "a.jpg",
        "image/id": 1,
        "objects": [thing],
    }
    empty = {**record, "objects": [], "image/filename": "b.jpg"}
    spec = prepared("coco/2017", {"train": [record, empty], "validation": [record]}, tmp_path)
    source = open_source(spec)
    assert source.sizes == {"train": 2, "val": 1} and len(source.object_names) == 80
    samples = {name[-5:]: sample for name, sample in source.samples("train")}
    np.testing.assert_allclose(samples["a.jpg"]["boxes"], [[6, 10, 36, 30]], atol=1e-4)
    assert samples["a.jpg"]["labels"].tolist() == [79] and samples["a.jpg"]["crowd"].tolist() == [1]
    assert samples["b.jpg"]["boxes"].shape == (0, 4) and samples["b.jpg"]["labels"].shape == (0,)


def panoptic_record():
    """Returns two overlapping persons on stuff, a crowd, and one unlabeled column."""
    ids = np.zeros((20, 30), np.int64)
    ids[:, 1:] = 5 + 256 * 9 + 65536 * 3
    ids[2:10, 4:12] = 1000
    ids[8:16, 8:20] = 65536 * 200 + 17
    ids[17:20, 20:28] = 3
    colors = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    parts = [(5 + 256 * 9 + 65536 * 3, 132), (65536 * 200 + 17, 0), (1000, 0), (3, 61)]
    segments = []
    for number, label in parts:
        rows, columns = np.nonzero(ids == number)
        extent = (
            *(rows.min() / 20, columns.min() / 30),
            *((rows.max() + 1) / 20, (columns.max() + 1) / 30),
        )
        segments.append(
            {
                "id": number,
                "area": rows.size,
                "bbox": box(*map(float, extent)),
                "label": label,
                "is_crowd": number == 3,
            }
        )
    return ids, {
        "image": make_image(20, 30),
        "image/filename": "p.jpg",
        "image/id": 3,
        "panoptic_image": colors,
        "panoptic_image/filename": "p.png",
        "panoptic_objects": segments,
    }


def test_coco_panoptic(tmp_path):
    ids, record = panoptic_record()
    spec = prepared("coco/2017_panoptic", {"train": [record], "validation": [record]}, tmp_path)
    source = open_source(spec)
    assert len(source.class_names) == 133 and source.object_names == source.class_names[:80]
    ((_, sample),) = source.samples("train")
    assert set(sample) == set(source.keys)
    expected = np.full((20, 30), 255)
    for number, label in [
        (5 + 256 * 9 + 65536 * 3, 132),
        (65536 * 200 + 17, 0),
        (1000, 0),
        (3, 61),
    ]:
        expected[ids == number] = label
    np.testing.assert_array_equal(sample["segmentation"], expected)
    # Only things are objects, in TFDS's order.
    assert sample["labels"].tolist() == [0, 0, 61] and sample["crowd"].tolist() == [0, 0, 1]
    objects = [65536 * 200 + 17, 1000, 3]
    for i, number in enumerate(objects):
        np.testing.assert_array_equal(sample["instances"] == i + 1, ids == number)
        x0, y0, x1, y1 = np.round(sample["boxes"][i]).astype(int)
        inside = ids[y0:y1, x0:x1] == number
        assert inside.sum() == (ids == number).sum()
        # Nearest cells of a 112 × 112 grid, from the definition in integers.
        rows = (2 * np.arange(112) + 1) * (y1 - y0) // 224
        columns = (2 * np.arange(112) + 1) * (x1 - x0) // 224
        np.testing.assert_array_equal(sample["masks"][i], inside[np.ix_(rows, columns)])


def test_oxford_iiit_pet(tmp_path):
    trimap = np.full((50, 40, 1), 2, np.uint8)
    trimap[10:30, 10:30] = 3
    trimap[12:28, 12:28] = 1
    record = {
        "image": make_image(50, 40),
        "label": "Bengal",
        "species": "Cat",
        "file_name": "Bengal_1.jpg",
        "segmentation_mask": trimap,
        "head_bbox": box(11 / 50, 3 / 40, 20 / 50, 12 / 40),
    }
    headless = {**record, "head_bbox": box(0.0, 0.0, 0.0, 0.0), "file_name": "Bengal_2.jpg"}
    spec = prepared("oxford_iiit_pet", {"train": [record, headless], "test": [record]}, tmp_path)
    source = open_source(spec)
    assert source.sizes == {"train": 2, "test": 1} and source.validation_split() == "test"
    assert len(source.label_names) == 37 and source.class_names == ("background", "pet")
    samples = {name[-12:]: sample for name, sample in source.samples("train")}
    sample = samples["Bengal_1.jpg"]
    assert source.label_names[sample["label"]] == "Bengal"
    np.testing.assert_allclose(sample["box"], [2, 10, 12, 20], atol=1e-4)
    values, counts = np.unique(sample["segmentation"], return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
        0: 50 * 40 - 400,
        1: 256,
        255: 400 - 256,
    }
    assert samples["Bengal_2.jpg"]["box"].tolist() == [0, 0, 0, 0]


def test_cityscapes(tmp_path):
    marks = np.zeros((1024, 2048, 1), np.uint8)
    marks[0, :34, 0] = np.arange(34)
    record = {
        "image_id": "aachen_000000",
        "image_left": np.zeros((1024, 2048, 3), np.uint8),
        "segmentation_label": marks,
    }
    splits = {"train": [record], "validation": [record], "test": [record]}
    source = open_source(prepared("cityscapes/semantic_segmentation", splits, tmp_path))
    assert source.sizes == {"train": 1, "val": 1}
    ((name, sample),) = source.samples("val")
    assert name.endswith("record aachen_000000") and sample["segmentation"].shape == (1024, 2048)
    found = {
        source.class_names[c]: i for i, c in enumerate(sample["segmentation"][0, :34]) if c < 255
    }
    # Published ids of Cityscapes.
    assert {name: found[name] for name in ("road", "pole", "sky", "person", "car")} == {
        "road": 7,
        "pole": 17,
        "sky": 23,
        "person": 24,
        "car": 26,
    }
    assert {"train": found["train"], "bicycle": found["bicycle"]} == {"train": 31, "bicycle": 33}
    assert len(found) == source.num_classes == 19
    assert (sample["segmentation"][1:] == 255).all()


def test_scene_parse150(tmp_path):
    marks = np.zeros((10, 12, 3), np.uint8)
    marks[2:5, 3:6] = (4, 1, 0)
    marks[6:9, 3:6] = (100, 2, 0)
    record = {"image": make_image(10, 12), "annotation": marks}
    source = open_source(
        prepared("scene_parse150", {"train": [record], "test": [record]}, tmp_path)
    )
    assert source.num_classes == 101 == len(set(source.class_names))
    ((name, sample),) = source.samples("test")
    assert "scene_parse150-test" in name
    np.testing.assert_array_equal(sample["segmentation"], marks[..., 0])
    np.testing.assert_array_equal(sample["instances"], marks[..., 1])
    assert (source.class_names[4], source.class_names[100]) == ("person", "flag")


def test_imagenet2012_has_no_test_split(tmp_path):
    record = {"image": make_image(9, 8), "label": 999, "file_name": "n1.JPEG"}
    unlabeled = {**record, "label": -1}
    splits = {"train": [record], "validation": [record], "test": [unlabeled]}
    source = open_source(prepared("imagenet2012", splits, tmp_path))
    assert source.sizes == {"train": 1, "val": 1} and len(source.label_names) == 1000
    assert next(source.samples("val"))[1]["label"] == 999


def test_other_data_sets_with_usual_features(tmp_path):
    features = {
        "image": tfds.features.Image(shape=(6, 5, 1)),
        "label": tfds.features.ClassLabel(names=["cat", "dog"]),
    }
    greys = [make_image(6, 5, 1, seed) for seed in range(5)]
    examples = [{"image": grey, "label": i % 2} for i, grey in enumerate(greys)]
    source = open_source(own(tmp_path, features, {"train": examples}))
    # The only split is divided, with a note.
    assert source.sizes == {"train": 4, "val": 1} and "records of train" in source.notes[0]
    assert source.keys == ("image", "label") and source.label_names == ("cat", "dog")
    found = [sample for split in ("train", "val") for _, sample in source.samples(split)]
    for sample, grey, example in zip(found, greys, examples, strict=True):
        np.testing.assert_array_equal(sample["image"], np.repeat(grey, 3, -1))
        assert sample["label"] == example["label"]


FEATURES = {
    "photo": tfds.features.Image(),
    "kind": tfds.features.ClassLabel(names=["a", "b", "c"]),
    "map": tfds.features.Image(shape=(None, None, 1)),
    "things": tfds.features.Sequence(
        {
            "place": tfds.features.BBoxFeature(),
            "pixels": tfds.features.Tensor(shape=(4,), dtype=np.float32),
            "sort": tfds.features.ClassLabel(names=["x", "y"]),
            "hard": np.bool_,
        }
    ),
    "one": tfds.features.BBoxFeature(bbox_format="YXYX"),
    "free": tfds.features.BBoxFeature(bbox_format=None),
    "words": tfds.features.Text(),
    "nested/name": np.int64,
}


def example_of_features():
    things = [
        {
            "place": box(0.5, 0.0, 1.0, 0.25),
            "pixels": [1.0, 2.0, 3.0, 4.0],
            "sort": "y",
            "hard": True,
        }
    ]
    return {
        "photo": make_image(10, 20),
        "kind": "c",
        "map": np.arange(200, dtype=np.uint8).reshape(10, 20, 1) % 3,
        "things": things,
        "one": box(1.0, 2.0, 3.0, 4.0),
        "free": box(1.0, 2.0, 3.0, 4.0),
        "words": "no",
        "nested/name": 2,
    }


def test_options_name_the_features(tmp_path):
    record = example_of_features()
    spec = own(tmp_path, FEATURES, {"train": [record], "test": [record]})
    options = (
        "&image=photo&label=nested/name&segmentation=map&void=1&classes=p, q,r&box=one"
        "&boxes=things/place&labels=things/sort&difficult=things/hard"
    )
    source = open_source(spec + options)
    assert source.class_names == ("p", "q", "r") and source.object_names == ("x", "y")
    ((_, sample),) = source.samples("test")
    assert set(sample) == set(source.keys)
    assert sample["label"] == 2 and sample["labels"].tolist() == [1] and sample["difficult"].all()
    np.testing.assert_allclose(sample["boxes"], [[0, 5, 5, 10]])
    np.testing.assert_allclose(sample["box"], [2, 1, 4, 3])
    expected = np.where(record["map"][..., 0] == 1, 255, record["map"][..., 0])
    np.testing.assert_array_equal(sample["segmentation"], expected)
    pixels = open_source(f"{spec}&image=photo&boxes=things/pixels&labels=things/sort")
    np.testing.assert_allclose(next(pixels.samples("test"))[1]["boxes"], [[1, 2, 3, 4]])


def test_registered_mappings(tmp_path):
    def mapping(builder):
        def sample(example):
            return {"image": example["photo"], "texts": example["words"][None]}

        return Mapping(sample, ("image", "texts"), images=("photo",), name="words")

    spec = own(tmp_path, FEATURES, {"train": [example_of_features()] * 2}, "captioned")
    with pytest.raises(InputError, match="no mapping"):
        open_source(spec)
    register_mapping("captioned", mapping)
    try:
        ((name, sample),) = open_source(spec).samples("val")
        assert name.endswith("record no") and sample["texts"].tolist() == [b"no"]
    finally:
        del MAPPINGS["captioned"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", ("no mapping from its features", "kind, map", "?image=photo&label=kind")),
        ("&image=foto&label=kind", ("image=foto: no such feature", "free, kind, map")),
        ("&image=map&label=words", ("label cannot come from words", "a whole number")),
        ("&image=words&label=kind", ("image cannot come from words", "Image of uint8")),
        ("&image=photo&label=things/sort", ("label cannot come from things/sort",)),
        ("&image=photo&box=free", ("box cannot come from free",)),
        ("&image=photo&box=things/place", ("box cannot come from things/place",)),
        ("&image=photo&boxes=one&labels=things/sort", ("boxes cannot come from one",)),
        ("&image=photo&boxes=things/place", ("no mapping from its features",)),
        ("&image=photo&segmentation=map", ("add classes=a,b",)),
        ("&image=photo&segmentation=map&classes=a&void=x", ("void must be a whole number",)),
        ("&image=photo&label=kind&val=2", ("val must be between 0 and 1",)),
    ],
)
def test_invalid_features(tmp_path, options, words):
    spec = own(tmp_path, FEATURES, {"train": [example_of_features()] * 3})
    with pytest.raises(InputError) as caught:
        open_source(spec + options)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("shapes:scene", ("Available: figures, scenes, scenes_256, scenes_6000, single.",)),
        ("tfds:voc/1999", ("unknown configuration. Available: 2007, 2012.",)),
        ("tfds:vocc", ("vocc not found", "vocc -> voc")),
    ],
)
def test_unknown_names(spec, words):
    with pytest.raises(InputError) as caught:
        open_source(spec)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("config", ["scenes", "single", "figures"])
def test_the_embedded_scenes_have_the_keys_of_every_task(config):
    source = open_source(f"shapes:{config}")
    names = {"scenes": (), "single": source.object_names, "figures": ("calm", "aggressive")}
    assert source.label_names == names[config] and source.class_names[1:] == source.object_names
    assert len(source.keypoint_names) == 14 and len(source.flip_pairs) == 6
    limbs = {frozenset(source.keypoint_names[i] for i in limb) for limb in source.skeleton}
    assert {"left knee", "left ankle"} in limbs and {"neck", "head top"} in limbs
    assert {"left knee", "right ankle"} not in limbs
    for _, (_, sample) in zip(range(12), source.samples("test"), strict=False):
        assert set(sample) == set(source.keys)
        objects = len(sample["boxes"])
        assert sample["masks"].shape == (objects, 112, 112)
        for i, (x0, y0, x1, y1) in enumerate(np.round(sample["boxes"]).astype(int)):
            whole = sample["instances"] == i + 1
            # The mask covers the same fraction of the box as the map.
            fraction = whole.sum() / ((x1 - x0) * (y1 - y0))
            assert sample["masks"][i].mean() == pytest.approx(fraction, abs=0.02)
            shown = sample["segmentation"][whole]
            assert (shown == sample["labels"][i] + 1).all()
        if config == "figures":
            assert sample["keypoints"].shape == (14, 3) and sample["label"] in (0, 1)
        else:
            assert sample["keypoints"].shape == (objects, 14, 3) == (len(sample["texts"]), 14, 3)
        if config == "single":
            assert sample["label"] == sample["labels"][0]
