"""Files of annotation tools: what is read is what they stand for, and nothing is lost unnoticed."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_reader_properties import PLAIN, opened, paths_of
from tool_folders import TOOLS, scenes

from training.data.sources import open_source
from zoo.errors import InputError

TOOL = pytest.mark.parametrize("tool", TOOLS)
MASK = 96


def write(root, tool, seed=0, count=5):
    """Writes a data set; returns its address and its truth by file name."""
    name, writer, kinds = TOOLS[tool]
    found = scenes(kinds, count, seed)
    root.mkdir(exist_ok=True)
    writer(root, found)
    return f"{name}:{root}", {scene.file: scene for scene in found}


def objects(source):
    """Returns the number of objects that are targets."""
    columns = [source._columns[split].ragged for split in source.sizes]
    return sum(int(((c["labels"][0] >= 0) & ~c["difficult"][0]).numpy().sum()) for c in columns)


def mask_in_frame(mask, box):
    """Returns a mask at the pixels under the centers of the cells of its box."""
    x0, y0, x1, y1 = box
    steps = (np.arange(MASK) + 0.5) / MASK
    rows = np.clip(np.floor(y0 + (y1 - y0) * steps), 0, mask.shape[0] - 1).astype(int)
    columns = np.clip(np.floor(x0 + (x1 - x0) * steps), 0, mask.shape[1] - 1).astype(int)
    return mask[rows][:, columns]


@TOOL
@pytest.mark.parametrize("seed", [0, 1])
def test_boxes_and_classes_are_those_of_the_files(tmp_path, tool, seed):
    spec, truth = write(tmp_path / "data", tool, seed)
    source = open_source(spec)
    assert source.defects == []
    assert source.sizes == {"train": 4, "val": 1}
    read = set()
    for split, size in source.sizes.items():
        for index in range(size):
            row = source._columns[split].row(index)
            file = row["image"].numpy().decode().rsplit("/", 1)[-1]
            things = truth[file].things
            names = [source.object_names[label] for label in row["labels"]]
            assert names == [thing.name for thing in things]
            boxes = np.array([thing.box for thing in things]).reshape(-1, 4)
            np.testing.assert_allclose(row["boxes"], boxes, atol=0.05)
            read.add(file)
    assert read == truth.keys()


@pytest.mark.parametrize("tool", ["labelme", "via", "label_studio", "supervisely"])
def test_masks_are_those_of_the_files(tmp_path, tool):
    spec, truth = write(tmp_path / "data", tool)
    for path, sample in open_source(f"{spec}?mask_size={MASK}").samples("train"):
        for index, thing in enumerate(truth[path.rsplit("/", 1)[-1]].things):
            if thing.mask is None:
                assert (sample["masks"][index] == 255).all()
                continue
            mask = sample["masks"][index] == 1
            expected = mask_in_frame(thing.mask, sample["boxes"][index])
            assert (mask & expected).sum() >= 0.98 * (mask | expected).sum(), thing.kind


@TOOL
def test_classes_select_and_order(tmp_path, tool):
    spec, truth = write(tmp_path / "data", tool)
    things = [thing.name for scene in truth.values() for thing in scene.things]
    source = open_source(f"{spec}?classes=dog,cat")
    assert source.object_names == ("dog", "cat")
    assert objects(source) == sum(name != "traffic light" for name in things)
    left_out = things.count("traffic light")
    assert any(f"classes: {left_out} objects" in note for note in source.notes)
    with pytest.raises(InputError, match="no object of class 'cta'"):
        open_source(f"{spec}?classes=cta")


@TOOL
def test_missing_images_and_other_images_are_reported(tmp_path, tool):
    spec, _ = write(tmp_path / "data", tool)
    (gone,) = (tmp_path / "data").rglob("frame 1.png")
    gone.rename(gone.with_name("unlabeled.png"))
    source = open_source(spec)
    assert [defect for defect in source.defects if "frame 1.png" in str(defect)]
    assert any("1 images have no labels" in note for note in source.notes)


def label_files(root):
    paths = [path for suffix in ("json", "csv") for path in root.rglob(f"*.{suffix}")]
    return [path for path in sorted(paths) if path.name != "meta.json"]


DAMAGES = {
    "class": lambda text: re.sub(r'"(cat|dog|traffic light)"', '["x"]', text, count=1),
    "no_class": lambda text: re.sub(r'"(cat|dog|traffic light)"', "null", text, count=1),
    "nan": lambda text: re.sub(r"\d+\.\d{3,}", "NaN", text, count=1),
    "text": lambda text: re.sub(r"\d+\.\d{3,}", '"wide"', text, count=1),
    "huge": lambda text: re.sub(r"\d+\.\d{3,}", "1" + "0" * 400, text, count=1),
    "truncated": lambda text: text[: len(text) // 2],
}


@pytest.mark.parametrize("damage", DAMAGES)
@TOOL
def test_damaged_labels_are_defects(tmp_path, tool, damage):
    spec, truth = write(tmp_path / "data", tool)
    path = label_files(tmp_path / "data")[0]
    text = path.read_text()
    if path.suffix == ".csv":
        first, *lines = text.split("\n")
        text = "\n".join([first, *lines])
        if damage in ("class", "no_class", "text"):
            damaged = re.sub(r",(cat|dog|traffic light),", ",,", text, count=1)
            damaged = re.sub(r'""(cat|dog|traffic light)""', '""""', damaged, count=1)
            if damage == "text":
                damaged = re.sub(r"\d+\.\d{3,}", "wide", text, count=1)
        else:
            damaged = DAMAGES[damage](text)
            damaged = damaged + '"' if damage == "truncated" else damaged
    else:
        damaged = DAMAGES[damage](text)
    assert damaged != text
    path.write_text(damaged)
    source = open_source(spec)
    assert source.defects
    assert all(str(path) in str(defect) for defect in source.defects if damage != "truncated")
    assert any(defect.unused for defect in source.defects)
    assert objects(source) < sum(len(scene.things) for scene in truth.values())
    dropped = open_source(f"{spec}?drop_bad=1")
    assert not dropped.defects or dropped.sizes["train"] == 0


