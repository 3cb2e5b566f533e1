"""`csv:` — tables of boxes as different tools write them."""

import numpy as np
import pytest
from PIL import Image

from training.data.sources import open_source
from zoo.errors import InputError

IMAGES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


def folder(root, tables, images=IMAGES, where="."):
    for name in images:
        (root / where).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (100, 50)).save(root / where / name)
    for name, text in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.strip().replace(" ", "") + "\n")
    return f"csv:{root}"


def rows(source):
    """Returns (image, class, box in pixels) of every object, and all image names."""
    found, names = [], []
    for split in source.sizes:
        columns = source._columns[split]
        for index in range(source.sizes[split]):
            row = columns.row(index)
            name = row["image"].numpy().decode().rsplit("/", 1)[-1]
            names.append(name)
            for box, label in zip(row["boxes"].numpy(), row["labels"].numpy(), strict=True):
                box = box * (100, 50, 100, 50) if source.relative else box
                found.append((name, source.object_names[label], *np.round(box, 3).tolist()))
    return sorted(found), sorted(names)


EXPECTED = [("a.jpg", "cat", 10, 5, 30, 25), ("a.jpg", "dog", 40, 10, 90, 45)]
EXPECTED += [("b.jpg", "cat", 0, 0, 20, 50)]

TABLES = {
    "tensorflow": """
        filename,width,height,class,xmin,ymin,xmax,ymax
        a.jpg,100,50,cat,10,5,30,25
        a.jpg,100,50,dog,40,10,90,45
        b.jpg,100,50,cat,0,0,20,50
        c.jpg,100,50,,,,,
        d.jpg,100,50,,,,,""",
    "retinanet": """
        /data/imgs/a.jpg,10,5,30,25,cat
        /data/imgs/a.jpg,40,10,90,45,dog
        /data/imgs/b.jpg,0,0,20,50,cat
        c.jpg,,,,,
        d.jpg,,,,,""",
    "makesense": """
        cat,10,5,20,20,a.jpg,100,50
        dog,40,10,50,35,a.jpg,100,50
        cat,0,0,20,50,b.jpg,100,50
        ,,,,,c.jpg,100,50
        ,,,,,d.jpg,100,50""",
    "open images": """
        ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf
        a,xclick,cat,1,0.1,0.3,0.1,0.5,0,0
        a,xclick,dog,1,0.4,0.9,0.2,0.9,0,0
        b,xclick,cat,1,0,0.2,0,1,0,0
        c,xclick,,,,,,,,
        d,xclick,,,,,,,,""",
    "automl": """
        UNASSIGNED,gs://bucket/x/a.jpg,cat,0.1,0.1,,,0.3,0.5,,
        UNASSIGNED,gs://bucket/x/a.jpg,dog,0.4,0.2,0.9,0.2,0.9,0.9,0.4,0.9
        UNASSIGNED,gs://bucket/x/b.jpg,cat,0,0,,,0.2,1,,
        UNASSIGNED,gs://bucket/x/c.jpg,,,,,,,,,
        UNASSIGNED,gs://bucket/x/d.jpg,,,,,,,,,""",
    "corner and size": """
        image_name;bbox_x;bbox_y;bbox_width;bbox_height;label_name;image_width;image_height
        a.jpg;10;5;20;20;cat;100;50
        a.jpg;40;10;50;35;dog;100;50
        b.jpg;0;0;20;50;cat;100;50
        c.jpg;;;;;;100;50
        d.jpg;;;;;;100;50""",
    "center": """
        img,x_center,y_center,width,height,category
        a.jpg,0.2,0.3,0.2,0.4,cat
        a.jpg,0.65,0.55,0.5,0.7,dog
        b.jpg,0.1,0.5,0.2,1,cat
        c.jpg,,,,,
        d.jpg,,,,,""",
    "one column": """
        image_id,width,height,bbox,class
        a,100,50,"[10.0,5.0,20.0,20.0]",cat
        a,100,50,"[40,10,50,35]",dog
        b,100,50,"[0,0,20,50]",cat
        c,100,50,,
        d,100,50,,""",
    "class first": """
        a.jpg,cat,10,5,30,25
        a.jpg,dog,40,10,90,45
        b.jpg,cat,0,0,20,50
        c.jpg,,,,,
        d.jpg,,,,,""",
    "size last": """
        a.jpg,10,5,30,25,cat,100,50
        a.jpg,40,10,90,45,dog,100,50
        b.jpg,0,0,20,50,cat,100,50
        c.jpg,,,,,,100,50
        d.jpg,,,,,,100,50""",
}


@pytest.mark.parametrize("kind", TABLES)
def test_orders_and_spellings_of_columns(tmp_path, kind):
    source = open_source(folder(tmp_path, {"labels.csv": TABLES[kind]}, where="images"))
    assert source.defects == []
    assert rows(source) == (EXPECTED, list(IMAGES))
    assert source.object_names == ("cat", "dog")
    assert source.relative == (kind in ("open images", "automl", "center"))


