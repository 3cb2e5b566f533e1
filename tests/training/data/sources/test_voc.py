"""`voc:` reads VOC's XML and maps and reports defects file by file."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from object_folders import make_image, voc_xml, write_voc
from PIL import Image

from training.data.sources import open_source
from training.data.sources.voc.voc_maps import VOC_CLASSES
from zoo.errors import InputError

CAT = ("cat", 5, 6, 14, 20)


def samples(source, split="train"):
    return {Path(name).stem: sample for name, sample in source.samples(split)}


def every_label(source):
    labels = [s["labels"] for split in source.sizes for _, s in source.samples(split)]
    return Counter(np.concatenate(labels).tolist())


def test_pixels_count_from_one_and_the_last_is_included(tmp_path):
    write_voc(tmp_path, {"a": [("dog", 1, 1, 40, 30), (*CAT, 1)], "b": [], "c": [CAT]})
    source = open_source(f"voc:{tmp_path}?val=0.1")
    assert source.object_names == ("cat", "dog") and not source.defects and not source.notes
    sample = samples(source, "train" if "a" in samples(source) else "val")["a"]
    np.testing.assert_array_equal(sample["boxes"], [[0, 0, 40, 30], [4, 5, 14, 20]])
    assert sample["labels"].tolist() == [1, 0] and sample["difficult"].tolist() == [False, True]
    edges = open_source(f"voc:{tmp_path}?pixels=edges&classes=cat")
    found = {**samples(edges), **samples(edges, "val")}
    np.testing.assert_array_equal(found["a"]["boxes"], [[5, 6, 14, 20]])
    assert found["b"]["boxes"].shape == (0, 4)


def test_boxes_from_pixel_zero_are_noted(tmp_path):
    write_voc(tmp_path, {"a": [("cat", 0, 3, 9, 9)], "b": [CAT]})
    source = open_source(f"voc:{tmp_path}")
    assert "1 boxes begin at pixel 0" in source.notes[0] and not source.defects
    boxes = np.concatenate([s["boxes"] for k in source.sizes for s in samples(source, k).values()])
    assert boxes.min() == 0 and [0, 2, 9, 9] in boxes.tolist()


@pytest.mark.parametrize(
    ("xml", "images"),
    [("Annotations", "JPEGImages"), ("annotations", "images"), ("annotations/xmls", "images")],
)
def test_layouts_and_lists(tmp_path, xml, images):
    write_voc(tmp_path, {str(i): [CAT] for i in range(12)}, xml, images)
    make_image(tmp_path / images / "unlabeled.png")
    source = open_source(f"voc:{tmp_path}?val=0.25")
    assert source.sizes == {"train": 9, "val": 3}
    assert source.notes == ["1 images have no XML file and were not read."]
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("3 1\n10.png -1\n")
    (lists / "val.txt").write_text("2\n")
    (lists / "cat_train.txt").write_text("1 1\n")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 2, "val": 1} and list(samples(source)) == ["3", "10"]
    assert source.notes == ["9 XML files are not listed in any split and were not read."]


def test_images_and_xml_together_in_folders_of_splits(tmp_path):
    write_voc(tmp_path, {"a": [CAT], "b": [CAT]}, "train", "train")
    write_voc(tmp_path, {"c": [CAT]}, "valid", "valid")
    assert open_source(f"voc:{tmp_path}").sizes == {"train": 2, "val": 1}


def test_the_only_data_set_below_and_several(tmp_path):
    write_voc(tmp_path / "VOCdevkit" / "VOC2007", {"a": [CAT], "b": [CAT]})
    assert sum(open_source(f"voc:{tmp_path}").sizes.values()) == 2
    write_voc(tmp_path / "VOCdevkit" / "VOC2012", {"a": [CAT], "b": [CAT]})
    with pytest.raises(InputError, match="several data sets"):
        open_source(f"voc:{tmp_path}")


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)
SECRET = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotation><filename>&a;</filename>'
    "</annotation>"
)

# Content of the XML file, and words of its defect; the image is never read.
WRONG_FILES = {
    "bomb": (BOMB, "DOCTYPE"),
    "external entity": (SECRET, "DOCTYPE"),
    "UTF-16 bomb": (BOMB.replace("1.0", '1.0" encoding="utf-16').encode("utf-16"), "DOCTYPE"),
    "cut off": (voc_xml([CAT])[:99], "not XML"),
    "no XML": ("cat 1 2 3 4", "not XML"),
    "empty": ("", "not XML"),
    "another kind": ("<kml/>", "must be <annotation>, not <kml>"),
    "unknown encoding": ('<?xml version="1.0" encoding="no-such"?><annotation/>', "not XML"),
    "bytes": (b"\xff\xfe\x00\x01", "not XML"),
}


def test_unreadable_files_are_reported_and_skipped(tmp_path):
    write_voc(tmp_path, {"good": [CAT], "fine": [CAT], **{f"x{i}": [] for i in range(9)}})
    for index, (content, _) in enumerate(WRONG_FILES.values()):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "Annotations" / f"x{index}.xml").write_bytes(data)
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 1, "val": 1} and len(source.defects) == len(WRONG_FILES)
    for index, (case, (_, words)) in enumerate(WRONG_FILES.items()):
        (defect,) = (d for d in source.defects if f"x{index}.xml" in d.file)
        assert words in defect.problem and defect.remedy and defect.drop == "image", case
        assert "\n" not in str(defect) and str(defect).count(f"x{index}.xml") == 1, case
    dropped = open_source(f"voc:{tmp_path}?drop_bad=1")
    assert not dropped.defects and dropped.notes == ["drop_bad: dropped 9 images."]


# Elements of an object, words of its defect, and whether its row remains: without a label, or
# as an ignored "region".
OBJECT = (
    "<name>cat</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
)
WRONG_OBJECTS = {
    "no area": (OBJECT.format(5, 5, 5, 5), "box [5 5 5 5] has no area", True),
    "thin": (OBJECT.format(5, 5, 9, 5), "has no area", True),
    "swapped": (OBJECT.format(9, 5, 5, 8), "corners swapped", "region"),
    "NaN": (OBJECT.format("nan", 5, 9, 8), "is not finite", True),
    "infinite": (OBJECT.format(1, 5, "1e999", 8), "is not finite", True),
    "outside": (OBJECT.format(50, 5, 60, 8), "is outside the image (40×30)", True),
    "words": (OBJECT.format("left", 5, 9, 8), "<xmin> is left", False),
    "missing side": ("<name>cat</name><bndbox><xmin>1</xmin></bndbox>", "<ymin> is missing", False),
    "no box": ("<name>cat</name>", "no <bndbox>", False),
    "two boxes": (OBJECT.format(1, 2, 3, 4) + "<bndbox/>", "2 <bndbox> in one <object>", False),
    "no name": (OBJECT.format(1, 2, 3, 4).replace("cat", " "), "no <name>", "region"),
}


def test_invalid_objects_are_reported_and_are_not_targets(tmp_path):
    write_voc(tmp_path, {str(i): [CAT] for i in range(len(WRONG_OBJECTS))})
    for index, (elements, *_) in enumerate(WRONG_OBJECTS.values()):
        path = tmp_path / "Annotations" / f"{index}.xml"
        good = voc_xml([CAT])
        path.write_text(good.replace("</annotation>", f"<object>{elements}</object></annotation>"))
    source = open_source(f"voc:{tmp_path}")
    assert len(source.defects) == len(WRONG_OBJECTS)
    found = {**samples(source), **samples(source, "val")}
    for index, (case, (_, words, remains)) in enumerate(WRONG_OBJECTS.items()):
        (defect,) = (d for d in source.defects if d.file.endswith(f"/{index}.xml"))
        assert words in defect.problem and defect.record == "object 2", case
        sample = found[str(index)]
        rest = {True: [-1], False: [], "region": [0]}[remains]
        assert sample["labels"].tolist() == [0, *rest], case
        assert sample["boxes"][1:].any() == (remains == "region"), case
        assert sample["difficult"].tolist() == [False, *[remains == "region"] * len(rest)], case
    dropped = open_source(f"voc:{tmp_path}?drop_bad=1")
    assert not dropped.defects and every_label(dropped) == {0: len(WRONG_OBJECTS) + 2}
    assert dropped.notes == [f"drop_bad: dropped {len(WRONG_OBJECTS)} objects."]


def test_an_object_inside_another_is_read(tmp_path):
    write_voc(tmp_path, {"0": [CAT], "1": [CAT]})
    path = tmp_path / "Annotations/0.xml"
    inner = f"<object>{OBJECT.format(21, 3, 30, 9)}</object></object>"
    path.write_text(path.read_text().replace("</object>", inner, 1))
    assert every_label(open_source(f"voc:{tmp_path}")) == {0: 3}


def test_lists_with_missing_and_repeated_images(tmp_path):
    write_voc(tmp_path, {"a": [CAT], "b": [CAT], "c": [CAT]})
    (tmp_path / "JPEGImages" / "b.png").unlink()
    (tmp_path / "train.txt").write_text("a\nmissing\na\nb\n")
    (tmp_path / "val.txt").write_text("c\n")
    source = open_source(f"voc:{tmp_path}")
    found = "\n".join(map(str, source.defects))
    assert "train.txt: line 2: no XML file fits 'missing'" in found
    assert "train.txt: line 3: a.xml is listed twice" in found
    assert "b.xml: no such image" in found and len(source.defects) == 3
    (tmp_path / "train.txt").write_text("\n")
    empty = open_source(f"voc:{tmp_path}")
    assert empty.sizes == {"train": 0, "val": 1}
    assert any("train.txt: the list is empty" in str(defect) for defect in empty.defects)


def test_file_names_that_are_not_utf8(tmp_path):
    write_voc(tmp_path, {"a": [CAT], "b": [CAT]})
    for folder, ending in (("Annotations", "xml"), ("JPEGImages", "png")):
        old = os.fsencode(tmp_path / folder / f"a.{ending}")
        os.rename(old, old[: -len(ending) - 2] + b"\xff\xe9." + ending.encode())
    source = open_source(f"voc:{tmp_path}")
    assert sum(source.sizes.values()) == 2 and every_label(source) == {0: 2}
    names = [name for split in source.sizes for name, _ in source.samples(split)]
    assert all(name.encode() for name in names)


def test_no_data_set(tmp_path):
    with pytest.raises(InputError, match="layout not recognized"):
        open_source(f"voc:{tmp_path}")
    write_voc(tmp_path, {"a": [CAT], "b": [CAT]})
    for option, words in {
        "classes=dog": "Available: cat",
        "pixels=1": "pixels must be 'voc' or 'edges'",
    }.items():
        with pytest.raises(InputError, match=words):
            open_source(f"voc:{tmp_path}?{option}")
    (tmp_path / "Annotations" / "b.xml").write_text("")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 1, "val": 0}
    assert any("b.xml: not XML" in str(defect) for defect in source.defects)


def palette(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8)).convert("P")
    image.putpalette([7, 7, 200] * 256)
    image.save(path)


def test_maps_of_classes_and_objects(tmp_path):
    names = {"a": [("person", 3, 4, 12, 13), ("dog", 11, 2, 20, 11)], "b": [("dog", 1, 1, 4, 4)]}
    write_voc(tmp_path, {**names, "c": [("cat", 1, 1, 2, 2)]})
    for stem, objects in names.items():
        classes, numbers = np.zeros((30, 40)), np.zeros((30, 40))
        for number, (name, x0, y0, x1, y1) in enumerate(objects, 1):
            classes[y0 - 1 : y1, x0 - 1 : x1] = 1 + VOC_CLASSES.index(name)
            numbers[y0 - 1 : y1, x0 - 1 : x1] = number
        classes[0], numbers[0] = 255, 255
        palette(tmp_path / "SegmentationClass" / f"{stem}.png", classes)
        palette(tmp_path / "SegmentationObject" / f"{stem}.png", numbers)
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nc\n")
    (lists / "val.txt").write_text("b\n")
    source = open_source(f"voc:{tmp_path}?maps=1&mask_size=10")
    assert source.sizes == {"train": 1, "val": 1}
    assert source.class_names == ("background", *source.object_names) and source.num_classes == 21
    assert [d.file.split("/")[-2:] for d in source.defects] == [["SegmentationClass", "c.png"]]
    sample = samples(source)["a"]
    assert sample["labels"].tolist() == [14, 11]
    assert sorted(set(sample["segmentation"].ravel().tolist())) == [0, 12, 15, 255]
    assert sorted(set(sample["instances"].ravel().tolist())) == [0, 1, 2]
    np.testing.assert_array_equal(sample["boxes"], [[2, 3, 12, 13], [10, 1, 20, 11]])
    # The dog hides two columns of the person, whose box has ten pixels per side.
    hidden = np.ones((10, 10))
    hidden[:8, 8:] = 0
    np.testing.assert_array_equal(sample["masks"], [hidden, np.ones((10, 10))])
    boxes = open_source(f"voc:{tmp_path}")
    assert "SegmentationClass: add maps=1 to read its maps, too" in boxes.notes[0]
    boxes.provide(("boxes",))
    for key in ("segmentation", "masks"):
        with pytest.raises(InputError, match=r"SegmentationClass are read with maps=1"):
            boxes.provide((key,))
    source.provide(("segmentation", "masks"))
    with pytest.raises(InputError, match=r"a.png has class 15, but the classes are 0 to 3"):
        samples(open_source(f"voc:{tmp_path}?maps=1&classes=dog,cat,bird"))


def test_maps_need_their_folders_and_names(tmp_path):
    write_voc(tmp_path, {"a": [("thing", 3, 4, 12, 13)], "b": [CAT]})
    with pytest.raises(InputError, match="SegmentationClass: no such folder of maps"):
        open_source(f"voc:{tmp_path}?maps=1")
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "SegmentationObject").mkdir()
    with pytest.raises(InputError, match="its classes are not VOC's"):
        open_source(f"voc:{tmp_path}?maps=1")
    with pytest.raises(InputError, match="no such folder"):
        open_source(f"voc:{tmp_path / 'none'}?maps=1")


def test_the_packs_match_their_readmes(shared_data):
    bccd = open_source(f"voc:{shared_data / 'bccd'}")
    assert bccd.sizes == {"train": 205, "val": 87}
    assert bccd.object_names == ("Platelets", "RBC", "WBC")
    assert sorted(Path(d.file).stem for d in bccd.defects) == [
        "BloodImage_00338",
        "BloodImage_00343",
    ]
    assert all("has no area" in d.problem and d.drop == "object" for d in bccd.defects)
    dropped = open_source(f"voc:{shared_data / 'bccd'}?drop_bad=1")
    assert dropped.defects == [] and dropped.notes == ["drop_bad: dropped 2 objects."]
    # Red cells are 2382 and 968 with the two boxes without area.
    for split, counts in (("train", {0: 209, 1: 2381, 2: 214}), ("val", {0: 83, 1: 967, 2: 87})):
        labels = np.concatenate([s["labels"] for _, s in dropped.samples(split)])
        assert Counter(labels.tolist()) == counts
    raccoon = open_source(f"voc:{shared_data / 'raccoon'}")
    assert raccoon.sizes == {"train": 128, "val": 32} and every_label(raccoon) == {0: 173}
    assert raccoon.defects == raccoon.notes == []
    for source in (bccd, raccoon):
        assert [d for split in source.sizes for d in source.check_image_headers(split)] == []
