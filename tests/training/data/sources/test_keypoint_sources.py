"""Poses from tables and MATLAB files become the same samples."""

import csv
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from training.data.shapes.figure_poses import JOINT_PAIRS, JOINTS
from training.data.sources import open_source
from training.data.sources.keypoints.keypoint_names import (
    pairs_of,
    plain_names,
    read_pairs,
    skeleton_of,
)
from training.data.sources.keypoints.pose_mat import MPII_JOINTS
from zoo.errors import InputError

HEAD = "name,l_hip_x,l_hip_y,l_hip_v,r_hip_x,r_hip_y,r_hip_v,head_x,head_y,head_v"
LINES = [f"p{i},{10 + i},20,1,30,{22 + i},1,20,5,1" for i in range(6)]


def make_images(root: Path, names, size=(60, 50)) -> Path:
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", size, (number, 2, 3)).save(root / "images" / name)
    return root


@pytest.fixture
def root(tmp_path):
    make_images(tmp_path, [f"p{i}.png" for i in range(6)])
    return tmp_path


def table(root, *lines, head=HEAD, name="poses.csv"):
    (root / name).write_text("\n".join([head, *(lines or LINES)]))
    return f"keypoints:{root}"


def everything(source):
    return {
        Path(name).stem: sample for split in source.sizes for name, sample in source.samples(split)
    }


def refused(spec, *words):
    with pytest.raises(InputError) as caught:
        open_source(spec)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_a_table(root):
    source = open_source(table(root) + "?margin=0.25")
    assert source.sizes == {"train": 5, "val": 1} and source.defects == []
    assert source.keypoint_names == ("left hip", "right hip", "head")
    assert source.flip_pairs == ((0, 1),) and source.skeleton == ((0, 1),)
    assert source.notes == ["visibility is read as marked."]
    sample = everything(source)["p2"]
    assert set(sample) == set(source.keys) == {"image", "keypoints", "box"}
    assert sample["image"].shape == (50, 60, 3) and sample["image"][0, 0, 0] == 2
    np.testing.assert_array_equal(sample["keypoints"], [[12, 20, 2], [30, 24, 2], [20, 5, 2]])
    # 18 × 19 pixels with a margin of a quarter of the longer side, clipped to the image.
    np.testing.assert_allclose(sample["box"], [12 - 4.75, 5 - 4.75, 30 + 4.75, 24 + 4.75])
    assert sample["keypoints"].dtype == sample["box"].dtype == np.float32


MEANINGS = {
    "coco": {0: 0, 1: 1, 2: 2},
    "marked": {0: 0, 1: 2},
    "visible": {0: 1, 1: 2},
    "occluded": {0: 2, 1: 1},
}


@pytest.mark.parametrize("visibility", MEANINGS)
def test_meanings_of_visibility_flags(root, visibility):
    marks = sorted(MEANINGS[visibility])
    lines = [f"p{i},10,20,{mark},30,22,{marks[-1]},20,5,1" for i, mark in enumerate(marks)]
    source = open_source(table(root, *lines) + f"?visibility={visibility}")
    for i, mark in enumerate(marks):
        row = everything(source)[f"p{i}"]["keypoints"][0]
        expected = MEANINGS[visibility][mark]
        assert row.tolist() == ([10, 20, expected] if expected else [0, 0, 0])
    others = [note for note in source.notes if "in no list or table and not read" not in note]
    assert others == [] and len(source.notes) == 1
    if visibility == "coco":
        # Recognized by its twos.
        assert "visibility is read as coco." in open_source(table(root, *lines)).notes


def test_empty_fields_labels_boxes_and_splits(root):
    head = "Image;Split;left_knee.x;left_knee.y;right_knee.x;right_knee.y;class;xmin;ymin;xmax;ymax"
    lines = [
        "p0.png;train;1;2;3;4;kick;0;1;5;7",
        "images/p1.png;valid;;;3;4;stand;;;;",
        "p2;test;nan;nan;3;44;kick;0;1;70;80",
    ]
    source = open_source(table(root, *lines, head=head))
    assert source.sizes == {"train": 1, "val": 1, "test": 1} and source.defects == []
    assert source.label_names == ("kick", "stand") and source.flip_pairs == ((0, 1),)
    samples = everything(source)
    assert [int(samples[f"p{i}"]["label"]) for i in range(3)] == [0, 1, 0]
    np.testing.assert_array_equal(samples["p0"]["box"], [0, 1, 5, 7])
    np.testing.assert_array_equal(samples["p1"]["keypoints"], [[0, 0, 0], [3, 4, 2]])
    np.testing.assert_allclose(samples["p1"]["box"], [2.9, 3.9, 3.1, 4.1], atol=1e-5)
    np.testing.assert_array_equal(samples["p2"]["box"], [0, 1, 60, 50])