def test_open_images_groups_and_names(tmp_path):
    table = """
        ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf
        a,/m/0b,1,0.1,0.3,0.1,0.5,1
        b,/m/0a,1,0.1,0.3,0.1,0.5,0"""
    names = "/m/0a,Apple\n/m/0b,Banana\n/m/0c,Cherry"
    spec = folder(tmp_path, {"x/train-boxes.csv": table, "class-descriptions.csv": names})
    source = open_source(spec)
    assert source.object_names == ("Apple", "Banana")
    columns = [source._columns[split].ragged for split in ("train", "val")]
    read = {int(c["labels"][0][0]): bool(c["crowd"][0][0]) for c in columns}
    assert read == {0: False, 1: True}


def test_table_of_classes_is_the_order_and_the_limit(tmp_path):
    table = "a.jpg,1,2,30,20,dog\nb.jpg,1,2,30,20,cat\nc.jpg,1,2,30,20,cow"
    spec = folder(tmp_path, {"all.csv": table, "classes.csv": "dog,0\nsheep,2\ncat,1"})
    source = open_source(spec)
    assert source.object_names == ("dog", "cat", "sheep")
    assert [str(d).split(": ", 1)[1] for d in source.defects] == [
        "c.jpg, line 3: class cow is not listed; correct it or list the class."
    ]
    numbers = open_source(folder(tmp_path, {"all.csv": table.replace("dog", "2")}))
    assert rows(numbers)[0][0][:2] == ("a.jpg", "sheep")


@pytest.mark.parametrize("by", ["names", "folders", "column", "automl"])
def test_splits(tmp_path, by):
    head, row = "image,x1,y1,x2,y2,class", "{}.jpg,1,2,30,20,dog"
    if by == "column":
        text = f"{head},split\n{row},train\n{row},valid\n{row},test".format("a", "b", "c")
        tables = {"t.csv": text}
    elif by == "automl":
        row = "{},gs://b/{}.jpg,dog,0.1,0.1,,,0.3,0.5,,"
        lines = [
            row.format(*pair) for pair in zip(("TRAIN", "VALIDATE", "TEST"), "abc", strict=True)
        ]
        tables = {"t.csv": "\n".join(lines)}
    else:
        name = "{}_labels.csv" if by == "names" else "{}/_annotations.csv"
        pairs = zip(("train", "validation", "test"), "abc", strict=True)
        tables = {name.format(split): f"{head}\n{row.format(image)}" for split, image in pairs}
    assert open_source(folder(tmp_path, tables)).sizes == {"train": 1, "val": 1, "test": 1}


BAD_ROWS = {
    "a.jpg,1,2,three,4,cat": "line 2: 'three' is not a number",
    "a.jpg,1,2,,20,cat": "line 2: an empty coordinate",
    "a.jpg,1,2,nan,20,cat": "line 2: box [1 2 nan 20] is not finite",
    "a.jpg,30,20,1,2,cat": "line 2: box [30 20 1 2] has its corners swapped",
    "a.jpg,,,,,cat": "line 2: no box, but the class cat",
    "a.jpg,1,2,30,20,": "line 2: no class name",
    "a.jpg,1,2,30,20": "line 2: 5 fields instead of 6",
    ",1,2,30,20,cat": "line 2: image name ; name the image's file",
    "e.jpg,1,2,30,20,cat": "e.jpg",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_bad_rows_are_defects(tmp_path, row):
    text = f"image,x1,y1,x2,y2,class\n{row}\nb.jpg,1,2,30,20,cat\nc.jpg,1,2,30,20,cat"
    source = open_source(folder(tmp_path, {"t.csv": text}))
    assert len(source.defects) == 1
    assert BAD_ROWS[row] in str(source.defects[0])
    assert source.defects[0].unused


def test_units_and_orders_by_option(tmp_path):
    text = "image,x1,y1,x2,y2,class\na.jpg,0,0,9,9,cat\nb.jpg,10,10,20,15,cat"
    spec = folder(tmp_path, {"t.csv": text})
    assert rows(open_source(f"{spec}?boxes=xywh"))[0][1] == ("b.jpg", "cat", 10, 10, 30, 25)
    assert rows(open_source(f"{spec}?boxes=center"))[0][1] == ("b.jpg", "cat", 0, 2.5, 20, 17.5)
    (tmp_path / "u.csv").write_text("image,x1,y1,x2,y2,class\nd.jpg,0.1,0.1,0.5,0.5,cat\n")
    with pytest.raises(InputError, match=r"in fractions .* in pixels; convert one"):
        open_source(spec)
    assert not open_source(f"{spec}?units=pixels").relative


def test_other_tables_are_noted_and_no_table_is_refused(tmp_path):
    spec = folder(tmp_path, {"t.csv": TABLES["retinanet"], "w.csv": "image,weather\na.jpg,sun"})
    assert any("w.csv is no table of boxes" in note for note in open_source(spec).notes)
    (tmp_path / "t.csv").unlink()
    with pytest.raises(InputError, match="no table of boxes; add a CSV file with the columns"):
        open_source(spec)
