"""Any content of a label file gives one line, or a data set that reports every defect."""

import copy
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_folders import annotation, coco_content, voc_xml, write_coco, write_voc

from training.data.sources import open_source
from zoo.errors import InputError

RULES = settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

NUMBERS = st.integers(-(10**12), 10**400) | st.floats() | st.sampled_from([0, -1, 1, 2**31, 2**63])
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(max_size=8)
# Lone surrogates are valid in JSON but not in file names.
ODD = st.sampled_from(["\ud800", "../x", "/etc/passwd", "C:\\x", "a\0b", "\n", "x" * 5000, ""])
JSON = st.recursive(
    PLAIN | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def paths_of(value, path=()):
    """Yields the paths of all values in a JSON document."""
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield from paths_of(inner, (*path, key))


def changed(document, data):
    """Returns the document with up to three values replaced or removed."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        inner = [path for path in paths_of(document) if path]
        if not inner:
            break
        *way, last = data.draw(st.sampled_from(inner))
        holder = document
        for key in way:
            holder = holder[key]
        if data.draw(st.booleans()):
            holder[last] = data.draw(JSON)
        else:
            del holder[last]
    return document


def opened(spec):
    """Opens a data set; None if it is refused in one line."""
    try:
        source = open_source(spec)
    except InputError as error:
        assert str(error).strip() and "\n" not in str(error)
        str(error).encode()
        return None
    for defect in source.defects:
        assert defect.problem and defect.remedy and "\n" not in str(defect)
        str(defect).encode()
    return source


def rows_of(source):
    """Returns the number of objects, and checks that all targets are valid."""
    count = 0
    for columns in source._columns.values():
        boxes, labels = columns.ragged["boxes"][0].numpy(), columns.ragged["labels"][0].numpy()
        assert np.isfinite(boxes).all()
        assert ((labels >= -1) & (labels < len(source.object_names))).all()
        assert (boxes[labels >= 0][:, 2:] > boxes[labels >= 0][:, :2]).all()
        assert not boxes[labels < 0].any()
        assert not (labels < 0).any() or source.defects
        count += len(labels)
    return count


DOCUMENT = coco_content(
    3,
    annotations=[
        annotation(1, 10),
        annotation(2, 11, iscrowd=1, segmentation={"size": [30, 40], "counts": [65, 10, 1125]}),
        annotation(3, 11, segmentation={"size": [30, 40], "counts": "1QQ1"}),
        annotation(4, 12, category=7, keypoints=[1, 2, 2, 3, 4, 1]),
    ],
)
DOCUMENT["categories"][0] |= {"keypoints": ["left_x", "right_x"], "skeleton": [[1, 2]]}


@RULES
@given(st.data())
def test_coco(tmp_path, data):
    if not (tmp_path / "train").is_dir():
        write_coco(tmp_path, DOCUMENT)
    content = changed(DOCUMENT, data)
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
    source = opened(f"coco:{tmp_path}")
    if source is None:
        return
    written = content["annotations"]
    if rows_of(source) < len(written) or sum(source.sizes.values()) < len(content["images"]):
        assert source.defects or source.notes
    dropped = opened(f"coco:{tmp_path}?drop_bad=1")
    if dropped is not None and any(defect.drop for defect in source.defects):
        assert dropped.notes and not any(defect.drop for defect in dropped.defects)


@RULES
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_coco_of_anything(tmp_path, content):
    (tmp_path / "annotations").mkdir(exist_ok=True)
    (tmp_path / "annotations" / "instances_train.json").write_bytes(content)
    assert opened(f"coco:{tmp_path}") is None


@RULES
@given(st.data())
def test_regions(tmp_path, data):
    write_coco(tmp_path, coco_content(3), folder="images")
    region = {"region_id": 1, "phrase": "a cat", "x": 1, "y": 2, "width": 5, "height": 6}
    images = [{"image_id": i, "width": 40, "height": 30, "url": f"a/{i}.png"} for i in range(3)]
    regions = [{"id": i, "regions": [region, region]} for i in range(3)]
    images, regions = changed(images, data), changed(regions, data)
    (tmp_path / "image_data.json").write_text(json.dumps(images))
    (tmp_path / "region_descriptions.json").write_text(json.dumps(regions))
    source = opened(f"regions:{tmp_path}")
    if source is not None and rows_of(source) < 6:
        listed = [r["regions"] for r in regions if isinstance(r, dict) and "regions" in r]
        fewer = sum(len(found) for found in listed if isinstance(found, list)) < 6
        assert source.defects or source.notes or fewer


TAGS = st.sampled_from(
    ["annotation", "object", "name", "bndbox", "xmin", "xmax", "size", "difficult", "x:y", "é"]
)
NODES = st.recursive(
    st.text(max_size=6) | st.floats().map(str) | st.integers().map(str),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", TAGS, st.lists(inner, max_size=4)
    ),
    max_leaves=10,
)


@RULES
@given(st.data())
def test_voc(data):
    root = Path(tempfile.mkdtemp())
    try:
        good = voc_xml([("cat", 1, 2, 9, 12)])
        write_voc(root, {"a": good, "b": good, "c": good})
        start = data.draw(st.integers(0, len(good)))
        end = data.draw(st.integers(start, min(len(good), start + 30)))
        content = good[:start] + data.draw(NODES | st.text(max_size=10)) + good[end:]
        content = content.encode(errors="replace") if data.draw(st.booleans()) else content
        path = root / "Annotations" / "a.xml"
        path.write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-16", "replace")
        )
        source = opened(f"voc:{root}")
        assert source is not None
        rows = rows_of(source)
        assert rows >= 2
        if sum(source.sizes.values()) < 3:
            assert len(source.defects) == 1 and source.defects[0].file.endswith("a.xml")
    finally:
        shutil.rmtree(root)
