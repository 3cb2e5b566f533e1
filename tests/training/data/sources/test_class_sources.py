"""Images of one class each, in every layout, with one box and a trimap."""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from training.data.sources import open_source
from zoo.errors import InputError


def write(folder, count, first=0, ending="png", size=(12, 9)):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        Image.new("RGB", size, (number, 1, 1)).save(folder / f"{number}.{ending}")
    return folder


def everything(source):
    return {
        "/".join(Path(name).parts[-2:]): (split, sample)
        for split in source.sizes
        for name, sample in source.samples(split)
    }


def refused(spec, *words):
    with pytest.raises(InputError) as caught:
        open_source(spec)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("base", ["", "images"])
@pytest.mark.parametrize("other", ["validation", "test", None])
def test_one_folder_per_class(tmp_path, base, other):
    root = tmp_path / base
    for split, first in (("train", 0), *([(other, 10)] if other else [])):
        for index, name in enumerate(("cat10", "cat9", "a dog/deep")):
            write(root / split / name, 4, first + 20 * index)
    source = open_source(f"classes:{tmp_path}")
    # Class names are in natural order; images in sub-folders belong to the class above.
    assert source.label_names == ("a dog", "cat9", "cat10") and source.notes == []
    expected = {"train": 12, {"validation": "val"}.get(other, "test"): 12} if other else None
    assert source.sizes == (expected or {"train": 9, "val": 3})
    for name, (_, sample) in everything(source).items():
        folder = name.split("/")[0]
        assert source.label_names[sample["label"]] == {"deep": "a dog"}.get(folder, folder)
        assert set(sample) == set(source.keys) == {"image", "label"}
        assert sample["label"].dtype == np.int32 and sample["image"].shape == (9, 12, 3)


def test_a_fixed_fraction_of_each_class_is_for_validation(tmp_path):
    for name, count in (("many", 20), ("few", 5), ("one", 1)):
        write(tmp_path / name, count)
    source = open_source(f"classes:{tmp_path}?val=0.2")
    found = Counter((split, int(s["label"])) for split, s in everything(source).values())
    names = source.label_names
    assert names == ("few", "many", "one")
    assert found == {
        ("train", 0): 4,
        ("val", 0): 1,
        ("train", 1): 16,
        ("val", 1): 4,
        ("train", 2): 1,
    }
    again = open_source(f"classes:{tmp_path}?val=0.2")
    assert [n for n, _ in source.samples("val")] == [n for n, _ in again.samples("val")]
    block = open_source(f"classes:{tmp_path}?val=0.2&split=block")
    assert {Path(n).stem for n, _ in block.samples("val")} == {"4", "16", "17", "18", "19"}


def test_notes_count_other_files_and_name_empty_folders(tmp_path):
    write(tmp_path / "cat", 3)
    write(tmp_path / "dog", 3)
    (tmp_path / "cat/notes.doc").write_text("")
    (tmp_path / "cat/x.heic").write_text("")
    (tmp_path / "bird").mkdir()
    (tmp_path / ".cache").mkdir()
    source = open_source(f"classes:{tmp_path}")
    assert source.label_names == ("cat", "dog")
    assert source.notes[0] == "folders without images: bird."
    assert "1 .doc" in source.notes[1] and "1 .heic" in source.notes[1]
    ordered = open_source(f"classes:{tmp_path}?classes=dog, cat")
    assert ordered.label_names == ("dog", "cat")
    only = open_source(f"classes:{tmp_path}?classes=dog")
    assert len(only.defects) == 3 and "class 'cat' is not one of" in only.defects[0].problem
    assert sum(only.sizes.values()) == 3


def test_file_names_in_any_encoding(tmp_path):
    import os

    write(tmp_path / "é 漢", 2)
    write(tmp_path / "b", 2)
    name = os.fsencode(tmp_path / "b") + b"/\xff\xfe.png"
    os.rename(os.fsencode(tmp_path / "b" / "0.png"), name)
    source = open_source(f"classes:{tmp_path}?val=0.5")
    found = [name for split in source.sizes for name, _ in source.samples(split)]
    assert len(found) == 4 and any("\ufffd" in name for name in found)