def test_lists_of_names(root):
    (root / "train.txt").write_text("p0\np1.png\n")
    (root / "val.txt").write_text("images/p3.png\n")
    source = open_source(table(root))
    assert source.sizes == {"train": 2, "val": 1}
    assert "3 images are not listed in any split and were not read." in source.notes
    (root / "val.txt").write_text("p9\n")
    source = open_source(table(root))
    assert source.sizes == {"train": 2, "val": 0}
    assert "val.txt: line 1: no image fits 'p9'" in str(source.defects[0])


def test_people_of_one_image_stay_together(root):
    lines = [line for line in LINES for _ in range(3)]
    source = open_source(table(root, *lines) + "?val=0.5")
    assert source.sizes == {"train": 9, "val": 9}
    names = {split: {name for name, _ in source.samples(split)} for split in source.sizes}
    assert len(names["train"]) == len(names["val"]) == 3 and not names["train"] & names["val"]


DEFECTS = {
    "word": ("p0,x,20,1,30,22,1,20,5,1", "l_hip_x (keypoint 0) is 'x'", "part"),
    "infinite": ("p0,inf,20,1,30,22,1,20,5,1", "left hip is marked but at (inf, 20)", "part"),
    "no number": ("p0,nan,20,1,30,22,1,20,5,1", "left hip is marked but at (nan, 20)", "part"),
    "mark": ("p0,10,20,7,30,22,1,20,5,1", "visibility of left hip must be 0 or 1, not 7", "part"),
    "outside": ("p0,-30,20,1,30,22,1,20,5,1", "keypoint 0 at (-30, 20)", "part"),
    "short line": ("p0,10,20", "3 fields, but the header has 10", "image"),
    "nobody": ("p0,1,1,0,1,1,0,1,1,0", "no keypoints", "image"),
    "no name": (",10,20,1,30,22,1,20,5,1", "no image", "image"),
    "no image": ("p77,10,20,1,30,22,1,20,5,1", "no such image", "image"),
}


@pytest.mark.parametrize("case", DEFECTS)
def test_defects_have_line_and_remedy(root, case):
    line, words, drop = DEFECTS[case]
    source = open_source(table(root, *LINES[1:], line))
    found = [defect for defect in source.defects if words in defect.problem]
    assert len(found) == 1, source.defects
    defect = found[0]
    assert defect.file.endswith("poses.csv") and defect.record.startswith("line 7")
    assert defect.drop == drop and defect.remedy
    cleaned = open_source(table(root, *LINES[1:], line) + "?drop_bad=1")
    assert cleaned.defects == []
    assert any("dropped 1" in note for note in cleaned.notes), cleaned.notes
    remaining = sum(cleaned.sizes.values())
    assert remaining == (6 if drop == "part" else 5)
    if case not in ("no image",):
        for sample in everything(source).values():
            assert np.isfinite(sample["keypoints"]).all() and np.isfinite(sample["box"]).all()


def test_a_bad_box_removes_its_keypoints(root):
    head = HEAD + ",x0,y0,x1,y1"
    lines = [line + ",5,2,40,30" for line in LINES[1:]] + [LINES[0] + ",9,9,9,20"]
    source = open_source(table(root, *lines, head=head))
    (defect,) = source.defects
    assert "has no area" in defect.problem and defect.record.startswith("line 7")
    sample = everything(source)["p0"]
    assert not sample["box"].any() and not sample["keypoints"].any()
    dropped = open_source(table(root, *lines, head=head) + "?drop_bad=1")
    assert sum(dropped.sizes.values()) == 5 and "1 image" in dropped.notes[-1]


