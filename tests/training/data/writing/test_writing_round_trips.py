"""COCO → another format → COCO keeps every box and mask that the other format can hold."""

import json
from pathlib import Path

import numpy as np
import pytest
from object_folders import HEIGHT, WIDTH, annotation, coco_content, write_coco
from PIL import Image

from training.data.sources import open_source
from training.data.writing import write_data_set
from training.data.writing.object_outlines import decode, encode, rle_of
from training.data.writing.sample_labels import SampleLabels

OUTLINES = {
    "one": [[4, 5, 24.3, 5.6, 20, 15]],
    "two": [[2, 2, 8, 2, 8, 9, 2, 9], [20.5, 12, 33, 12, 33, 25, 20.5, 25]],
    "overlapping": [[2, 2, 20, 2, 20, 20, 2, 20], [10, 10, 30, 10, 30, 28, 10, 28]],
    "outside": [[30, 20, 40.8, 20, 40.8, 30.6, 30, 30.6]],
}


def ring_rle():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:20, 6:30] = True
    mask[8:12, 10:20] = False
    rle = encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}, [6, 4, 24, 16]


def polygon_box(polygons):
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in polygons])
    low, high = points.min(axis=0), np.minimum(points.max(axis=0), [WIDTH, HEIGHT])
    return [*low.tolist(), *(high - low).tolist()]


