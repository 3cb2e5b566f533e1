"""Files of every format, as the tools that import them expect them."""

import json
import os
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from object_folders import annotation, coco_content, write_coco
from PIL import Image

from training.data.sources import open_source
from training.data.writing import (
    WRITERS,
    LabeledImage,
    LabeledObject,
    LabelNames,
    check_writable,
    new_folder,
    open_writer,
    write_data_set,
)
from training.data.writing.image_placement import ImagePlacement
from training.data.writing.object_outlines import decode, encode
from zoo.errors import InputError
from zoo_cli import main
from zoo_cli.arguments import WRITTEN_FORMATS

SIZE = (30, 40)


def ring():
    mask = np.zeros(SIZE, bool)
    mask[4:20, 6:30], mask[8:12, 10:20] = True, False
    return mask


def two_parts():
    return [np.array([[2.0, 2], [8, 2], [8, 9]]), np.array([[20.0, 12], [33, 12], [33, 25]])]


@pytest.fixture
def written(tmp_path):
    """Function that writes predicted objects of one image; returns the folder."""

    def write(format_name, found, split="", label=None, **names):
        settings = {"objects": ("cat", "dog"), "outlines": True, "model": "mask_rcnn"}
        folder = tmp_path / f"out-{format_name}"
        folder.mkdir()
        writer = open_writer(format_name, folder, LabelNames(**{**settings, **names}))
        image = LabeledImage("a b", split, 40, 30, pixels=np.zeros((*SIZE, 3), np.uint8))
        image.objects, image.label, image.score = found, label, None if label is None else 0.75
        writer.add(image)
        writer.close()
        return folder, writer.notes()

    return write


def predicted(**more):
    return LabeledObject(1, np.array([4.0, 3, 24, 18]), score=0.9, **more)


def test_the_command_lists_every_writer():
    assert tuple(WRITERS) == WRITTEN_FORMATS


def test_coco_predictions_have_scores_and_official_results(written):
    folder, notes = written("coco", [predicted(rle=encode(ring())), predicted()])
    content = json.loads((folder / "annotations/instances_train.json").read_text())
    first, second = content["annotations"]
    assert first["score"] == 0.9 and first["category_id"] == 2 and first["area"] == ring().sum()
    assert second["segmentation"] == [] and second["area"] == 300
    results = json.loads((folder / "results.json").read_text())
    assert results[0]["image_id"] == 1 and results[0]["bbox"] == [4, 3, 20, 15] and not notes
    assert (decode(results[0]["segmentation"]) == ring()).all()
    official = pytest.importorskip("pycocotools.coco")
    truth = official.COCO(str(folder / "annotations/instances_train.json"))
    assert truth.loadRes(str(folder / "results.json")).getAnnIds() == [1, 2]


def test_yolo_names_folders_and_has_no_scores(written):
    folder, notes = written("yolo", [predicted(polygons=two_parts()), predicted()])
    content = yaml.safe_load((folder / "data.yaml").read_text())
    assert content == {"train": "images/train", "names": {0: "cat", 1: "dog"}}
    outline, box = (folder / "labels/train/a b.txt").read_text().splitlines()
    assert box == "1 0.35 0.35 0.5 0.5"
    # Three vertices each, and the ends of the line between the parts once more.
    assert len(outline.split()) == 1 + 2 * 8
    assert "scores left out, as labels for training have none: 2." in notes
    assert (folder / "images/train/a b.png").is_file()


def test_class_names_that_yaml_would_change_stay_words(written):
    folder, _ = written("yolo", [predicted()], objects=("no", "1"), outlines=False)
    assert yaml.safe_load((folder / "data.yaml").read_text())["names"] == {0: "no", 1: "1"}


def test_labelme_groups_the_parts_of_an_object(written):
    points = np.array([[5.0, 6, 2], [7, 8, 1], [0, 0, 0]])
    objects = [predicted(polygons=two_parts(), keypoints=points), predicted(caption="small")]
    folder, notes = written("labelme", objects, keypoints=("nose", "tail", "ear"))
    content = json.loads((folder / "a b.json").read_text())
    assert content["imagePath"] == "a b.png" and (
        content["imageWidth"],
        content["imageHeight"],
    ) == (
        40,
        30,
    )
    assert content["imageData"] is None and not notes
    kinds = [(s["shape_type"], s["label"], s["group_id"]) for s in content["shapes"]]
    assert kinds == [
        ("polygon", "dog", 1),
        ("polygon", "dog", 1),
        ("point", "nose", 1),
        ("point", "tail", 1),
        ("rectangle", "dog", None),
    ]
    assert content["shapes"][4]["points"] == [[4, 3], [24, 18]]
    assert content["shapes"][4]["description"] == "small score 0.900"
    assert content["shapes"][4]["score"] == 0.9