def test_invalid_tables(root):
    refused(table(root, head="name,a,b"), "poses.csv: no column NAME_x", "NAME_v")
    refused(table(root, head="who,a_x,a_y"), "poses.csv: no column image")
    refused(table(root, head="name,a_x,b_x,b_y"), "keypoint a has no column y")
    refused(table(root, head="name,a_x,A_X,a_y"), "two columns are named 'a_x'")
    refused(table(root, "../../p9,1,2", "p2,1,2", head="name,a_x,a_y"), "line 2", "leaves the data")
    refused(table(root, 'p1,"1,2', head="name,a_x,a_y"), "poses.csv: line 2: unexpected end")
    refused(table(root, head=HEAD) + "?visibility=yes", "visibility must be 'coco', ")
    refused(table(root) + "?margin=-1", "margin must be from 0 to 10")
    refused(table(root) + "?pairs=0-9", "pairs must be pairs of keypoint indices from 0 to 2")
    refused(table(root) + "?table=no.csv", "table=no.csv: no such file")
    table(root, name="more.csv")
    refused(f"keypoints:{root}", "several tables of poses (more.csv, poses.csv)", "table=FILE")
    assert open_source(f"keypoints:{root}?table=more.csv").sizes
    (root / "poses.csv").write_bytes(b"\xff\xfe\x00")
    refused(f"keypoints:{root}?table=poses.csv", "poses.csv: not a text file in UTF-8")
    for path in root.glob("*.csv"):
        path.unlink()
    refused(f"keypoints:{root}", "no CSV table of poses and 0 MATLAB files")


def test_names_that_fit_two_images(root):
    make_images(root, ["p1.jpg"])
    refused(table(root), "line 3: p1 fits images/p1.", "write the whole name")
    assert open_source(table(root, *(line.replace("p1,", "p1.jpg,") for line in LINES))).sizes


def test_keypoint_names():
    assert plain_names(["r_ankle", "l_ankle", "neck"]) == ("right ankle", "left ankle", "neck")
    assert plain_names(["r_wheel"]) == ("r wheel",)
    assert words_apart(pairs_of(["leftHip", "RightHip", "nose"])) == [(0, 1)]
    assert words_apart(pairs_of(["hip_right", "nose", "hip_left"])) == [(2, 0)]
    assert pairs_of(["nose", "neck"]) is None and pairs_of(["left_eye", "nose"]) is None
    assert {frozenset(pair) for pair in pairs_of(JOINTS)} == {frozenset(p) for p in JOINT_PAIRS}
    assert {frozenset(pair) for pair in pairs_of(MPII_JOINTS)} == {
        frozenset(pair) for pair in [(0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)]
    }
    assert read_pairs("0-5, 1-4", 6, "pairs") == ((0, 5), (1, 4))
    assert read_pairs("none", 6, "pairs") == ()
    for text in ("0", "0-", "0-6", "a-b", "0-1;2-3", "-1-2", ""):
        with pytest.raises(InputError, match="must be pairs of keypoint indices"):
            read_pairs(text, 6, "pairs")


def words_apart(pairs):
    return [tuple(pair) for pair in pairs]


def test_skeletons_are_connected():
    """Every keypoint of both skeletons is connected to every other."""
    for names in (JOINTS, MPII_JOINTS):
        limbs = skeleton_of(names)
        reached, edge = {0}, {0}
        while edge:
            edge = {b for pair in limbs for a, b in (pair, pair[::-1]) if a in edge} - reached
            reached |= edge
        assert reached == set(range(len(names)))
        for start, end in limbs:
            sides = {word for i in (start, end) for word in names[i].split()} & {"left", "right"}
            assert len(sides) < 2 or {names[i].split()[-1] for i in (start, end)} == {"hip"}


def test_flips_without_pairs_are_refused(root):
    from training.data.augment import Augmentation, augment

    source = open_source(table(root, "p0,1,2", "p1,1,2", head="name,tip_x,tip_y"))
    assert source.flip_pairs is None and any("pairs=none" in note for note in source.notes)
    _, sample = next(source.samples("train"))
    with pytest.raises(InputError, match="flip_pairs"):
        augment(
            sample,
            (1, 2),
            Augmentation(flip_horizontal=0.5),
            (20, 20),
            flip_pairs=source.flip_pairs,
        )
    free = open_source(table(root, "p0,1,2", "p1,1,2", head="name,tip_x,tip_y") + "?pairs=none")
    assert free.flip_pairs == ()


