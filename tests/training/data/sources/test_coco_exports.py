"""COCO's JSON as tools export it: places of images, ids, boxes, categories and crowds."""

import json

import pytest
from object_folders import annotation, coco_content, make_image, stored_values, write_coco

from training.data.sources import open_source


def files_of(source):
    return {
        str(image.file.relative_to(source.root))
        for images in source.images.values()
        for image in images
    }


def opened(root, content, folder="images", labels="result.json", options=""):
    """Opens a data set whose images `0.png`, … are in `folder`, whatever the JSON names."""
    for number in range(len(content["images"])):
        make_image(root / folder / f"{number}.png")
    images = content.pop("images")
    write_coco(root, {**content, "images": []}, labels)
    (root / labels).write_text(json.dumps({**content, "images": images}))
    return open_source(f"coco:{root}{options}")


@pytest.mark.parametrize(
    "form",
    [
        "/data/upload/3/{}.png",
        "..\\..\\label-studio\\media\\upload\\4\\{}.png",
        "images/1a2b3c4d-{}.png",
        "/data/local-files/?d=some/where/{}.png",
        "C:\\Users\\me\\pictures\\{}.png",
        "images%2F{}.png",
        "{}",
    ],
)
@pytest.mark.parametrize("folder", ["images", "images/default", "data", "."])
def test_names_of_other_machines(tmp_path, form, folder):
    content = coco_content(3)
    for number, image in enumerate(content["images"]):
        image["file_name"] = form.format(number)
    source = opened(tmp_path, content, folder)
    assert source.defects == []
    expected = {f"{folder}/{number}.png".removeprefix("./") for number in range(3)}
    assert files_of(source) == expected


@pytest.mark.parametrize("subset", ["default", "Task_7", "day-3"])
def test_the_folder_of_a_subset(tmp_path, subset):
    labels = f"annotations/instances_{subset}.json"
    make_image(tmp_path / "images" / "older" / "0.png")
    source = opened(tmp_path, coco_content(2), f"images/{subset}", labels)
    assert files_of(source) == {f"images/{subset}/{number}.png" for number in range(2)}
    assert source.defects == []


def test_ids_as_text(tmp_path):
    content = coco_content(2)
    content["images"][0]["id"] = "10"
    content["categories"][1]["id"] = "3"
    content["annotations"][1] |= {"image_id": "11", "category_id": 7.0}
    content["images"].append({"id": "x", "file_name": "2.png"})
    content["annotations"].append(annotation("a", "x"))
    source = opened(tmp_path, content)
    assert source.defects == [] and sum(source.sizes.values()) == 3
    assert [len(boxes) for boxes in stored_values(source).values()] == [1, 1, 1]


def test_boxes_from_outlines(tmp_path):
    content = coco_content(3)
    runs = {"size": [30, 40], "counts": [5 * 30 + 2, 4, 26, 4, 30 * 34 - 6]}
    whole = {"size": [30, 40], "counts": [35, 60, 1105]}
    first, second, third = content["annotations"]
    first |= {"segmentation": [[4, 5, 9, 5, 9, 8], [1, 2, 3, 2, 3, 4]], "bbox": [0, 0, 0, 0]}
    second["segmentation"], third["segmentation"] = runs, whole
    del second["bbox"], third["bbox"]
    source = opened(tmp_path, content)
    assert source.defects == [] and "3 objects have no bbox" in source.notes[0]
    boxes = stored_values(source)
    assert boxes["0"] == [[1, 2, 9, 8]] and boxes["1"] == [[5, 2, 7, 6]]
    # A run over three columns: its box is as high as the image.
    assert boxes["2"] == [[1, 0, 4, 30]]


def test_one_file_under_two_ids_is_one_image(tmp_path):
    content = coco_content(3)
    content["images"][2]["file_name"] = "0.png"
    source = opened(tmp_path, content)
    (defect,) = source.defects
    assert str(defect).endswith(
        "image 12 (0.png): the same file as image 10 (0.png); list it once, with the objects of "
        "both."
    )
    assert {name: len(boxes) for name, boxes in stored_values(source).items()} == {"0": 2, "1": 1}


def test_images_without_a_usable_name_are_defects_of_their_split(tmp_path):
    content = coco_content(4)
    images = content["images"]
    images[0]["filename"] = images[0].pop("file_name")
    del images[1]["file_name"]
    images[2]["file_name"] = "a\0b.png"
    images[3]["file_name"] = ["3.png"]
    write_coco(tmp_path, coco_content(1, 7), "annotations/instances_val.json", "val")
    source = opened(tmp_path, content, "train", "annotations/instances_train.json")
    assert source.sizes == {"train": 0, "val": 1}
    found = [str(defect) for defect in source.defects if "annotation " not in defect.record]
    words = ("did you mean 'filename'", "no file_name; add one", "not a file name", "is ['3.png']")
    assert len(found) == 4
    assert all(word in line for word, line in zip(words, found, strict=True))
    assert all(defect.split == "train" and defect.unused for defect in source.defects)


ROOT = {"id": 0, "name": "fishes", "supercategory": "none"}
FISHES = [
    {"id": n, "name": name, "supercategory": "fishes"} for n, name in ((3, "cod"), (7, "eel"))
]


def test_a_category_that_groups_all_others_is_no_class(tmp_path):
    content = coco_content(3) | {"categories": [ROOT, *FISHES]}
    source = opened(tmp_path, content)
    assert source.object_names == ("cod", "eel")
    assert source.notes[0].startswith("category 'fishes' only groups the others")
    assert open_source(f"coco:{tmp_path}?classes=fishes,cod").object_names == ("fishes", "cod")


@pytest.mark.parametrize("change", ["object", "another group"])
def test_a_category_that_is_used_or_groups_some_is_a_class(tmp_path, change):
    content = coco_content(3) | {"categories": [ROOT, *[dict(fish) for fish in FISHES]]}
    if change == "object":
        content["annotations"][0]["category_id"] = 0
    else:
        content["categories"][2]["supercategory"] = "snakes"
    assert opened(tmp_path, content).object_names == ("fishes", "cod", "eel")


def test_classes_that_are_written_alike(tmp_path):
    names = ("Thing ", "Thing", "thing", "t hing", "other")
    content = coco_content(2)
    content["categories"] = [{"id": number, "name": name} for number, name in enumerate(names, 3)]
    source = opened(tmp_path, content)
    assert source.object_names == ("Thing", "thing", "t hing", "other")
    assert source.notes == [
        "classes 'Thing' and 'thing' and 't hing' are written alike; if they are one class, give "
        "it one name."
    ]


@pytest.mark.parametrize("flag", [1, True, "1"])
def test_crowds_as_objects(tmp_path, flag):
    content = coco_content(4)
    for item in content["annotations"]:
        item["iscrowd"] = flag
    source = opened(tmp_path, content, options="?split=block&val=0.25")
    assert [note.partition(" (")[0] for note in source.notes] == [
        "train: all 3 objects are crowds",
        "val: all 1 objects are crowds",
    ]
    assert all("add crowd=objects" in note for note in source.notes)
    objects = open_source(f"coco:{tmp_path}?crowd=objects")
    assert list(stored_values(objects, "crowd").values()) == [[False]] * 4 and not objects.notes
    content["annotations"][0]["iscrowd"] = 0
    some = opened(tmp_path, content | {"images": coco_content(4)["images"]}, options="?split=block")
    assert [note[:5] for note in some.notes] == ["val: "]