def damaged(document, data):
    """Returns the document with a value replaced by one that is no list, or a key removed.

    Names of image entries and group ids stay: without them, fewer objects would be right.
    """
    document = json.loads(document)
    paths = [path for path in paths_of(document) if path and path[-1] != "group_id"]
    *way, last = data.draw(st.sampled_from(paths))
    holder = document
    for key in way:
        holder = holder[key]
    if isinstance(last, int) or "." in last or data.draw(st.booleans()):
        holder[last] = data.draw(PLAIN)
    else:
        del holder[last]
    return json.dumps(document)


@TOOL
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_nothing_is_lost_unnoticed(tmp_path, tool, data):
    root = tmp_path / "data"
    if not root.is_dir():
        spec, truth = write(root, tool, count=3)
        texts = {path: path.read_text() for path in label_files(root)}
        usual = open_source(spec).notes
        test_nothing_is_lost_unnoticed.written = spec, truth, texts, usual
    spec, truth, texts, usual = test_nothing_is_lost_unnoticed.written
    for path, text in texts.items():
        path.write_text(text)
    path = data.draw(st.sampled_from(sorted(texts)))
    if path.suffix == ".json":
        path.write_text(damaged(texts[path], data))
    else:
        rows = list(csv.reader(texts[path].splitlines()))
        row = data.draw(st.integers(1, len(rows) - 1))
        column = data.draw(st.integers(0, len(rows[row]) - 1))
        rows[row][column] = data.draw(st.text(max_size=6) | st.sampled_from(["1e999", "-5"]))
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows(rows)
    source = opened(spec)
    if source is None:
        return
    if objects(source) < sum(len(scene.things) for scene in truth.values()):
        assert source.defects or source.notes != usual
    if sum(source.sizes.values()) < len(truth):
        assert source.defects or source.notes != usual


@pytest.mark.parametrize("tool", ["labelme", "createml", "csv", "supervisely"])
def test_folders_and_names_are_splits(tmp_path, tool):
    for split in ("train", "valid"):
        write(tmp_path / "whole", tool, len(split))
        shutil.move(tmp_path / "whole", tmp_path / "data" / split)
    if tool == "supervisely":
        shutil.move(tmp_path / "data" / "valid" / "meta.json", tmp_path / "data" / "meta.json")
    assert open_source(f"{TOOLS[tool][0]}:{tmp_path / 'data'}").sizes == {"train": 5, "val": 5}


@TOOL
def test_other_readers_name_the_right_one(tmp_path, tool):
    root = tmp_path / "data"
    right = write(root, tool)[0].split(":")[0]
    for other in ("coco", "voc", "yolo", "labelme", "via", "createml", "label_studio", "csv"):
        if other != right:
            with pytest.raises(InputError, match=f"use {right}:"):
                open_source(f"{other}:{root}")
    with pytest.raises(InputError, match=f"use {right}:"):
        open_source(str(root))


FOREIGN = {
    "annotations.xml": ("<annotations><version>1.1</version><image id='0'/></annotations>", "CVAT"),
    "a.json": ('{"asset": {"name": "a.jpg"}, "regions": [{"boundingBox": {}}]}', "VoTT"),
    "default.json": ('{"info": {}, "categories": {}, "items": []}', "Datumaro"),
    "via.json": (
        '{"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}}',
        "VIA 3",
    ),
}


@pytest.mark.parametrize("file", FOREIGN)
@pytest.mark.parametrize("reader", ["coco", "labelme", "voc"])
def test_formats_without_reader_have_a_remedy(tmp_path, reader, file):
    content, name = FOREIGN[file]
    (tmp_path / file).write_text(content)
    with pytest.raises(InputError, match=f"{name} files, which no reader reads; export it as"):
        open_source(f"{reader}:{tmp_path}")