def test_cvat_has_boxes_polygons_masks_skeletons_and_tags(written):
    objects = [predicted(), predicted(polygons=two_parts()), predicted(rle=encode(ring()))]
    folder, _ = written("cvat", objects)
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert [e.text for e in root.findall("meta/task/labels/label/name")] == ["cat", "dog"]
    image = root.find("image")
    assert image.attrib == {"id": "0", "name": "a b.png", "width": "40", "height": "30"}
    box, first, second, mask = image
    assert [box.get(k) for k in ("xtl", "ytl", "xbr", "ybr")] == ["4.00", "3.00", "24.00", "18.00"]
    assert box.get("source") == "auto" and box.find("attribute").text == "0.9000"
    assert first.get("group_id") == second.get("group_id") == "1" and not box.get("group_id")
    assert first.get("points") == "2.00,2.00;8.00,2.00;8.00,9.00"
    runs = list(map(int, mask.get("rle").split(",")))
    wide, high = int(mask.get("width")), int(mask.get("height"))
    values = np.repeat(np.arange(len(runs)) % 2, runs).reshape(high, wide)
    assert (values == ring()[4:20, 6:30]).all()
    assert (mask.get("left"), mask.get("top")) == ("6", "4")
    assert json.loads((folder / "labels.json").read_text())[1]["name"] == "dog"


def test_cvat_skeletons_and_tags(written, tmp_path):
    points = np.array([[5.0, 6, 2], [7, 8, 1], [0, 0, 0]])
    folder, notes = written(
        "cvat", [predicted(keypoints=points)], "val", keypoints=("nose", "tail", "ear")
    )
    image = ElementTree.parse(folder / "annotations.xml").getroot().find("image")
    assert image.get("name") == "val/a b.png" and image.get("subset") == "val"
    parts = image.find("skeleton").findall("points")
    assert [part.get("label") for part in parts] == ["nose", "tail", "ear"]
    assert [part.get("outside") for part in parts] == ["0", "0", "1"]
    assert [part.get("occluded") for part in parts] == ["0", "1", "0"] and len(notes) == 1
    os.rename(folder, tmp_path / "first")
    folder, _ = written("cvat", [], objects=(), labels=("day", "night"), label=1)
    tag = ElementTree.parse(folder / "annotations.xml").getroot().find("image/tag")
    assert tag.get("label") == "night" and tag.find("attribute").text == "0.7500"


