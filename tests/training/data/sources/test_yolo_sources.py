"""YOLO text labels: layouts, lines, and their defects."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from training.data.sources import open_source
from training.data.sources.yolo.yolo_labels import read_labels
from zoo.errors import InputError

NAMES = ["cat", "dog", "bird"]
LINES = ["1 0.5 0.5 0.2 0.4", "0 0.25 0.5 0.5 1\n2 0.1 0.1 0.1 0.1", ""]


def write(root, images="images/train", labels="labels/train", lines=LINES, first=0, size=(80, 40)):
    """Writes images of 80×40 pixels with these label files; None writes no file."""
    (root / images).mkdir(parents=True, exist_ok=True)
    (root / labels).mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(lines, first):
        Image.new("RGB", size, (number, 0, 0)).save(root / images / f"{number}.png")
        if text is not None:
            (root / labels / f"{number}.txt").write_text(text)
    return root


def data(root, **content):
    (root / "data.yaml").write_text(yaml.safe_dump({"names": NAMES, **content}))
    return f"yolo:{root}"


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    return write(tmp_path, "images/val", "labels/val", first=3)


def samples(source, split="train"):
    return {Path(name).stem: sample for name, sample in source.samples(split)}


def refused(spec, *words):
    with pytest.raises(InputError) as caught:
        open_source(spec)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_boxes(root):
    source = open_source(data(root, path=".", train="images/train", val="images/val", nc=3))
    assert source.sizes == {"train": 3, "val": 3} and source.object_names == tuple(NAMES)
    assert source.notes == [] and source.defects == []
    found = samples(source)
    np.testing.assert_allclose(found["0"]["boxes"], [[32, 12, 48, 28]], atol=1e-4)
    np.testing.assert_allclose(found["1"]["boxes"], [[0, 0, 40, 40], [4, 2, 12, 6]], atol=1e-4)
    assert found["1"]["labels"].tolist() == [0, 2] and found["2"]["boxes"].shape == (0, 4)
    assert set(found["0"]) == set(source.keys) and "masks" not in source.keys
    assert samples(source, "val")["4"]["image"][0, 0, 0] == 4


LAYOUTS = {
    "by split": ("images/{}", "labels/{}"),
    "split first": ("{}/images", "{}/labels"),
    "side by side": ("{}", "{}"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_without_yaml(tmp_path, layout):
    images, labels = LAYOUTS[layout]
    write(tmp_path, images.format("train"), labels.format("train"))
    write(tmp_path, images.format("valid"), labels.format("valid"), first=3)
    source = open_source(f"yolo:{tmp_path}")
    assert source.sizes == {"train": 3, "val": 3}
    assert source.object_names == ("0", "1", "2") and "no class names" in source.notes[0]
    (tmp_path / "classes.txt").write_text("cat\ndog\nbird\n")
    named = open_source(f"yolo:{tmp_path}")
    assert named.object_names == tuple(NAMES) and named.notes == []
    np.testing.assert_allclose(samples(named)["0"]["boxes"], [[32, 12, 48, 28]], atol=1e-4)


def test_one_folder_is_split_by_lists_or_by_a_fraction(tmp_path):
    write(tmp_path, "images", "labels", LINES * 4)
    assert open_source(data(tmp_path, train="images")).sizes == {"train": 10, "val": 2}
    (tmp_path / "data.yaml").unlink()
    assert open_source(f"yolo:{tmp_path}?val=0.25").sizes == {"train": 9, "val": 3}
    (tmp_path / "train.txt").write_text("./images/0.png\n./images/1.png\n")
    (tmp_path / "val.txt").write_text("./images/2.png\n")
    for spec in (f"yolo:{tmp_path}", data(tmp_path, train="train.txt", val="val.txt")):
        source = open_source(spec)
        assert source.sizes == {"train": 2, "val": 1}
        assert samples(source)["1"]["labels"].tolist() == [0, 2]


def test_exports_for_another_folder(root):
    """Roboflow writes `../train/images`, others an absolute path of another machine."""
    spec = data(root, path="/somewhere/else", train="../images/train", val="../images/val")
    source = open_source(spec)
    assert source.sizes == {"train": 3, "val": 3}
    assert source.notes[0].startswith("path: /somewhere/else does not exist here")
    names = {0: "cat", 2: "bird", 1: "dog"}
    assert open_source(data(root, names=names, train="images/train")).object_names == tuple(NAMES)
    absolute = data(root, train=str(root / "images/train"), val=["images/val", "images/train"])
    assert open_source(absolute).sizes == {"train": 3, "val": 6}
    assert "3 images are repeated" in open_source(absolute).notes[0]


def test_outlines_become_masks(tmp_path):
    # A triangle over half of its box, and a box.
    write(tmp_path, lines=["0 0.1 0.1 0.6 0.1 0.1 0.9\n1 0.5 0.5 0.2 0.2", LINES[0]])
    source = open_source(f"yolo:{tmp_path}?val=0.5&split=block&mask_size=56")
    assert "masks" in source.keys
    sample = samples(source)["0"]
    np.testing.assert_allclose(sample["boxes"][0], [8, 4, 48, 36], atol=1e-4)
    assert sample["masks"].shape == (2, 56, 56)
    rows, columns = (np.arange(56)[:, None] + 0.5) / 56, (np.arange(56)[None] + 0.5) / 56
    inside = rows + columns < 1
    assert (sample["masks"][0] == inside).mean() > 0.96
    assert np.array_equal(np.unique(sample["masks"][0]), [0, 1])
    assert (sample["masks"][1] == 255).all() and not sample["difficult"].any()


def test_poses(tmp_path):
    write(tmp_path, lines=["0 0.5 0.5 0.5 0.5 0.25 0.5 2 0.75 0.5 1 0 0 0", None])
    shape = {"kpt_shape": [3, 3], "flip_idx": [1, 0, 2], "train": "images/train"}
    words = {"kpt_names": {0: ["l_eye", "r_eye", "tail"]}, "names": ["cat"]}
    source = open_source(data(tmp_path, **shape, **words) + "?val=0.5&split=block")
    assert source.keypoint_names == ("left eye", "right eye", "tail")
    assert source.flip_pairs == ((0, 1),)
    assert any("1 images have no label file" in note for note in source.notes)
    keypoints = samples(source)["0"]["keypoints"]
    np.testing.assert_allclose(keypoints, [[[20, 20, 2], [60, 20, 1], [0, 0, 0]]])
    assert samples(source, "val")["1"]["keypoints"].shape == (0, 3, 3)
    (tmp_path / "labels/train/0.txt").write_text("0 0.5 0.5 0.5 0.5 0.2 0.5 2 1.5 0.5 1 0 0 7")
    bad = open_source(data(tmp_path, **shape, names=["cat"]))
    assert len(bad.defects) == 2 and "keypoint 1 is (1.5, 0.5)" in bad.defects[0].problem
    assert bad.keypoint_names == ("keypoint 0", "keypoint 1", "keypoint 2")


DEFECTS = {
    "word": ("0 0.5 x 0.1 0.1", "line 2", "'x' is not a number", "object"),
    "negative class": ("-1 0.5 0.5 0.1 0.1", "line 2", "class -1 is not a class index", "object"),
    "half a class": ("0.5 0.5 0.5 0.1 0.1", "line 2", "class 0.5 is not a class index", "object"),
    "class beyond": ("3 0.5 0.5 0.1 0.1", "line 2", "class 3 does not exist", "object"),
    "short": ("0 0.5 0.5 0.1", "line 2", "3 numbers after the class", "object"),
    "score": ("0 0.5 0.5 0.1 0.1 0.9", "line 2", "as in predictions", "object"),
    "odd outline": ("0 .1 .1 .2 .1 .2 .2 .3", "line 2", "7 numbers after the class", "object"),
    "twice": (LINES[0], "line 2", "the same as line 1", "object"),
    "no area": ("0 0.5 0.5 0 0.1", "line 2", "has no area", "object"),
    "swapped": ("0 0.5 0.5 -0.1 0.1", "line 2", "corners swapped", "object"),
    "not finite": ("0 0.5 nan 0.1 0.1", "line 2", "not finite", "object"),
    "infinite outline": ("0 .1 .1 .2 .1 inf .2", "line 2", "not finite", "object"),
    "pixels": ("0 40 20 10 10", "line 2", "is outside the image (0…1)", "object"),
    "reaches out": ("0 0.95 0.5 0.2 0.1", "line 2", "extends beyond the image", "part"),
}
REGIONS = ("negative class", "half a class", "class beyond", "score", "swapped")


@pytest.mark.parametrize("case", DEFECTS)
def test_defects_have_file_and_line(root, case):
    line, record, words, drop = DEFECTS[case]
    spec = data(root, train="images/train", val="images/val")
    (root / "labels/train/0.txt").write_text(f"{LINES[0]}\n{line}")
    source = open_source(spec)
    (defect,) = source.defects
    assert (defect.split, defect.record, defect.drop) == ("train", record, drop)
    assert defect.file.endswith("labels/train/0.txt") and words in defect.problem, defect.problem
    assert defect.remedy
    found = samples(source)["0"]
    valid = (found["labels"] >= 0) & ~found["difficult"]
    assert valid.sum() == (2 if drop == "part" or case == "twice" else 1)
    assert (found["boxes"][valid] >= 0).all() and (found["boxes"][:, 2] <= 80).all()
    cleaned = open_source(spec + "?drop_bad=1")
    assert cleaned.defects == [] and f"dropped 1 {drop}" in cleaned.notes[-1]
    kept = samples(cleaned)["0"]
    assert (kept["labels"] >= 0).all()
    # Where the box is valid, its region is ignored, dropped or not.
    assert found["difficult"].sum() == (case in REGIONS)
    assert kept["difficult"].sum() == (case in REGIONS)


def test_missing_files_are_counted(root):
    (root / "labels/train/1.txt").unlink()
    (root / "labels/train/99.txt").write_text("")
    source = open_source(data(root, train="images/train", val="images/val"))
    assert source.notes == [
        "1 images have no label file, so no objects.",
        "1 label files of images in no split are not read.",
    ]
    assert samples(source)["1"]["labels"].shape == (0,)
    (root / "labels/train/0.txt").write_bytes(b"\xff\xfe")
    spec = data(root, train="images/train", val="images/val")
    assert "not a text file" in open_source(spec).defects[0].problem
    assert open_source(spec + "?drop_bad=1").sizes["train"] == 2


def test_unusable_folders_and_yaml(root, tmp_path):
    both = {"train": "images/train", "val": "images/val"}
    refused(data(root, train="images/no"), "train: no folder or list images/no in")
    refused(data(root, train="/etc"), "train: no folder or list /etc in")
    refused(data(root, train=[["images/train"]]), "train must be a folder or a list, not")
    refused(data(root), "no train and no val")
    refused(data(root, **both, nc=4), "nc is 4, but there are 3 names")
    refused(data(root, **both, names={"a": 1}), "names must be a list or a mapping")
    refused(data(root, **both, names={10**9: "a"}), "names must be a list or a mapping")
    refused(data(root, **both, names=[["a"]]), "every class name must be a string")
    refused(data(root, **both, kpt_shape=[3]), "kpt_shape must be [keypoints, 2 or 3], not [3]")
    refused(data(root, **both, kpt_shape=[2, 3], flip_idx=[0, 0]), "flip_idx must name each")
    refused(
        data(root, **both, kpt_shape=[3, 3], flip_idx=[1, 2, 0]),
        "flip_idx must swap keypoints in pairs",
    )
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nnames: *b\ntrain: images/train\n"
    for text, words in {
        bomb: "aliases (*name) are not supported",
        "names: [a": "not YAML",
        "- a": "write train:, val: and names:",
        "!!python/object/apply:os.system ['ls']": "YAML tags (!!python",
        "names: 2020-99-99": "names must be a list",
        "names: [a]\nnames: [b]": "line 2: a second names",
        "\0": "not YAML",
    }.items():
        (root / "data.yaml").write_text(text)
        refused(f"yolo:{root}", "data.yaml", words)
    (root / "more.yaml").write_text("names: [a]\ntrain: images/train")
    assert open_source(f"yolo:{root}?data=more.yaml").object_names == ("a",)
    refused(f"yolo:{root}?data=../x.yaml", "leaves the data folder")
    (root / "data.yaml").rename(root / "other.yaml")
    refused(f"yolo:{root}", "several YAML files (more.yaml, other.yaml)")
    refused(f"yolo:{tmp_path / 'labels'}", "labels: no images in it")


def test_pixels_and_images_without_labels_are_refused(tmp_path):
    write(tmp_path / "a", lines=["0 40 20 10 10", "0 30 20 10 10"])
    refused(f"yolo:{tmp_path / 'a'}", "pixels instead of fractions")
    write(tmp_path / "b", lines=[None, None])
    refused(f"yolo:{tmp_path / 'b'}", "none of 2 images has a label file")
    write(tmp_path / "c", lines=["900000 0.5 0.5 0.1 0.1", ""])
    refused(f"yolo:{tmp_path / 'c'}", "class 900000", "name the classes")


WORDS = st.sampled_from(["0", "1", "0.5", "-1", "1e999", "nan", "x", "é", "2", "0.1", "\0", "1_0"])


@given(st.lists(st.lists(WORDS, max_size=16), max_size=6), st.sampled_from([None, (2, 3), (4, 2)]))
@settings(max_examples=300, deadline=None)
def test_every_line_is_an_annotation_or_a_defect(lines, keypoints):
    text = "\n".join(" ".join(line) for line in lines)
    labels = read_labels(text, 2, keypoints)
    read = {item.name for item in labels.annotations} | {d.record for d in labels.defects}
    assert read == {f"line {number}" for number, line in enumerate(lines, 1) if line}
    for item in labels.annotations:
        assert 0 <= item.label < 2 or (item.label == -1 and item.difficult)
        assert len(item.box) == 4
        assert not keypoints or item.difficult or len(item.keypoints) == 3 * keypoints[0]


QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIET
@given(text=st.text(max_size=60), as_yaml=st.booleans())
def test_any_text_is_read_or_refused(tmp_path, text, as_yaml):
    write(tmp_path, lines=LINES[:2])
    file = "data.yaml" if as_yaml else "labels/train/0.txt"
    (tmp_path / "data.yaml").write_text("names: [a, b]\ntrain: images/train")
    (tmp_path / file).write_bytes(text.encode(errors="surrogatepass"))
    try:
        source = open_source(f"yolo:{tmp_path}")
        for split in source.sizes:
            assert all(np.isfinite(s["boxes"]).all() for _, s in source.samples(split))
    except InputError as error:
        assert "\n" not in str(error)
