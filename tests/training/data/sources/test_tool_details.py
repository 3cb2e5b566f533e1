"""Details of the files of labelme, VIA, Label Studio, Supervisely and CreateML."""

import base64
import json

import numpy as np
import pytest
from PIL import Image
from tool_folders import brush_bytes, png_text

from training.data.sources import open_source
from training.data.sources.annotation_tools.drawn_shapes import (
    ellipse,
    mask_shape,
    merged,
    polygon_with_holes,
    rotated_rectangle,
)
from training.data.sources.annotation_tools.png_masks import read_png_mask
from training.data.sources.label_studio.brush_rle import read_brush
from training.data.sources.objects.run_lengths import run_lengths
from zoo.errors import InputError

WIDTH, HEIGHT = 100, 60
OUTLINE = [[10, 10], [40, 10], [40, 30], [10, 30]]


def save(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(path)


def write(root, name, content):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content if isinstance(content, str) else json.dumps(content))


def objects(source):
    """Returns (class, box, difficult) of every object that is not padding."""
    found = []
    for split in source.sizes:
        columns = {
            key: values.numpy() for key, (values, _) in source._columns[split].ragged.items()
        }
        keys = zip(columns["labels"], columns["boxes"], columns["difficult"], strict=True)
        found += [
            (source.object_names[label], np.round(box).astype(int).tolist(), bool(difficult))
            for label, box, difficult in keys
            if label >= 0
        ]
    return sorted(found)


def labelme(shapes, image="a.jpg", **more):
    size = {"imageWidth": WIDTH, "imageHeight": HEIGHT}
    return {"version": "5.5", "flags": {}, "shapes": shapes, "imagePath": image, **size, **more}


def shape(label="cat", points=OUTLINE, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def one_labelme(root, shapes, **more):
    """Opens a folder with these shapes, and another image that has one object."""
    save(root, "a.jpg", "b.jpg")
    write(root, "a.json", labelme(shapes, **more))
    write(root, "b.json", labelme([shape("dog")], "b.jpg"))
    return open_source(f"labelme:{root}")


@pytest.mark.parametrize(
    "path",
    ["a.jpg", "..\\pics\\a.jpg", "../elsewhere/a.jpg", "C:\\Users\\me\\a.jpg", "old.jpg", None],
)
@pytest.mark.parametrize("folders", [("", ""), ("pics/", "json/")])
def test_labelme_finds_its_image(tmp_path, path, folders):
    images, labels = folders
    save(tmp_path, f"{images}a.jpg", f"{images}b.jpg")
    write(tmp_path, f"{labels}a.json", labelme([shape()], path))
    write(tmp_path, f"{labels}b.json", labelme([shape()], "b.jpg"))
    source = open_source(f"labelme:{tmp_path}")
    assert source.sizes == {"train": 1, "val": 1}
    assert source.defects == []


def test_labelme_image_data_without_image(tmp_path):
    source = one_labelme(tmp_path, [shape()], image="gone.jpg", imageData="aGVsbG8=")
    assert source.defects == []  # a.jpg has the name of its JSON file
    (tmp_path / "a.jpg").unlink()
    source = open_source(f"labelme:{tmp_path}")
    assert next(str(defect).removeprefix(f"{tmp_path}/") for defect in source.defects) == (
        "a.json: no such image gone.jpg, but imageData contains it; save imageData as this file, "
        "for example with labelme_export_json."
    )
    assert source.defects[0].unused == "image"


def test_labelme_ignored_regions_and_flags(tmp_path):
    shapes = [shape("__ignore__"), shape("_background_"), shape(flags={"difficult": True})]
    source = one_labelme(tmp_path, [*shapes, shape("cow", [[1, 1], [9, 9]], "linestrip")])
    assert source.object_names == ("cat", "dog")
    assert [item[2] for item in objects(source)] == [True, True, False]
    assert source.defects == []
    assert {note.split(" ", 1)[0] for note in source.notes} == {"1"}


def test_labelme_groups(tmp_path):
    other = [[50, 20], [60, 20], [60, 50]]
    shapes = [shape(group_id=1), shape(points=other, group_id=1), shape("dog", other, group_id=1)]
    source = one_labelme(tmp_path, shapes)
    expected = [("cat", [10, 10, 60, 50]), ("dog", [10, 10, 40, 30]), ("dog", [50, 20, 60, 50])]
    assert [item[:2] for item in objects(source)] == expected


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (shape(points=[[1, 2], [30, 40]]), "a polygon of 2 points"),
        (shape(kind="cuboid"), "unknown shape type cuboid"),
        (shape(kind="circle"), "a circle of 4 points instead of 2"),
        (shape(kind="mask", mask="%%"), "a mask that is not base64"),
        (shape(kind="mask", mask="aGVsbG8="), "a mask that is not a PNG image"),
        (shape(label=None), "no class name"),
        (shape(label=["cat"]), "class name ['cat']"),
    ],
)
def test_labelme_bad_shapes_with_a_box_are_never_background(tmp_path, bad, problem):
    source = one_labelme(tmp_path, [bad])
    assert [defect.problem for defect in source.defects] == [problem]
    assert source.defects[0].record == "shape 1"
    assert sum(difficult for _, _, difficult in objects(source)) == 1