def test_label_studio_predictions_in_percent(written, tmp_path):
    points = np.array([[10.0, 15, 2], [0, 0, 0]])
    objects = [predicted(keypoints=points), predicted(rle=encode(ring()))]
    folder, notes = written("label-studio", objects, keypoints=("nose", "tail"))
    (task,) = json.loads((folder / "tasks.json").read_text())
    assert task["data"]["image"] == "/data/local-files/?d=out-label-studio/images/a%20b.png"
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == "mask_rcnn" and prediction["score"] == 0.9
    box, point, polygon = prediction["result"]
    assert box["value"] == {
        **{"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0},
        "rectanglelabels": ["dog"],
    }
    assert (box["original_width"], box["original_height"], box["score"]) == (40, 30, 0.9)
    assert point["value"]["x"] == 25 and point["parentID"] == box["id"]
    assert polygon["value"]["closed"] and np.max(polygon["value"]["points"]) <= 100
    view = ElementTree.parse(folder / "label_config.xml").getroot()
    names = {control.get("name"): control.get("toName") for control in view[1:]}
    used = {region["from_name"]: region["to_name"] for region in prediction["result"]}
    assert names == used and "holes cut" in notes[0]
    assert [e.get("value") for e in view.find("KeyPointLabels")] == ["nose", "tail"]
    os.rename(folder, tmp_path / "first")
    folder, _ = written("label-studio", [], objects=(), labels=("day", "night"), label=0, model="")
    (task,) = json.loads((folder / "tasks.json").read_text())
    assert task["annotations"][0]["result"][0]["value"] == {"choices": ["day"]}


@pytest.mark.parametrize(
    ("name", "names", "problem"),
    [
        ("coco", {"labels": ("day",)}, "one class per image; write labelme, cvat or label-studio"),
        ("masks", {"objects": ("cat",)}, "masks need class maps or outlines"),
        ("masks", {"objects": tuple(map(str, range(300))), "outlines": True}, "a mask holds 255"),
        ("yolo", {}, "yolo holds objects, and it has none; use another"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_one_line(name, names, problem):
    with pytest.raises(InputError, match=problem) as caught:
        check_writable(name, LabelNames(**names), "data")
    assert "\n" not in str(caught.value)


def test_a_folder_appears_as_a_whole_or_not_at_all(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as temporary:
        (temporary / "a").touch()
        assert not any((tmp_path / "empty").iterdir())
    assert (tmp_path / "empty" / "a").is_file()
    for taken in (tmp_path / "empty", tmp_path / "empty" / "a"):
        with pytest.raises(InputError, match="already exists"), new_folder(taken):
            pass
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "deep" / "new"):
        raise KeyboardInterrupt
    assert not any((tmp_path / "deep").iterdir())


def test_images_are_linked_or_copied_and_keep_their_exif(tmp_path):
    source = tmp_path / "source.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(source, exif=exif)
    (tmp_path / "link.jpg").symlink_to(source)
    for copy in (False, True):
        image = LabeledImage("x", "", 30, 40, tmp_path / "link.jpg")
        name = ImagePlacement(copy).place(image, tmp_path / str(copy))
        target = tmp_path / str(copy) / name
        assert not target.is_symlink() and target.read_bytes() == source.read_bytes()
        assert target.samefile(source) != copy


def test_equal_and_awkward_names_stay_apart(tmp_path):
    placement = ImagePlacement()
    names = []
    for path in ("a/x.png", "b/x.png", "b/X.PNG", "c/x.jpg", "a/.hidden.png", "a/train.png"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(file)
        names.append(placement.place(LabeledImage(path, "", 4, 4, file), tmp_path / "out"))
    assert names == ["x.png", "b_x.png", "X_2.PNG", "c_x.jpg", "hidden.png", "image_train.png"]
    assert len(placement.renamed) == 5
    other = placement.place(LabeledImage("x", "", 4, 4, tmp_path / "a/x.png"), tmp_path / "val")
    assert other == "x.png"


@pytest.mark.parametrize("pixels", [np.uint8, np.uint16, np.float32])
def test_images_without_a_file_become_png(tmp_path, pixels):
    values = (np.arange(12).reshape(3, 4, 1) * 20).astype(pixels)
    name = ImagePlacement().place(LabeledImage("a", "", 4, 3, pixels=values), tmp_path)
    assert (np.asarray(Image.open(tmp_path / name)) == values[..., 0]).all()


def test_upright_coordinates_of_a_rotated_image(tmp_path):
    content = coco_content(2, annotations=[annotation(0, 10, (2, 5, 20, 30))])
    content["images"][0] |= {"width": 30, "height": 40}
    write_coco(tmp_path / "data", content)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "data/train/0.png", exif=exif)
    source = open_source(f"coco:{tmp_path / 'data'}?val=0.5")
    write_data_set(source, "yolo", tmp_path / "yolo")
    (line,) = (tmp_path / "yolo").glob("labels/*/0.txt")
    values = np.array(line.read_text().split()[1:], float).reshape(-1, 2)
    np.testing.assert_allclose(values.min(axis=0), [2 / 30, 5 / 40], atol=1e-5)


def test_defects_and_damaged_images_are_counted(tmp_path):
    content = coco_content(4)
    content["annotations"][0]["bbox"] = [5, 5, 0, 0]
    write_coco(tmp_path / "data", content)
    (tmp_path / "data/train/3.png").write_bytes(b"\x89PNG damaged")
    source = open_source(f"coco:{tmp_path / 'data'}?val=0.5")
    written = write_data_set(source, "voc", tmp_path / "voc")
    assert sum(written.images.values()) == 3 and written.objects == 2 and len(written.errors) == 1
    assert "objects left out, as they have a defect: 1." in written.notes
    assert "1 image left out" in written.notes[-1] and "3.png" in written.notes[-1]


def test_images_of_another_size_are_defects_of_the_command(tmp_path, capsys):
    content = coco_content(4)
    write_coco(tmp_path / "data", content)
    command = ["data", f"coco:{tmp_path / 'data'}?val=0.5", "--write", "yolo", "--out"]
    assert main([*command, str(tmp_path / "right")]) == 0
    stated = content["images"][0]
    stated["width"], stated["height"] = stated["height"], stated["width"]
    write_coco(tmp_path / "data", content)
    Image.new("RGB", (stated["height"], stated["width"])).save(tmp_path / "data/train/0.png")
    assert main([*command, str(tmp_path / "wrong")]) == 1
    assert "1 defect in the labels; `zoo data" in capsys.readouterr().err
