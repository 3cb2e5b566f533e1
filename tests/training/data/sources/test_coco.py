"""`coco:` reads COCO's JSON and reports defects entry by entry."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from object_folders import annotation, coco_content, make_image, write_coco

from training.data.sources import open_source
from zoo.errors import InputError


def opened(root, annotations, options=""):
    """Opens a data set of four images with these annotations."""
    write_coco(root, coco_content(annotations=annotations))
    return open_source(f"coco:{root}{options}")


def everything(source):
    found = {}
    for split in source.sizes:
        found.update({Path(name).stem: sample for name, sample in source.samples(split)})
    return found


def lines(source):
    return [str(defect) for defect in source.defects]


def test_boxes_classes_and_masks(tmp_path):
    runs = {"size": [30, 40], "counts": [65, 10, 20 * 30 - 75, 10, 590]}
    records = [
        annotation(1, 10, (4.5, 5.25, 20, 10), 7),
        annotation(2, 10, (2, 2, 19, 13), 3, iscrowd=1, segmentation=runs),
        annotation(3, 12, (0, 0, 40, 30), 3),
    ]
    source = opened(tmp_path, records, "?mask_size=8")
    assert source.object_names == ("cat", "dog")
    assert source.keys == ("image", "boxes", "labels", "crowd", "difficult", "areas", "masks")
    assert source.defects == [] and source.notes == []
    samples = everything(source)
    sample = samples["0"]
    np.testing.assert_array_equal(sample["boxes"], [[4.5, 5.25, 24.5, 15.25], [2, 2, 21, 15]])
    assert sample["labels"].tolist() == [1, 0] and sample["crowd"].tolist() == [False, True]
    assert sample["masks"].shape == (2, 8, 8) and sample["masks"].dtype == np.uint8
    whole = np.zeros((40, 30))
    whole.ravel()[65:75] = 1
    whole.ravel()[600:610] = 1
    centers = (np.arange(8) + 0.5) / 8
    columns, rows = np.floor(2 + 19 * centers).astype(int), np.floor(2 + 13 * centers).astype(int)
    np.testing.assert_array_equal(sample["masks"][1], whole[columns][:, rows].T)
    assert samples["1"]["boxes"].shape == (0, 4) and samples["1"]["masks"].shape == (0, 8, 8)
    assert {key: value.dtype for key, value in sample.items() if key != "masks"} == {
        "image": np.uint8,
        "boxes": np.float32,
        "labels": np.int32,
        "crowd": np.bool_,
        "difficult": np.bool_,
        "areas": np.float64,
    }


@pytest.mark.parametrize(
    ("labels", "folder"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train.json", "images/train"),
        ("train/_annotations.coco.json", "train"),
        ("train.json", "images"),
        ("annotations/train.json", "."),
    ],
)
def test_layouts_with_splits(tmp_path, labels, folder):
    write_coco(tmp_path, labels=labels, folder=folder)
    other = labels.replace("train", "val"), folder.replace("train", "val")
    write_coco(tmp_path, coco_content(2, 4), *other)
    source = open_source(f"coco:{tmp_path}")
    assert source.sizes == {"train": 4, "val": 2} and not source.defects
    assert len(everything(source)) == 6


def test_one_file_is_split_by_lists_or_by_a_fixed_fraction(tmp_path):
    write_coco(tmp_path, coco_content(10), "labels.json", "images")
    source = open_source(f"coco:{tmp_path}?val=0.3")
    assert source.sizes == {"train": 7, "val": 3}
    again = open_source(f"coco:{tmp_path}?val=0.3")
    assert [p.file for p in source.images["val"]] == [p.file for p in again.images["val"]]
    block = open_source(f"coco:{tmp_path}?val=0.3&split=block")
    assert [p.file.name for p in block.images["val"]] == ["7.png", "8.png", "9.png"]
    (tmp_path / "train.txt").write_text("0.png\n3\n")
    (tmp_path / "test.txt").write_text("5\n")
    listed = open_source(f"coco:{tmp_path}")
    assert listed.sizes == {"train": 2, "test": 1}


def test_chosen_classes_small_objects_and_few_images(tmp_path):
    records = [annotation(1, 10, category=7), annotation(2, 10), annotation(3, 11, (1, 1, 30, 3))]
    source = opened(tmp_path, records, "?classes=dog,cat&min_side=4&limit=2&masks=0")
    assert source.object_names == ("dog", "cat") and sum(source.sizes.values()) == 2
    assert "masks" not in source.keys
    samples = everything(source)
    assert samples["0"]["labels"].tolist() == [0, 1]
    assert samples["0"]["difficult"].tolist() == [False, False]
    assert samples["1"]["difficult"].tolist() == [True]
    only = open_source(f"coco:{tmp_path}?classes=dog")
    assert [len(sample["labels"]) for sample in everything(only).values()].count(1) == 1
    assert only.defects == []
    with pytest.raises(InputError, match="no category 'dogs'; did you mean 'dog'"):
        open_source(f"coco:{tmp_path}?classes=dogs")


def test_keypoints_with_names_pairs_and_skeleton(tmp_path):
    keypoints = ["nose", "left_hand", "right_hand"]
    content = coco_content()
    content["categories"] = [
        {"id": 3, "name": "person", "keypoints": keypoints, "skeleton": [[1, 2], [1, 3]]}
    ]
    content["annotations"] = [
        annotation(1, 10, keypoints=[5, 6, 2, 7.5, 8, 1, 0, 0, 0]),
        annotation(2, 10),
        annotation(3, 11, keypoints=[5, 6, 2, 70, 8, 1, 3, 3, 9]),
        annotation(4, 12, keypoints=[1, 2, 3]),
    ]
    write_coco(tmp_path, content, "annotations/person_keypoints_train.json")
    source = open_source(f"coco:{tmp_path}")
    assert source.keypoint_names == tuple(keypoints) and source.skeleton == ((0, 1), (0, 2))
    assert source.flip_pairs == ((1, 2),)
    samples = everything(source)
    expected = [[[5, 6, 2], [7.5, 8, 1], [0, 0, 0]], np.zeros((3, 3))]
    np.testing.assert_array_equal(samples["0"]["keypoints"], expected)
    np.testing.assert_array_equal(samples["1"]["keypoints"], [[[5, 6, 2], [0] * 3, [0] * 3]])
    found = "\n".join(lines(source))
    assert len(source.defects) == 2
    assert "annotation 3: keypoint 1 at (70, 8) and 1 more is not in the image" in found
    assert "annotation 4: keypoints [1, 2, 3] are not 3 times x, y, visibility" in found


def test_captions_are_about_whole_images(tmp_path):
    content = coco_content(3)
    del content["categories"]
    content["annotations"] = [
        {"id": 1, "image_id": 10, "caption": "  A cat\non a mat. "},
        {"id": 2, "image_id": 10, "caption": "Café"},
        {"id": 3, "image_id": 11, "caption": " "},
    ]
    write_coco(tmp_path, content, "annotations/captions_train.json")
    source = open_source(f"coco:{tmp_path}?labels=captions")
    assert source.keys == ("image", "boxes", "labels", "crowd", "difficult", "texts")
    sample = everything(source)["0"]
    assert sample["texts"].tolist() == [b"A cat on a mat.", "Café".encode()]
    np.testing.assert_array_equal(sample["boxes"], [[0, 0, 40, 30]] * 2)
    assert lines(source)[0].endswith("annotation 3: caption ' '; write one or remove it.")
    texts = [text for split in source.sizes for text in source.texts(split)]
    assert sorted(texts) == [b"A cat on a mat.", "Café".encode()]


# Change of an annotation, words of its defect, label and difficult of its row (None: no row).
WRONG = {
    "no area": ({"bbox": [5, 5, 0, 3]}, "box [5 5 5 8] has no area", -1, False),
    "no area in float32": ({"bbox": [1, 5, 5e-8, 3]}, "has no area", -1, False),
    "negative width": ({"bbox": [9, 5, -4, 3]}, "corners swapped", 0, True),
    "NaN": ({"bbox": [float("nan"), 5, 4, 3]}, "box [nan 5 nan 8] is not finite", -1, False),
    "infinite": ({"bbox": [1, 5, float("inf"), 3]}, "is not finite", -1, False),
    "huge number": ({"bbox": [1, 5, 10**400, 3]}, "bbox [1, 5, 1000", None, None),
    "outside": ({"bbox": [50, 5, 10, 3]}, "is outside the image (40×30)", -1, False),
    "beyond": ({"bbox": [30, 5, 15, 3]}, "extends beyond the image (40×30)", 0, False),
    "fractions": ({"bbox": [0.1, 0.2, 0.5, 0.4]}, "fractions instead of pixels", 0, True),
    "words": ({"bbox": ["1", 2, 3, 4]}, "bbox ['1', 2, 3, 4]", None, None),
    "three numbers": ({"bbox": [1, 2, 3]}, "bbox [1, 2, 3]", None, None),
    "no box": ({"bbox": None, "segmentation": None}, "bbox None", None, None),
    "unknown category": ({"category_id": 5}, "category_id 5 is not a category", 0, True),
    "category list": ({"category_id": [3]}, "category_id [3] is not a category", 0, True),
    "unknown image": ({"image_id": 99}, "image_id 99 is not a usable image", None, None),
    "flat outline": ({"segmentation": [1, 2, 3, 4, 5, 6]}, "not a list of polygons", 0, False),
    "two points": (
        {"segmentation": [[1, 2, 3, 4]]},
        "polygon [1 2 3 4] is not a valid outline",
        0,
        False,
    ),
    "far outline": ({"segmentation": [[1, 2, 3, 4, 1e9, 6]]}, "is not a valid outline", 0, False),
    "NaN outline": ({"segmentation": [[1, 2, float("nan"), 4, 5, 6]]}, "valid outline", 0, False),
    "short runs": (
        {"segmentation": {"size": [30, 40], "counts": [5, 6]}},
        "counts add up to 11, not to the 30×40 pixels",
        0,
        False,
    ),
    "runs of another size": (
        {"segmentation": {"size": [40, 30], "counts": [1200]}},
        "size must be [30, 40], not [40, 30]",
        0,
        False,
    ),
}


def test_invalid_annotations_are_reported_and_are_not_targets(tmp_path):
    records = []
    for index, (change, *_) in enumerate(WRONG.values()):
        wrong = {**annotation(100 + index, 10 + index), **change}
        records += [wrong, annotation(500 + index, 10 + index)]
    content = coco_content(len(WRONG), annotations=records)
    source = open_source(f"coco:{write_coco(tmp_path, content)}")
    assert len(source.defects) == len(WRONG)
    samples = everything(source)
    for index, (case, (_, words, label, difficult)) in enumerate(WRONG.items()):
        (line,) = (line for line in lines(source) if f"annotation {100 + index}:" in line)
        assert words in line and "instances_train.json" in line and "\n" not in line, case
        sample = samples[str(index)]
        assert np.isfinite(sample["boxes"]).all(), case
        assert (sample["boxes"] <= [40, 30, 40, 30]).all() and (sample["boxes"] >= 0).all(), case
        assert sample["labels"].tolist() == ([0] if label is None else [label, 0]), case
        if label is not None:
            assert sample["difficult"].tolist() == [difficult, False], case
            assert sample["boxes"][0].any() == (label == 0), case
    dropped = open_source(f"coco:{tmp_path}?drop_bad=1")
    assert dropped.defects == []
    parts = sum(label == 0 and not difficult for *_, label, difficult in WRONG.values())
    assert dropped.notes[0] == f"drop_bad: dropped {len(WRONG) - parts} objects, {parts} parts."
    samples = everything(dropped)
    for index, (case, (*_, label, difficult)) in enumerate(WRONG.items()):
        expected = [difficult, False] if label == 0 else [False]
        assert samples[str(index)]["difficult"].tolist() == expected, case


def test_invalid_images(tmp_path):
    content = coco_content(6)
    images = content["images"]
    images[1]["id"] = 10
    images[2]["width"] = "wide"
    images[3]["file_name"] = "gone.png"
    images[4] |= {"width": 100_000, "height": 100_000}
    del images[5]["id"]
    content["annotations"] = [annotation(1, 10)]
    write_coco(tmp_path, content)
    (tmp_path / "train" / "gone.png").unlink()
    source = open_source(f"coco:{tmp_path}")
    found = "\n".join(lines(source))
    for words in (
        "image 10 (1.png): another image has this id",
        "image 12 (2.png): size wide × 30",
        "image 13 (gone.png): no such image",
        "image 14 (4.png): stated size 100000×100000 exceeds",
        "image 6 of the list: id is None",
    ):
        assert words in found
    assert len(source.defects) == 5
    dropped = open_source(f"coco:{tmp_path}?drop_bad=1")
    assert sum(dropped.sizes.values()) == 2 and len(dropped.defects) == 1
    assert dropped.notes == ["drop_bad: dropped 4 images."]
    # A missing image is left out of the split, whether or not it is dropped from the defects.
    assert sum(source.sizes.values()) == 3 and len(everything(source)) == 3


def test_headers_of_files_against_stated_sizes(tmp_path):
    source = opened(tmp_path, [])
    make_image(tmp_path / "train" / "1.png", (30, 40))
    (tmp_path / "train" / "2.png").write_text("no image")
    found = [str(d) for split in source.sizes for d in source.check_image_headers(split)]
    assert len(found) == 2
    assert any("image 11 (1.png): stated size 40×30, but" in d and "is 30×40" in d for d in found)
    assert any("2.png: not a readable image" in d for d in found)


def test_duplicate_annotations(tmp_path):
    records = [annotation(1, 10), annotation(1, 10), annotation(2, 11), annotation(2, 12)]
    source = opened(tmp_path, records)
    assert [d.problem for d in source.defects] == [
        "repeated annotation",
        "another annotation has this id",
    ]
    dropped = open_source(f"coco:{tmp_path}?drop_bad=1")
    assert Counter(len(s["labels"]) for s in everything(dropped).values()) == {1: 3, 0: 1}
    assert [d.drop for d in dropped.defects] == [""]


REFUSED = {
    "not JSON": (lambda c: "{", ("instances_train.json: not JSON",)),
    "not UTF-8": (lambda c: b"\xff\xfe{", ("not JSON",)),
    "deep": (lambda c: "[" * 100_000, ("nested too deeply",)),
    "a list": (lambda c: "[]", ("must be an object with a list 'images'",)),
    "no images": (lambda c: {**c, "images": None}, ("a list 'images'",)),
    "no annotations": (lambda c: {"images": c["images"]}, ("a list 'annotations'",)),
    "no categories": (lambda c: {**c, "categories": []}, ("no categories",)),
    "category twice": (
        lambda c: {**c, "categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]},
        ("category 3: two categories have this id",),
    ),
    "nameless category": (lambda c: {**c, "categories": [{"id": 3}]}, ("an id and a name",)),
    "bad skeleton": (
        lambda c: {
            **c,
            "categories": [{"id": 3, "name": "a", "keypoints": ["x"], "skeleton": [[1, 2]]}],
        },
        ("pairs of keypoints from 1 to 1",),
    ),
    "two lists": (
        lambda c: json.dumps(c)[:-1] + ', "annotations": []}',
        ("two values under 'annotations'",),
    ),
    "all fractions": (
        lambda c: {**c, "annotations": [annotation(i, 10, (0.1, 0.1, 0.5, 0.5)) for i in (1, 2)]},
        ("every box is within 0…1",),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_files(tmp_path, case):
    change, words = REFUSED[case]
    write_coco(tmp_path)
    content = change(coco_content())
    path = tmp_path / "annotations" / "instances_train.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError) as raised:
        open_source(f"coco:{tmp_path}")
    message = str(raised.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_missing_files_and_invalid_options(tmp_path):
    with pytest.raises(InputError, match="no JSON file of labels"):
        open_source(f"coco:{tmp_path}")
    write_coco(tmp_path)
    write_coco(tmp_path, labels="annotations/instances_train2014.json")
    with pytest.raises(InputError, match="2 JSON files fit train"):
        open_source(f"coco:{tmp_path}")
    chosen = open_source(f"coco:{tmp_path}?labels=annotations/instances_train2014.json")
    assert sum(chosen.sizes.values()) == 4
    for option, words in {
        "labels=no.json": "no such file",
        "labels=../x.json": "leaves the data folder",
        "masks=2": "masks must be '0', '1' or 'coverage', not '2'",
        "mask_size=0": "from 1 to 1024",
        "limit=-1": "limit must be a whole number",
        "drop_bad=yes": "drop_bad must be 0 or 1, not 'yes'",
    }.items():
        with pytest.raises(InputError, match=words):
            open_source(f"coco:{tmp_path}?{option}")


def test_the_pack_matches_its_readme(shared_data):
    for kind in ("instances", "person_keypoints", "captions"):
        source = open_source(f"coco:{shared_data / 'coco_mini'}?labels={kind}")
        assert source.sizes == {"train": 80, "val": 39}
        assert source.defects == [] and source.notes == []
        assert [d for split in source.sizes for d in source.check_image_headers(split)] == []
    source = open_source(f"coco:{shared_data / 'coco_mini'}?masks=0")
    assert len(source.object_names) == 80
    for split, objects, crowds, classes in (("train", 739, 8, 80), ("val", 260, 1, 60)):
        samples = [sample for _, sample in source.samples(split)]
        labels = np.concatenate([sample["labels"] for sample in samples])
        assert len(labels) == objects and len(set(labels.tolist())) == classes
        assert sum(int(sample["crowd"].sum()) for sample in samples) == crowds