def lsp(count):
    random = np.random.default_rng(count)
    joints = random.uniform(1, 45, (14, 3, count))
    joints[:, 2] = random.integers(0, 2, (14, count))
    joints[0, 2] = 1
    return joints


@pytest.mark.parametrize("layout", ["extended", "original"])
def test_leeds_sports_pose(tmp_path, layout):
    joints = lsp(4)
    make_images(tmp_path, [f"im{i:04d}.jpg" for i in range(1, 5)])
    stored = joints if layout == "extended" else joints.transpose(1, 0, 2)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": stored})
    source = open_source(f"keypoints:{tmp_path}?val=0.25")
    assert source.keypoint_names == JOINTS and len(source.flip_pairs) == 6
    samples = everything(source)
    for i in range(4):
        expected = joints[:, :, i] * [1, 1, 2]
        expected[joints[:, 2, i] == 0] = 0
        np.testing.assert_allclose(samples[f"im{i + 1:04d}"]["keypoints"], expected, rtol=1e-6)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": stored, "ids": [[4, 2, 9, 1]]})
    source = open_source(f"keypoints:{tmp_path}?drop_bad=1")
    assert any("dropped 1 image" in note for note in source.notes)
    fourth = everything(source)["im0004"]["keypoints"]
    np.testing.assert_allclose(fourth[0], joints[0, :, 0] * [1, 1, 2], rtol=1e-6)


def structs(*rows):
    """A MATLAB struct array."""
    array = np.zeros((1, len(rows)), [(name, object) for name in rows[0]])
    for i, row in enumerate(rows):
        array[0, i] = tuple(row.values())
    return array


def mpii(tmp_path):
    """Writes a file as MPII's: nested struct arrays, absent values as empty matrices."""
    none = np.zeros((0, 0))

    def person(*points):
        rows = [{"x": float(x), "y": float(y), "id": i, "is_visible": v} for i, x, y, v in points]
        return {"scale": 1.5, "annopoints": structs({"point": structs(*rows)})}

    first = person((6, 20, 30, 1), (9, 21, 8, none), (0, 5, 40, "0"))
    second = person((15, 3, 4, "1"))
    nobody = {"scale": 2.0, "annopoints": none}
    annolist = structs(
        {"image": structs({"name": "a.jpg"}), "annorect": structs(first, second, nobody)},
        {"image": structs({"name": "b.jpg"}), "annorect": structs(first)},
        {"image": structs({"name": "test.jpg"}), "annorect": none},
    )
    release = structs({"annolist": annolist, "img_train": np.array([[1, 1, 0]])})
    scipy.io.savemat(tmp_path / "mpii.mat", {"RELEASE": release})
    make_images(tmp_path, ["a.jpg", "b.jpg", "test.jpg"])


def test_mpii(tmp_path):
    mpii(tmp_path)
    source = open_source(f"keypoints:{tmp_path}?val=0.5")
    assert sorted(source.sizes.items()) in (
        [("train", 1), ("val", 2)],
        [("train", 2), ("val", 1)],
    )
    assert source.keypoint_names == MPII_JOINTS
    assert "1 people without joints were not read." in source.notes and source.defects == []
    people = [s["keypoints"] for split in source.sizes for _, s in source.samples(split)]
    firsts = [person for person in people if person[6, 2]]
    assert len(firsts) == 2
    for person in firsts:
        # No flag is visible; a flag of 0 is hidden; a joint that is not listed is absent.
        assert person[9].tolist() == [21, 8, 2] and person[0].tolist() == [5, 40, 1]
        assert person[6].tolist() == [20, 30, 2] and (person[:, 2] > 0).sum() == 3
    (second,) = (person for person in people if not person[6, 2])
    assert second[15].tolist() == [3, 4, 2]