@pytest.mark.parametrize("line", ["{}.png dog", "images/{}.png dog", "{} dog", "{} 1", "{}\t1"])
def test_lists(tmp_path, line):
    write(tmp_path / "images", 4)
    zero = "0 0" if line.endswith("1") else "0 cat"
    (tmp_path / "train.txt").write_text(f"{zero}\n\n{line.format(1)}\n")
    (tmp_path / "val.txt").write_text(f"{line.format(2)}\n{line.format(3)}\n")
    source = open_source(f"classes:{tmp_path}")
    assert source.sizes == {"train": 2, "val": 2}
    assert source.label_names == (("0", "1") if line.endswith("1") else ("cat", "dog"))
    assert [int(s["label"]) for _, s in source.samples("train")] == [0, 1]
    assert [int(s["label"]) for _, s in source.samples("val")] == [1, 1]
    (tmp_path / "classes.txt").write_text("cat\ndog\nbird\n")
    named = open_source(f"classes:{tmp_path}")
    assert named.label_names == ("cat", "dog", "bird")
    assert [int(s["label"]) for _, s in named.samples("val")] == [1, 1]


def test_class_indices_are_named_as_their_images(tmp_path):
    for name in ("big_cat_1", "big_cat_22", "Dog-3", "Dog-4"):
        write(tmp_path / "images", 1)
        (tmp_path / "images/0.png").rename(tmp_path / f"images/{name}.png")
    lines = "big_cat_1 0\nbig_cat_22 0\nDog-3 1\nDog-4 1\n"
    (tmp_path / "train.txt").write_text(lines)
    source = open_source(f"classes:{tmp_path}")
    assert source.label_names == ("big_cat", "Dog") and "from the image names" in source.notes[0]
    (tmp_path / "train.txt").write_text(lines.replace("Dog-4 1", "Dog-4 0"))
    assert open_source(f"classes:{tmp_path}").label_names == ("0", "1")


def test_tables_with_splits_and_boxes(tmp_path):
    write(tmp_path, 4, size=(30, 20))
    head = "filename,class,split,xmin,ymin,xmax,ymax"
    rows = ["0.png,dog,train,1,2,11,12", "1,cat,train,0,0,30,20", "2,cat,val,5,5,40,15"]
    (tmp_path / "labels.csv").write_text("\n".join([head, *rows, "3,dog,val,,,,"]))
    source = open_source(f"classes:{tmp_path}")
    assert source.keys == ("image", "label", "box") and source.label_names == ("cat", "dog")
    assert source.sizes == {"train": 2, "val": 2}
    (defect,) = source.defects
    assert (defect.record, defect.problem, defect.drop) == ("line 5", "no box", "image")
    found = everything(source)
    boxes = {Path(name).stem: sample["box"].tolist() for name, (_, sample) in found.items()}
    assert boxes == {"0": [1, 2, 11, 12], "1": [0, 0, 30, 20], "2": [5, 5, 30, 15], "3": [0] * 4}
    cleaned = open_source(f"classes:{tmp_path}?drop_bad=1")
    assert cleaned.sizes == {"train": 2, "val": 1} and cleaned.defects == []
    # One table per split, by the files' names.
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "train.csv").write_text("image;label\n0;a\n1;b")
    (tmp_path / "test.csv").write_text("image;label\n2;a")
    (tmp_path / "other.csv").write_text("a,b\n")
    split = open_source(f"classes:{tmp_path}")
    assert split.sizes == {"train": 2, "test": 1} and split.keys == ("image", "label")
    assert split.notes == [
        "other.csv has no columns image and label and was not read.",
        "1 image is in no list or table and not read, such as 3.png.",
    ]


XML = """<annotation><size><width>{w}</width><height>9</height></size>{objects}</annotation>"""
OBJECT = """<object><name>cat</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>{right}</xmax>
<ymax>9</ymax></bndbox></object>"""


@pytest.fixture
def pets(tmp_path):
    write(tmp_path / "images", 4)
    (tmp_path / "annotations/xmls").mkdir(parents=True)
    (tmp_path / "annotations/trimaps").mkdir()
    trimap = np.full((9, 12), 2, np.uint8)
    trimap[3:8, 2:7], trimap[4:7, 3:6] = 3, 1
    for i in range(4):
        text = XML.format(w=12, objects=OBJECT.format(right=10))
        (tmp_path / f"annotations/xmls/{i}.xml").write_text(text)
        Image.fromarray(trimap).save(tmp_path / f"annotations/trimaps/{i}.png")
    (tmp_path / "train.txt").write_text("0 cat\n1 dog\n2 cat\n")
    (tmp_path / "val.txt").write_text("3 dog\n")
    return tmp_path