def test_labelme_labels_file_is_the_order(tmp_path):
    write(tmp_path, "labels.txt", "__ignore__\n_background_\ndog\ncat\n")
    source = one_labelme(tmp_path, [shape(), shape("cow")])
    assert source.object_names == ("dog", "cat")
    assert "class cow is not listed" in str(source.defects[0])


def via_region(value, name="label"):
    attributes = {} if value is None else {name: value, "quality": {"good": True}}
    box = {"name": "rect", "x": 10, "y": 10, "width": 30, "height": 20}
    return {"shape_attributes": box, "region_attributes": attributes}


def one_via(root, values, query="", declared=None, wrap=True, **more):
    save(root, "a.jpg", "b.jpg")
    regions = [via_region(value, **more) for value in values]
    images = {
        "a.jpg-1": {"filename": "a.jpg", "size": -1, "regions": regions, "file_attributes": {}},
        # VIA 1 numbers its regions.
        "b.jpg9": {"filename": "x/b.jpg", "size": 9, "regions": dict(enumerate(regions))},
    }
    content = {"_via_img_metadata": images, "_via_attributes": {"region": declared or {}}}
    write(root, "via.json", content if wrap else images)
    return open_source(f"via:{root}{query}")


@pytest.mark.parametrize("wrap", [True, False])
def test_via_attributes(tmp_path, wrap):
    source = one_via(tmp_path, ["cat", "dog", {"cow": True, "pig": False}], wrap=wrap)
    assert source.object_names == ("cat", "cow", "dog")
    assert source.notes == [
        "the class is the region attribute label, not quality; select another one with "
        "attribute=NAME."
    ]
    source = one_via(tmp_path, ["cat", "dog"], "?attribute=quality", wrap=wrap)
    assert source.object_names == ("good",)
    with pytest.raises(InputError, match="no region attribute 'lable'; did you mean 'label'"):
        open_source(f"via:{tmp_path}?attribute=lable")


def test_via_without_attributes_has_one_class(tmp_path):
    source = one_via(tmp_path, [None, None])
    assert source.object_names == ("object",)
    assert source.notes == ["regions have no attributes: all are of the class object."]


def test_via_options_are_the_classes(tmp_path):
    declared = {"label": {"type": "dropdown", "options": {"2": "dog", "1": "cat", "cow": ""}}}
    source = one_via(tmp_path, ["1", "2", "", "pig"], declared=declared)
    assert source.object_names == ("dog", "cat", "cow")
    assert {defect.problem for defect in source.defects} == {
        "no class name",
        "class pig is not listed",
    }


def test_via_project_and_export_are_read_once(tmp_path):
    one_via(tmp_path, ["cat"])
    write(tmp_path, "export.json", (tmp_path / "via.json").read_text())
    source = open_source(f"via:{tmp_path}")
    assert len(objects(source)) == 2
    assert any("2 images of" in note and "are used instead" in note for note in source.notes)


def ls_region(kind="rectangle", number="r1", labels=("cat",), **value):
    value = value or {"x": 10, "y": 50, "width": 40, "height": 25, "rotation": 0}
    names = {f"{kind}labels": list(labels)} if labels else {}
    sides = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"id": number, "type": f"{kind}labels", "value": {**value, **names}, **sides}