def test_invalid_matlab_files(tmp_path):
    make_images(tmp_path, ["im1.jpg", "im2.jpg"])
    path = tmp_path / "joints.mat"
    for content, words in {
        "wrong": (
            {"joints": np.zeros((13, 3, 2))},
            "the shape of joints must be 14×3×N (x, y, visibility), not 13×3×2",
        ),
        "two": ({"joints": np.zeros((14, 3))}, ", not 14×3"),
        "other": ({"points": [1]}, "no variable joints"),
        "ids": ({"joints": np.zeros((14, 3, 2)), "ids": [1]}, "ids must have 2 entries, not 1"),
        "more": ({"joints": np.zeros((14, 3, 5))}, "5 people but 2 images"),
        "release": ({"RELEASE": {"annolist": 3}}, "RELEASE has no annolist"),
    }.values():
        scipy.io.savemat(path, content)
        refused(f"keypoints:{tmp_path}", "joints.mat", words)
    for content in (b"", b"no matlab", b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\x00\x02IM"):
        path.write_bytes(content)
        refused(f"keypoints:{tmp_path}", "joints.mat", "MATLAB")


def outcome(spec):
    """Opens and reads a data set; None if it is refused in one line."""
    try:
        source = open_source(spec)
        samples = [sample for split in source.sizes for _, sample in source.samples(split)]
    except InputError as error:
        assert "\n" not in str(error)
        return None
    for sample in samples:
        assert np.isfinite(sample["keypoints"]).all() and np.isfinite(sample["box"]).all()
    return source


QUIET = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FIELDS = st.sampled_from(
    ["", "p1", "p2.png", "../x", "1", "2", "-3", "1e400", "nan", "x", '"', "\0", "é", "0", "a,b"]
)


@QUIET
@given(rows=st.lists(st.lists(FIELDS, max_size=11), max_size=5))
def test_any_table_is_read_or_refused(tmp_path, rows):
    make_images(tmp_path, ["p1.png", "p2.png"])
    outcome(table(tmp_path, *(",".join(row) for row in rows)))


@QUIET
@given(text=st.text(max_size=80))
def test_any_text_is_read_or_refused(tmp_path, text):
    make_images(tmp_path, ["p1.png", "p2.png"])
    (tmp_path / "poses.csv").write_bytes(text.encode(errors="surrogatepass"))
    outcome(f"keypoints:{tmp_path}")


@settings(QUIET, max_examples=100)
@given(position=st.integers(0, 2000), byte=st.integers(1, 255), length=st.integers(0, 3000))
@example(position=688, byte=20, length=0)
def test_any_damaged_matlab_file_is_read_or_refused(tmp_path, position, byte, length):
    if not (tmp_path / "whole").exists():
        mpii(tmp_path)
        (tmp_path / "mpii.mat").rename(tmp_path / "whole")
    content = bytearray((tmp_path / "whole").read_bytes())
    content[position % len(content)] ^= byte
    (tmp_path / "mpii.mat").write_bytes(bytes(content[: length % (len(content) + 1) or None]))
    try:
        open_source(f"keypoints:{tmp_path}")
    except InputError as error:
        assert "\n" not in str(error)


def test_lspet(shared_data):
    root = shared_data / "lspet_subset"
    source = open_source(f"keypoints:{root}")
    assert source.sizes == {"train": 800, "val": 200} and source.defects == []
    assert source.keypoint_names == JOINTS
    assert {frozenset(p) for p in source.flip_pairs} == {frozenset(p) for p in JOINT_PAIRS}
    with (root / "joints.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(source.check_image_headers("val")) == []
    for name, sample in source.samples("val"):
        row = rows[Path(name).stem]
        assert row["split"] == "val"
        height, width = sample["image"].shape[:2]
        first, last = sample["keypoints"][0], sample["keypoints"][13]
        assert first[:2] == pytest.approx([float(row["r_ankle_x"]), float(row["r_ankle_y"])])
        assert last[:2] == pytest.approx([float(row["head_top_x"]), float(row["head_top_y"])])
        points, (x0, y0, x1, y1) = sample["keypoints"], sample["box"]
        assert (points[:, 2] == 2).all()
        assert (points[:, :2] > [x0, y0]).all() and (points[:, :2] < [x1, y1]).all()
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    # The MATLAB file equals the table, which is rounded to hundredths.
    other = open_source(f"keypoints:{root}?table=joints.mat")
    assert other.sizes == source.sizes
    from_matlab = dict(other.samples("val"))
    for name, sample in source.samples("val"):
        np.testing.assert_allclose(from_matlab[name]["keypoints"], sample["keypoints"], atol=0.006)