def test_boxes_and_trimaps(pets):
    source = open_source(f"classes:{pets}")
    assert source.keys == ("image", "label", "box", "segmentation") and source.defects == []
    assert source.class_names == ("background", "object")
    assert source.notes == [
        "boxes are read from annotations/xmls.",
        "trimaps are read from annotations/trimaps.",
    ]
    _, sample = next(source.samples("val"))
    assert source.label_names[sample["label"]] == "dog" and set(sample) == set(source.keys)
    # Pixels 2…10 × 3…9, counted from 1 and the last included.
    np.testing.assert_array_equal(sample["box"], [1, 2, 10, 9])
    assert Counter(sample["segmentation"].ravel().tolist()) == {0: 108 - 25, 1: 9, 255: 16}
    plain = open_source(f"classes:{pets}?boxes=none&trimaps=none")
    assert plain.keys == ("image", "label")
    refused(f"classes:{pets}?boxes=images", "boxes=images: no .xml files")


BOX_DEFECTS = {
    "two": (XML.format(w=12, objects=2 * OBJECT.format(right=10)), "2 objects instead of one"),
    "none": (XML.format(w=12, objects=""), "0 objects instead of one"),
    "no area": (XML.format(w=12, objects=OBJECT.format(right=2)), "has no area"),
    "swapped": (XML.format(w=12, objects=OBJECT.format(right=1)), "corners swapped"),
    "no number": (XML.format(w=12, objects=OBJECT.format(right="x")), "<xmax> is x"),
    "no XML": ("<annotation>", "not XML"),
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "<!DOCTYPE"),
    "nothing": (None, "no box"),
}


@pytest.mark.parametrize("case", BOX_DEFECTS)
def test_an_image_without_one_box_is_a_defect(pets, case):
    text, words = BOX_DEFECTS[case]
    path = pets / "annotations/xmls/1.xml"
    path.unlink() if text is None else path.write_text(text)
    source = open_source(f"classes:{pets}")
    (defect,) = source.defects
    assert words in defect.problem and defect.split == "train", defect
    assert defect.file.endswith("train.txt" if text is None else "1.xml")
    sample = everything(source)["images/1.png"][1]
    assert sample["box"].tolist() == [0, 0, 0, 0] and sample["label"] == 1
    cleaned = open_source(f"classes:{pets}?drop_bad=1")
    assert cleaned.defects == [] and cleaned.sizes == {"train": 2, "val": 1}
    assert "1 image" in cleaned.notes[-1]
    labels = [int(sample["label"]) for _, sample in cleaned.samples("train")]
    assert labels == [0, 0]


def test_invalid_trimaps(pets):
    Image.fromarray(np.full((9, 12), 4, np.uint8)).save(pets / "annotations/trimaps/3.png")
    source = open_source(f"classes:{pets}")
    with pytest.raises(InputError, match=r"3\.png has the value 4, but 1 is the object") as caught:
        list(source.samples("val"))
    assert "\n" not in str(caught.value)
    Image.fromarray(np.full((9, 11), 1, np.uint8)).save(pets / "annotations/trimaps/3.png")
    with pytest.raises(InputError, match=r"the image is 9×12.*is 9×11"):
        list(open_source(f"classes:{pets}").samples("val"))
    (pets / "annotations/trimaps/0.png").unlink()
    (defect,) = open_source(f"classes:{pets}").defects
    assert defect.problem == "no trimap of 0" and defect.record == "line 1"