def ls_task(image, *regions, **more):
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(regions)}], **more}


def one_label_studio(root, *tasks, query=""):
    save(root, "images/a.jpg", "images/b c.jpg")
    write(root, "export.json", list(tasks))
    return open_source(f"label_studio:{root}{query}")


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/0a1b2c3d-b_c.jpg",
        "/data/local-files/?d=images/b%20c.jpg",
        "s3://bucket/images/b c.jpg",
        "https://host/images/b%20c.jpg?sign=1",
        "b c.jpg",
    ],
)
def test_label_studio_finds_its_images(tmp_path, image):
    tasks = [ls_task(image, ls_region()), ls_task("a.jpg", ls_region())]
    source = one_label_studio(tmp_path, *tasks)
    assert source.defects == []
    assert objects(source) == [("cat", [10, 30, 50, 45], False)] * 2


def test_label_studio_regions_in_two_results(tmp_path):
    shape_only = ls_region(labels=())
    labels = ls_region(labels=("dog", "cat"))
    labels = {
        **labels,
        "type": "labels",
        "value": {**shape_only["value"], "labels": ["dog", "cat"]},
    }
    choice = {"id": "c", "type": "choices", "value": {"choices": ["day"]}}
    relation = {"type": "relation", "from_id": "r1", "to_id": "r2"}
    task = ls_task("a.jpg", {**shape_only, "type": "rectangle"}, labels, choice, relation)
    source = one_label_studio(tmp_path, task, ls_task("b c.jpg"))
    assert objects(source) == [("dog", [10, 30, 50, 45], False)]
    assert source.defects == []
    assert len(source.notes) == 3


def test_label_studio_tasks(tmp_path):
    """Cancelled and missing annotations leave an image out; an empty one is an image."""
    box, other = ls_region(), ls_region(labels=("dog",))
    cancelled = {"was_cancelled": True, "result": [other]}
    tasks = [
        {**ls_task("a.jpg"), "annotations": [cancelled, {"result": [box]}, {"result": [other]}]},
        {**ls_task("b c.jpg"), "annotations": [], "predictions": [{"result": [other]}]},
    ]
    source = one_label_studio(tmp_path, *tasks)
    assert sum(source.sizes.values()) == 1
    assert [item[0] for item in objects(source)] == ["cat"]
    notes = " ".join(source.notes)
    assert "1 tasks have several annotations" in notes and "1 tasks have no annotation" in notes
    source = one_label_studio(tmp_path, *tasks, query="?predictions=1")
    assert [item[0] for item in objects(source)] == ["cat", "dog"]


def test_label_studio_brush_is_checked():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:20, 30:60] = True
    values = brush_bytes(mask)
    assert (read_brush(values, HEIGHT, WIDTH) == mask).all()
    for bad in (values[:20], values[:3], [1, 2, 300], "rle", [], None, [True] * 9):
        with pytest.raises(ValueError, match="rle"):
            read_brush(bad, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="not of 4 for each of the pixels"):
        read_brush(values, HEIGHT, WIDTH + 1)


def one_supervisely(root, entry, tags=(), name="a.jpg.json"):
    save(root, "ds/img/a.jpg", "ds/img/b.jpg")
    size = {"width": WIDTH, "height": HEIGHT}
    meta = {"classes": [{"title": "dog"}, {"title": "cat"}, {"title": "way", "shape": "line"}]}
    write(root, "meta.json", meta)
    plain = {
        "classTitle": "dog",
        "geometryType": "rectangle",
        "points": {"exterior": [[1, 2], [9, 9]]},
    }
    write(root, f"ds/ann/{name}", {"size": size, "tags": list(tags), "objects": [entry]})
    tags = [{"name": "train"}] if tags else []
    write(root, "ds/ann/b.jpg.json", {"size": size, "tags": tags, "objects": [plain]})
    return open_source(f"supervisely:{root}")