def varied_content():
    """Four images with polygons of every kind, a mask with a hole, a crowd and a bare image."""
    content = coco_content(count=4, annotations=[])
    entries = []
    for index, polygons in enumerate(OUTLINES.values()):
        box = polygon_box(polygons)
        entries.append(annotation(index, 10 + index % 2, box, 3 + 4 * (index % 2)))
        entries[-1]["segmentation"] = polygons
    rle, box = ring_rle()
    entries.append(annotation(4, 12, box) | {"segmentation": rle, "area": 17.5})
    entries.append(annotation(5, 12, box, 7) | {"segmentation": rle, "iscrowd": 1})
    return {**content, "annotations": entries}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Four images with all kinds of outlines in val, two with a rectangle each in train."""
    folder = tmp_path_factory.mktemp("coco")
    write_coco(folder, varied_content(), "annotations/instances_val.json", "val")
    write_coco(folder, coco_content(2, 4))
    return open_source(f"coco:{folder}")


@pytest.fixture(scope="module")
def labels(source):
    return objects_by_image(source)


def objects_by_image(source, split="val"):
    images = {Path(image.name).stem: image for image in SampleLabels(source).images(split)}
    return {stem: (images[stem], images[stem].objects) for stem in sorted(images)}


def compare(before, after, names, masks=True):
    """Compares all objects but crowds, in their order; `names` are the classes of both."""
    assert before.keys() == after.keys()
    for stem, (image, objects) in before.items():
        other, found = after[stem]
        assert (image.width, image.height) == (other.width, other.height)
        objects, found = ([o for o in some if not o.crowd] for some in (objects, found))
        assert len(objects) == len(found)
        for item, same in zip(objects, found, strict=True):
            assert names[0][item.label] == names[1][same.label]
            np.testing.assert_allclose(item.box, same.box, atol=0.5001)
            if masks:
                one, two = (decode(rle_of(o, image.height, image.width)) for o in (item, same))
                assert (one & two).sum() / (one | two).sum() >= 0.98


LOST = {
    "coco": [],
    "yolo": [
        "objects of several parts or with holes joined to one outline each: 2.",
        "crowds left out, which yolo cannot mark: 1.",
    ],
    "labelme": [
        "crowds marked by a flag only: 1.",
        "holes cut into their outline by lines of no width: 2.",
    ],
    "label-studio": [
        "objects of several parts written as one region per part: 1.",
        "holes cut into their outline by lines of no width: 2.",
        "crowds written as other objects: 1.",
    ],
    "cvat": ["crowds marked by an attribute only: 1."],
}


@pytest.mark.parametrize("name", LOST)
def test_boxes_and_masks_come_back(source, labels, tmp_path, name):
    written = write_data_set(source, name, tmp_path / name, splits=["val"])
    assert sorted(written.notes) == sorted(LOST[name])
    assert written.images == {"val": 4}
    assert written.objects == 6 - (name == "yolo")
    if name in ("label-studio", "cvat"):
        return  # which have no crowds and no parts, or no reader
    there = open_source(f"{name}:{tmp_path / name}")
    assert not there.defects and there.sizes == {"val": 4}
    if name != "coco":
        write_data_set(there, "coco", tmp_path / "back")
        there = open_source(f"coco:{tmp_path / 'back'}")
        assert not there.defects
    found = objects_by_image(there)
    if name == "labelme":
        found["2"][1].pop()  # the crowd
    compare(labels, found, (source.object_names, there.object_names))


def test_stored_polygons_masks_and_areas_stay_what_they_are(source, tmp_path):
    written = write_data_set(source, "coco", tmp_path / "out")
    assert written.images == source.sizes == {"train": 2, "val": 4}
    assert len(json.loads((tmp_path / "out/annotations/instances_train.json").read_text())) == 3
    content = json.loads((tmp_path / "out/annotations/instances_val.json").read_text())
    before = varied_content()
    names = {image["id"]: image["file_name"] for image in content["images"]}
    assert sorted(names.values()) == ["0.png", "1.png", "2.png", "3.png"]
    categories = {entry["id"]: entry["name"] for entry in content["categories"]}
    for was, now in zip(
        sorted(before["annotations"], key=lambda entry: (entry["image_id"], entry["id"])),
        content["annotations"],
        strict=True,
    ):
        assert names[now["image_id"]] == f"{was['image_id'] - 10}.png"
        assert categories[now["category_id"]] == {3: "cat", 7: "dog"}[was["category_id"]]
        assert was["iscrowd"] == now["iscrowd"]
        np.testing.assert_allclose(now["bbox"], was["bbox"], atol=1e-4)
        if isinstance(was["segmentation"], dict):
            assert now["segmentation"] == was["segmentation"]
        else:
            for old, new in zip(was["segmentation"], now["segmentation"], strict=True):
                np.testing.assert_allclose(new, old, atol=0.1001)
    ring = [entry for entry in content["annotations"] if isinstance(entry["segmentation"], dict)]
    assert [entry["area"] for entry in ring] == [17.5, 344.0]


def test_voc_keeps_boxes_and_the_masks_that_no_other_covers(source, labels, tmp_path):
    written = write_data_set(source, "voc", tmp_path / "voc", splits=["val"])
    assert written.notes == [
        "objects partly covered by smaller ones, as a map holds one object per pixel: 3.",
        "crowds written as difficult objects: 1.",
    ]
    maps = open_source(f"voc:{tmp_path / 'voc'}?maps=1&classes=cat,dog")
    assert maps.sizes == {"val": 4} and not maps.defects
    found = objects_by_image(maps)
    assert sum(item.difficult for _, items in found.values() for item in items) == 1
    write_data_set(maps, "coco", tmp_path / "coco")
    again = objects_by_image(open_source(f"coco:{tmp_path / 'coco'}"))
    assert sum(item.difficult for _, items in again.values() for item in items) == 1
    for stem, (image, objects) in labels.items():
        for item, same in zip(objects, found[stem][1], strict=True):
            np.testing.assert_allclose(item.box, same.box, atol=0.5001)
            if stem == "3":
                one, two = (decode(rle_of(o, image.height, image.width)) for o in (item, same))
                assert (one == two).all()


def test_boxes_without_outlines_and_thin_boxes(tmp_path):
    boxes = [[3.6, 4.2, 0.6, 20.4], [0, 0, 40, 30], [10.4, 3.3, 12.2, 9.9], [39, 29, 1, 1]]
    content = coco_content(2, annotations=[annotation(i, 10, box) for i, box in enumerate(boxes)])
    for entry in content["annotations"]:
        del entry["segmentation"]
    write_coco(tmp_path / "data", content, "annotations/instances_val.json", "val")
    source = open_source(f"coco:{tmp_path / 'data'}")
    before = objects_by_image(source)
    for name in ("yolo", "voc"):
        write_data_set(source, name, tmp_path / name)
        there = open_source(f"{name}:{tmp_path / name}")
        assert not there.defects
        names = (source.object_names, there.object_names)
        compare(before, objects_by_image(there), names, masks=False)
    text = (tmp_path / "voc/Annotations/0.xml").read_text()
    assert "<xmin>4.1</xmin>" in text and "<xmin>11</xmin>" in text and "<xmax>23</xmax>" in text


def test_class_maps_and_instance_maps_come_back(source, tmp_path):
    written = write_data_set(source, "masks", tmp_path / "masks", splits=["val"])
    assert "classes.txt" in written.notes[-1]
    maps = open_source(f"masks:{tmp_path / 'masks'}?classes=classes.txt")
    assert maps.class_names == ("background", "cat", "dog") and maps.sizes == {"val": 4}
    assert open_source(f"instances:{tmp_path / 'masks'}").sizes == {"val": 4}
    written = write_data_set(maps, "coco", tmp_path / "regions")
    assert written.notes == [
        "'background' is background; each connected region of a class is an object."
    ]
    again = open_source(f"coco:{tmp_path / 'regions'}")
    assert again.object_names == ("cat", "dog")
    write_data_set(again, "masks", tmp_path / "again")
    for path in (tmp_path / "masks/masks/val").iterdir():
        one, two = (
            np.asarray(Image.open(f)) for f in (path, tmp_path / "again/masks/val" / path.name)
        )
        # Ignored pixels belong to no object.
        assert (np.where(one == 255, 0, one) == two).all() and set(np.unique(one)) <= {0, 1, 2, 255}


def test_keypoints_come_back(tmp_path):
    content = coco_content(2)
    for entry, points in zip(
        content["annotations"], ([5, 6, 2, 10, 11, 1, 0, 0, 0], [0] * 9), strict=True
    ):
        entry |= {"category_id": 3, "keypoints": points}
    names = ["nose", "left eye", "right eye"]
    content["categories"] = [{"id": 3, "name": "p", "keypoints": names, "skeleton": [[1, 2]]}]
    write_coco(tmp_path / "data", content, "annotations/instances_val.json", "val")
    source = open_source(f"coco:{tmp_path / 'data'}")
    before = objects_by_image(source)
    for name in ("coco", "yolo"):
        written = write_data_set(source, name, tmp_path / name)
        assert ("outlines left out" in " ".join(written.notes)) == (name == "yolo")
        there = open_source(f"{name}:{tmp_path / name}")
        assert there.keypoint_names == source.keypoint_names
        assert there.flip_pairs == source.flip_pairs == ((1, 2),)
        after = objects_by_image(there)
        np.testing.assert_allclose(
            before["0"][1][0].keypoints, after["0"][1][0].keypoints, atol=1e-3
        )
        assert before["1"][1][0].keypoints is after["1"][1][0].keypoints is None
    stored = json.loads((tmp_path / "coco/annotations/person_keypoints_val.json").read_text())
    assert stored["categories"][0]["skeleton"] == [[1, 2]]
    assert [entry["num_keypoints"] for entry in stored["annotations"]] == [2, 0]


def test_captions_come_back(tmp_path):
    content = coco_content(3)
    for entry in content["annotations"]:
        entry["caption"] = f"a photo of {entry['id']}"
    del content["categories"]
    write_coco(tmp_path / "data", content, "annotations/captions_val.json", "val")
    source = open_source(f"coco:{tmp_path / 'data'}")
    write_data_set(source, "coco", tmp_path / "out")
    assert open_source(f"coco:{tmp_path / 'out'}").texts("val") == source.texts("val")
    written = write_data_set(source, "yolo", tmp_path / "yolo")
    assert written.notes == ["captions left out, which yolo cannot hold: 3."]