def test_invalid_lists(tmp_path):
    write(tmp_path / "images", 4)
    (tmp_path / "train.txt").write_text("0 a\n1\n0 b\n9 a\n2 b\n")
    source = open_source(f"classes:{tmp_path}")
    found = {defect.record: defect.problem for defect in source.defects}
    assert found["line 2"] == "no class after 1"
    assert found["line 3"] == "0.png is also in line 1 as class a"
    assert "no such image" in found["line 4"] and len(found) == 3
    cleaned = open_source(f"classes:{tmp_path}?drop_bad=1")
    assert cleaned.defects == [] and sum(cleaned.sizes.values()) == 2
    (tmp_path / "train.txt").write_text("../../etc/passwd a\n1 b\n")
    refused(f"classes:{tmp_path}", "train.txt: line 1", "leaves the data folder")
    (tmp_path / "train.txt").write_text("0 999999999\n1 1\n")
    refused(f"classes:{tmp_path}", "class index 999999999")
    (tmp_path / "train.txt").write_text("0 a\n1 b\n")
    few = open_source(f"classes:{tmp_path}")
    assert few.sizes == {"train": 2, "val": 0} and few.defects[0].split == "val"
    refused(f"classes:{tmp_path}?val=x", "val must be between")
    (tmp_path / "train.txt").unlink()
    refused(f"classes:{tmp_path}", "layout not recognized", "train/CLASS")
    refused("classes:/no/such", "no such folder")


WORDS = st.sampled_from(
    ["0", "1.png", "images/2", "cat", "1", '"', "../x", "é", "\0", ",", "99999"]
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(st.lists(WORDS, max_size=4), max_size=5), ending=st.sampled_from("tc"))
def test_any_list_or_table_is_read_or_refused(tmp_path, lines, ending):
    if not (tmp_path / "images").exists():
        write(tmp_path / "images", 4)
    for name in ("train.txt", "all.csv"):
        (tmp_path / name).unlink(missing_ok=True)
    separator, name = (" ", "train.txt") if ending == "t" else (",", "all.csv")
    rows = [separator.join(words) for words in lines]
    (tmp_path / name).write_text("\n".join(["image,label"] * (ending == "c") + rows))
    if ending == "c":  # a quoted field may hold the end of a line
        rows = [",".join(words) for words in csv.reader(io.StringIO("\n".join(rows)))]
    try:
        source = open_source(f"classes:{tmp_path}")
        defects = len({(d.file, d.record) for d in source.defects})
        # Of a split none of whose images exists, there is one defect.
        for defect in source.defects:
            if found := re.match(r"none of its (\d+) images", defect.problem):
                defects += int(found[1])
        # Every line is a record or a defect.
        assert sum(source.sizes.values()) + defects >= sum(bool(row.strip(" ,")) for row in rows)
    except InputError as error:
        assert "\n" not in str(error)


def test_many_images_open_quickly(tmp_path):
    """Opens 20,000 empty files in ten classes without reading any."""
    import time

    for name in "abcdefghij":
        (tmp_path / name).mkdir()
        for number in range(2000):
            (tmp_path / name / f"{number}.jpg").touch()
    start = time.process_time()
    source = open_source(f"classes:{tmp_path}")
    assert time.process_time() - start < 6 and sum(source.sizes.values()) == 20_000


def test_oxford_pets(shared_data):
    source = open_source(f"classes:{shared_data / 'oxford_pets_3breeds'}")
    assert source.sizes == {"train": 159, "val": 39}
    assert source.label_names == ("Abyssinian", "american_bulldog", "Bengal")
    (defect,) = source.defects
    assert defect.file.endswith("Bengal_105.xml") and defect.problem.startswith("2 objects")
    labels = {"train": Counter(), "val": Counter()}
    for name, (split, sample) in everything(source).items():
        labels[split][source.label_names[sample["label"]]] += 1
        stem = Path(name).stem
        assert stem.rsplit("_", 1)[0] == source.label_names[sample["label"]]
        height, width = sample["image"].shape[:2]
        x0, y0, x1, y1 = sample["box"]
        assert stem == "Bengal_105" or (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height)
        assert sample["segmentation"].shape == (height, width)
        assert set(np.unique(sample["segmentation"])) <= {0, 1, 255}
    assert set(labels["train"].values()) == {53} and set(labels["val"].values()) == {13}
    assert len(labels["train"]) == len(labels["val"]) == 3
    assert [d for split in source.sizes for d in source.check_image_headers(split)] == []
    cleaned = open_source(f"classes:{shared_data / 'oxford_pets_3breeds'}?drop_bad=1")
    assert cleaned.sizes == {"train": 158, "val": 39}