def test_supervisely_tags_and_old_names(tmp_path):
    entry = {"classTitle": "cat", "points": {"exterior": OUTLINE}}
    source = one_supervisely(tmp_path, entry, [{"name": "val"}], "a.json")
    assert source.sizes == {"val": 1, "train": 1}
    assert source.object_names == ("dog", "cat")
    assert ("cat", [10, 10, 40, 30], False) in objects(source)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"classTitle": "cow"}, "class cow is not listed"),
        ({"points": None}, "points None"),
        ({"points": {"exterior": OUTLINE, "interior": 5}}, "interior 5"),
        ({"geometryType": "mesh"}, "unknown geometryType mesh"),
        ({"geometryType": "bitmap"}, "bitmap None"),
        (
            {"geometryType": "bitmap", "bitmap": {"origin": [1, 2], "data": "eJw="}},
            "a mask that is",
        ),
    ],
)
def test_supervisely_bad_objects(tmp_path, change, problem):
    entry = {"classTitle": "cat", "geometryType": "polygon", "points": {"exterior": OUTLINE}}
    source = one_supervisely(tmp_path, {**entry, **change})
    assert len(source.defects) == 1
    assert source.defects[0].problem.startswith(problem)


def test_createml_spellings(tmp_path):
    save(tmp_path, "a.jpg", "b.jpg")
    item = {"label": "cat", "coordinates": {"x": 30, "y": 20, "width": 20, "height": 10}}
    content = [
        {"imagefilename": "a.jpg", "annotation": [item]},
        {"image": "b.jpg", "annotations": []},
    ]
    write(tmp_path, "annotations.json", content)
    assert objects(open_source(f"createml:{tmp_path}")) == [("cat", [20, 15, 40, 25], False)]


def test_turned_shapes_have_tight_boxes():
    assert ellipse(0, 0, 20, 10, 90).box == (-10, -20, 10, 20)
    assert rotated_rectangle(5, 5, 20, 10, 90).box == (-5, 5, 5, 25)
    assert rotated_rectangle(5, 5, 20, 10, 90).polygons == []
    turned = rotated_rectangle(0, 0, 10, 10, 45)
    np.testing.assert_allclose(turned.box, (-(50**0.5), 0, 50**0.5, 200**0.5))
    assert len(turned.polygons) == 1


def test_masks_are_clipped_to_the_image_and_united():
    mask = np.ones((10, 8), bool)
    clipped = mask_shape(mask, -3, HEIGHT - 4, HEIGHT, WIDTH)
    full = np.zeros((HEIGHT, WIDTH), bool)
    full[HEIGHT - 4 :, :5] = True
    assert clipped.box == (0, HEIGHT - 4, 5, HEIGHT)
    assert list(clipped.run_lengths) == run_lengths(full)
    other = mask_shape(mask, 3, HEIGHT - 12, HEIGHT, WIDTH)
    full[HEIGHT - 12 : HEIGHT - 2, 3:11] = True
    assert list(merged([clipped, other]).run_lengths) == run_lengths(full)
    tall = mask_shape(np.ones((HEIGHT, 3), bool), 2, 0, HEIGHT, WIDTH)
    assert list(tall.run_lengths) == [2 * HEIGHT, 3 * HEIGHT, 95 * HEIGHT]
    for position in ((WIDTH, 0), (0, -10)):
        with pytest.raises(ValueError, match="without pixels in the image"):
            mask_shape(mask, *position, HEIGHT, WIDTH)


def test_holes_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="leave nothing"):
        polygon_with_holes(OUTLINE, [OUTLINE], HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="no width and height"):
        polygon_with_holes(OUTLINE, [OUTLINE], 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_png_masks_of_any_mode(mode, tmp_path):
    mask = np.zeros((6, 7), bool)
    mask[2:4, 3:] = True
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    if mode in ("RGBA", "LA"):
        white = Image.new("L", image.size, 255)
        image = Image.merge(mode, [*[white] * (len(mode) - 1), image])
    elif mode == "P":
        image = Image.fromarray(mask.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.info["transparency"] = 0
    else:
        image = image.convert(mode)
    image.save(tmp_path / "mask.png")
    text = base64.b64encode((tmp_path / "mask.png").read_bytes()).decode()
    assert (read_png_mask(f"data:image/png;base64,{text}") == mask).all()
    assert (read_png_mask(png_text(mask, compress=True), compressed=True) == mask).all()
