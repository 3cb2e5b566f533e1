"""VOC's XML files and images in the places where tools put them, and their outlines."""

import pytest
from object_folders import make_image, stored_values, voc_xml, write_voc

from training.data.sources import open_source
from zoo.errors import InputError

CAT = ("cat", 5, 6, 14, 20)
FILES = {name: [CAT] for name in "abc"}


def images_of(source, split="train"):
    return sorted(str(image.file.relative_to(source.root)) for image in source.images[split])


@pytest.mark.parametrize(
    ("xml", "images"),
    [
        (".", "."),
        ("images", "images"),
        ("img", "img"),
        ("Annotations/day1", "JPEGImages/day1"),
        ("labels/deep/er", "images/deep/er"),
        ("anything", "anything"),
        ("xmls", "photos"),
        ("VOC/Annotations", "VOC/JPEGImages"),
    ],
)
def test_places(tmp_path, xml, images):
    write_voc(tmp_path, FILES, xml, images)
    make_image(tmp_path / images / "unlabeled.png")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 2, "val": 1} and source.defects == []
    assert source.notes == ["1 images have no XML file and were not read."]


@pytest.mark.parametrize(
    ("xml", "images"),
    [
        ("images/{}", "images/{}"),
        ("{}", "{}"),
        ("Annotations/{}", "JPEGImages/{}"),
        ("{}/Annotations", "{}/JPEGImages"),
        ("{}/labels", "{}/images"),
    ],
)
def test_folders_of_splits(tmp_path, xml, images):
    for split, names in (("train", "ab"), ("test", "abc")):
        files = {name: [CAT] for name in names}
        write_voc(tmp_path, files, xml.format(split), images.format(split))
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 2, "test": 3} or source.sizes == {"test": 3, "train": 2}
    assert source.defects == [] and images_of(source) == [
        f"{images.format('train')}/{name}.png" for name in "ab"
    ]


def test_equal_names_in_two_folders_are_two_images(tmp_path):
    for day in ("day1", "day2"):
        write_voc(tmp_path, {"a": [CAT]}, f"Annotations/{day}", f"JPEGImages/{day}")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 1, "val": 1} and source.defects == []
    found = images_of(source) + images_of(source, "val")
    assert sorted(found) == ["JPEGImages/day1/a.png", "JPEGImages/day2/a.png"]


def test_lists_of_each_class(tmp_path):
    write_voc(tmp_path, {**FILES, "d": [CAT]})
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "cat_train.txt").write_text("a.png 1\nb.png -1\n")
    (lists / "dog_train.txt").write_text("b.png 1\n")
    (lists / "cat_val.txt").write_text("c.png 1\n")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 2, "val": 1}
    assert source.notes == ["1 XML files are not listed in any split and were not read."]


@pytest.mark.parametrize(
    "names",
    [
        "<filename>photo 1.png</filename>",
        "<folder>raw</folder><filename>photo 1</filename>",
        "<filename>x.png</filename><path>C:\\me\\raw\\photo 1.png</path>",
        "<filename>photo%201.png</filename>",
    ],
)
def test_an_image_that_only_the_content_names(tmp_path, names):
    write_voc(tmp_path, {"b": [CAT]})
    (tmp_path / "Annotations" / "000001.xml").write_text(
        voc_xml([CAT]).replace("<filename>other.jpg</filename>", names)
    )
    make_image(tmp_path / "JPEGImages" / "raw" / "photo 1.png")
    source = open_source(f"voc:{tmp_path}")
    assert source.defects == [] and sum(source.sizes.values()) == 2
    assert "JPEGImages/raw/photo 1.png" in images_of(source) + images_of(source, "val")


def test_two_xml_files_of_one_image(tmp_path):
    write_voc(tmp_path, FILES)
    copy = voc_xml([CAT], filename="a.png")
    (tmp_path / "Annotations" / "a (copy).xml").write_text(copy)
    source = open_source(f"voc:{tmp_path}")
    (defect,) = source.defects
    assert sum(source.sizes.values()) == 3 and "its image a.png is that of" in defect.problem


def test_broken_files_leave_a_split_empty(tmp_path):
    write_voc(tmp_path, {"a": "<annotation", "b": "<annotation><object>"}, "train", "train")
    write_voc(tmp_path, {"c": [CAT]}, "valid", "valid")
    source = open_source(f"voc:{tmp_path}")
    assert source.sizes == {"train": 0, "val": 1} and len(source.defects) == 2
    assert {(d.split, d.unused) for d in source.defects} == {("train", "image")}


POINTS = ((4, 5), (20, 5), (20, 25))
OUTLINES = {
    "Roboflow": "".join(f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate(POINTS, 1)),
    "LabelMe": "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in POINTS),
}


@pytest.mark.parametrize("form", OUTLINES)
@pytest.mark.parametrize("boxed", [True, False])
def test_outlines(tmp_path, form, boxed):
    outline = f"<polygon>{OUTLINES[form]}</polygon>"
    element = f"<object><name>dog</name>{outline}</object></annotation>"
    if boxed:
        box = "<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>20</xmax><ymax>25</ymax></bndbox>"
        element = element.replace("</name>", f"</name>{box}")
    xml = voc_xml([CAT]).replace("</annotation>", element)
    write_voc(tmp_path, {"a": xml, "b": [CAT]})
    source = open_source(f"voc:{tmp_path}?mask_size=8")
    assert source.defects == [] and "masks" in source.keys
    boxes = [[4, 5, 14, 20], [4, 5, 20, 25]]
    assert stored_values(source) == {"a": boxes, "b": boxes[:1]}
    if boxed and form == "LabelMe":
        samples = {name[-5]: s for split in source.sizes for name, s in source.samples(split)}
        box_only, outline = samples["a"]["masks"]
        assert (box_only == 255).all() and outline[0].all() and not outline[7, 0]


@pytest.mark.parametrize(
    ("element", "words"),
    [
        ("<robndbox><cx>9</cx></robndbox>", "only a rotated <robndbox>"),
        ("<polygon><x1>4</x1></polygon>", "no <bndbox>"),
        ("", "no <bndbox>"),
    ],
)
def test_objects_without_a_box(tmp_path, element, words):
    good = voc_xml([CAT])
    bad = good.replace("</annotation>", f"<object><name>x</name>{element}</object></annotation>")
    source = open_source(f"voc:{write_voc(tmp_path, {'a': bad, 'b': [CAT]})}")
    (defect,) = source.defects
    assert words in defect.problem and defect.record == "object 2"


def test_another_kind_of_xml_and_none(tmp_path):
    write_voc(tmp_path, {"a": "<annotations><image/></annotations>", "b": [CAT]}, ".", ".")
    (defect, *_) = open_source(f"voc:{tmp_path}").defects
    assert "not <annotations>; export it in Pascal VOC's format" in str(defect)
    with pytest.raises(InputError, match="layout not recognized, no XML files"):
        open_source(f"voc:{tmp_path.joinpath('none').mkdir() or tmp_path / 'none'}")
