"""A cache changes the speed of batches only; a stale or partial one is not read."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from image_folders import write_images
from object_folders import annotation, coco_content, write_coco
from PIL import Image

from training.data.augment import Augmentation
from training.data.batch_config import BatchConfig
from training.data.cache.disk_cache import DiskCache
from training.data.cache.sample_caches import cached_for_training
from training.data.pipeline import training_batches, validation_batches
from training.data.sources import open_source
from zoo.errors import InputError

CHANGES = Augmentation(flip_horizontal=0.5, rotate=20, scale=(0.8, 1.2), contrast=0.2)


@pytest.fixture
def cells(tmp_path):
    """PNG images with class and instance maps."""
    folder = write_images(tmp_path / "cells", 6, (24, 32), folders=("images", "instances"))
    return open_source(f"instances:{folder}?val=0.3")


def coco(tmp_path, size=(30, 40)):
    """JPEG images with masks, `size` times 8 in pixels."""
    records = [
        annotation(i, 10 + i, (32 + 8 * i, 40, 160, 80), segmentation=[], area=1) for i in range(4)
    ]
    for record in records:
        x, y, wide, high = record["bbox"]
        record["segmentation"] = [[x, y, x + wide, y, x + wide, y + high]]
    content = coco_content(annotations=records)
    for image in content["images"]:
        image.update(file_name=f"{image['id']}.jpg", width=320, height=240)
    root = write_coco(tmp_path / "coco", content)
    for image in content["images"]:
        noise = np.random.default_rng(image["id"]).integers(0, 255, (9, 12, 3)).astype(np.uint8)
        photo = Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)
        photo.save(root / "train" / image["file_name"])
    return open_source(f"coco:{root}?val=0.5")


def config(task="segmentation", **changes):
    made = BatchConfig(task, (24, 32), batch_size=2, augmentation=CHANGES, seed=3, max_objects=2)
    return dataclasses.replace(made, **changes)


def taken(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def agree(first, second, atol=0.0):
    for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=atol)


def count_of_reads(source):
    """How often records have been opened, counted in Python."""
    opened = []
    plain = source.open

    def open(record):
        told = tf.py_function(lambda: opened.append(1), [], [])
        with tf.control_dependencies([told] if told is not None else []):
            return {k: tf.identity(v) if tf.is_tensor(v) else v for k, v in plain(record).items()}

    source.open = open
    return opened


@pytest.mark.parametrize("cache", ["memory", "disk"])
@pytest.mark.parametrize("border", [0.0, 5.0])
def test_the_same_batches_with_a_cache(cells, cache, border, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "kept"))
    for make, split in ((training_batches, "train"), (validation_batches, "val")):
        plain = taken(make(cells, split, config(border_weight=border)), 6)
        kept = make(cells, split, config(border_weight=border, cache=cache))
        assert kept.element_spec == make(cells, split, config(border_weight=border)).element_spec
        agree(taken(kept, 6), plain)
        agree(taken(kept, 6), plain)
    assert (tmp_path / "kept").exists() == (cache == "disk")


@pytest.mark.parametrize(
    ("cache", "policy"),
    [("memory", CHANGES), ("disk", CHANGES), ("memory", Augmentation(mosaic=1.0))],
)
def test_reduced_images_with_objects(tmp_path, cache, policy):
    source = coco(tmp_path)
    cache = cache if cache == "memory" else f"disk:{tmp_path / 'kept'}"
    plain = config("instances", image_size=(60, 80), augmentation=policy, mask_size=14)
    kept = dataclasses.replace(plain, cache=cache)
    for one, other in zip(
        taken(training_batches(source, "train", plain), 3),
        taken(training_batches(source, "train", kept), 3),
        strict=True,
    ):
        # What is kept is reduced for the largest zoom, not for the one that is drawn.
        assert np.abs(one[0] - other[0]).mean() < 2.0
        agree(one[1], other[1])
    plain = dataclasses.replace(plain, augmentation=Augmentation())
    for cached in (plain, dataclasses.replace(plain, cache=cache)):
        dataset = validation_batches(source, "val", cached)
        agree(taken(dataset, 2), taken(validation_batches(source, "val", plain), 2))


def test_images_are_cached_as_small_as_the_model_input_allows(tmp_path):
    source = coco(tmp_path)
    for policy, ratio in (
        (Augmentation(), 4),
        (Augmentation(scale=(0.5, 2.0)), 2),
        (Augmentation(crop="random", crop_sides=(0.25, 1.0)), 1),
    ):
        made = config("instances", image_size=(60, 80), augmentation=policy, cache="memory")
        kept = cached_for_training(source, "train", made)
        image = kept.open(next(iter(kept.raw("train"))))["image"]
        assert int(image.ratio) == ratio
        assert image.pixels.shape == (240 // ratio, 320 // ratio, 3)


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_nothing_is_opened_twice(cells, cache, tmp_path):
    opened = count_of_reads(cells)
    made = config(cache=cache if cache == "memory" else f"disk:{tmp_path / 'kept'}")
    dataset = training_batches(cells, "train", made)
    taken(dataset, 6)
    first = len(opened)
    assert first >= cells.sizes["train"]
    taken(dataset, 10)
    assert len(opened) == first
    if cache == "disk":
        taken(training_batches(cells, "train", made), 4)
        assert len(opened) == first


def test_a_changed_file_or_setting_is_made_anew(cells, tmp_path):
    def folders():
        return sorted(path.name for path in (tmp_path / "kept").iterdir())

    def batch(source, **changes):
        made = config(cache=f"disk:{tmp_path / 'kept'}", augmentation=Augmentation(), **changes)
        return taken(validation_batches(source, "val", made), 1)[0]

    agree(batch(cells), batch(cells))
    assert len(folders()) == 1 and folders()[0].startswith("instances-")
    batch(cells, image_size=(12, 16))
    assert len(folders()) == 2
    batch(cells, channels=1)
    assert len(folders()) == 3
    path = cells.tables["val"]["image"][0]
    Image.new("RGB", (32, 24), (1, 2, 3)).save(path)
    os.utime(path, ns=(5, 5))
    again = open_source(cells.spec)
    assert np.all(batch(again)[0][0] == [1, 2, 3])
    assert len(folders()) == 4
    # The cache says what it holds.
    about = json.loads((tmp_path / "kept" / folders()[0] / "about.json").read_text())
    assert about["data"] == cells.spec and about["split"] == "val"


def test_interrupted_caches_are_not_read(cells, tmp_path, monkeypatch):
    made = config(cache=f"disk:{tmp_path / 'kept'}")
    write = tf.io.TFRecordWriter.write
    written = []

    def failing(writer, record):
        written.append(record)
        if len(written) == 5:
            raise KeyboardInterrupt
        write(writer, record)

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        training_batches(cells, "train", made)
    assert not list((tmp_path / "kept").iterdir())
    monkeypatch.undo()
    # What a process that was killed has left behind is removed, and not read.
    agree(
        taken(training_batches(cells, "train", made), 2),
        taken(training_batches(cells, "train", config()), 2),
    )
    folder = next((tmp_path / "kept").iterdir())
    left = folder.with_name(f".{folder.name}.99999999.partial")
    folder.rename(left)
    agree(
        taken(training_batches(cells, "train", made), 2),
        taken(training_batches(cells, "train", config()), 2),
    )
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [folder.name]


def test_many_shards(cells, tmp_path, monkeypatch):
    monkeypatch.setattr("training.data.cache.disk_cache._SHARD_BYTES", 5000)
    made = config(cache=f"disk:{tmp_path / 'kept'}")
    agree(
        taken(training_batches(cells, "train", made), 4),
        taken(training_batches(cells, "train", config()), 4),
    )
    assert len(list((tmp_path / "kept").rglob("*.tfrecord"))) > 2


def test_damaged_caches_and_no_room(cells, tmp_path, monkeypatch):
    made = config(cache=f"disk:{tmp_path / 'kept'}")
    kept = cached_for_training(cells, "train", made)
    assert isinstance(kept, DiskCache)
    (kept.folder / "index.npz").write_bytes(b"no index")
    with pytest.raises(InputError, match=r"the cache cannot be used .*remove that folder"):
        training_batches(cells, "train", made)

    def full(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    with pytest.raises(InputError, match=r"no space left after \d samples.*cache=disk:FOLDER"):
        validation_batches(cells, "val", made)
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    with pytest.raises(InputError, match="cache=memory: the 4 samples of train need"):
        training_batches(cells, "train", config(cache="memory"))


def test_a_data_set_of_tfds(tmp_path):
    """Its records are sequential; a disk cache has random access."""
    source = open_source("shapes:single")
    made = config("localization", image_size=(32, 32), batch_size=64)
    made = dataclasses.replace(made, targets=("label", "box"))
    assert source.rows("train") is None
    plain = taken(training_batches(source, "train", made), 2)
    memory = training_batches(source, "train", dataclasses.replace(made, cache="memory"))
    agree(taken(memory, 2), plain)
    disk = dataclasses.replace(made, cache=f"disk:{tmp_path}")
    assert cached_for_training(source, "train", disk).rows("train") is not None
    agree(
        taken(validation_batches(source, "val", disk), 2),
        taken(validation_batches(source, "val", made), 2),
    )


def test_cache_names(cells):
    for cache in ("ram", "memory:here", "disc"):
        with pytest.raises(InputError, match="cache must be 'none', 'memory', 'disk' or"):
            training_batches(cells, "train", config(cache=cache))
