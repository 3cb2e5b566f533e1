"""YOLO data sets as tools export them: paths, lists, links and YAML."""

import pytest
import yaml
from object_folders import make_image, stored_values

from training.data.sources import open_source
from training.data.sources.reading.defects import summary
from zoo.errors import InputError

LINE = "0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.2\n"


def write(root, images="images/{}", labels="labels/{}", splits=("train", "val"), count=2):
    """Writes images `train0.png`, … and their label files; returns the folder."""
    for split in splits:
        for number in range(count):
            name = f"{split}{number}"
            make_image(root / images.format(split) / f"{name}.png")
            path = root / labels.format(split) / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(LINE)
    return root


def data(root, text=None, **content):
    content = {"names": ["a", "b"], **content}
    (root / "data.yaml").write_text(yaml.safe_dump(content) if text is None else text)
    return f"yolo:{root}"


def objects(source, split="train"):
    """Returns the number of objects of each image of a split."""
    found = stored_values(source)
    return [len(found[image.file.stem]) for image in source.images[split]]


FORMS = {
    "backslashes": ("images/{}", ".\\", "images\\{}"),
    "Ultralytics": ("images/{}", "../datasets/x", "images/{}"),
    "Roboflow": ("{}/images", None, "../{}/images"),
    "FiftyOne": ("images/{}", "/tmp/export", "./images/{}/"),
    "Colab": ("{}/images", None, "/content/set-1/{}/images"),
    "Windows": ("images/{}", "D:\\sets\\x", "D:\\sets\\x\\images\\{}"),
    "folder's name": ("{}/images", None, "{}"),
}


@pytest.mark.parametrize("form", FORMS)
def test_paths_of_tools(tmp_path, form):
    images, path, entry = FORMS[form]
    write(tmp_path, images, images.replace("images", "labels"))
    content = {split: entry.format(split) for split in ("train", "val")}
    content |= {"path": path} if path else {"test": None}
    source = open_source(data(tmp_path, **content))
    assert source.sizes == {"train": 2, "val": 2} and source.defects == []
    assert objects(source) == [2, 2]


LISTED = {
    "CVAT": "data/images/{0}/{0}{1}.png",
    "moved": "/home/me/old/images/{0}/{0}{1}.png",
    "Windows": "C:\\old\\images\\{0}\\{0}{1}.png",
    "below": "./images/{0}/{0}{1}.png",
    "quoted": '"images/{0}/{0}{1}.png"',
}


@pytest.mark.parametrize("form", LISTED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists(tmp_path, form, encoding):
    write(tmp_path)
    for split in ("train", "val"):
        text = "".join(f"{LISTED[form].format(split, number)}\r\n" for number in range(2))
        (tmp_path / f"{split}.txt").write_bytes(text.encode(encoding))
    source = open_source(data(tmp_path, path=".", train="train.txt", val="val.txt"))
    assert source.sizes == {"train": 2, "val": 2} and source.defects == source.notes == []


@pytest.mark.parametrize("stale", ["data/obj/{}.png", "/home/me/{}.png", "D:\\x\\{}.png"])
def test_stale_lists_name_the_missing_images(tmp_path, stale):
    write(tmp_path)
    (tmp_path / "train.txt").write_text(stale.format("train0") + "\nimages/train/train1.png\n")
    (tmp_path / "val.txt").write_text(stale.format("val0") + "\n")
    source = open_source(data(tmp_path, train="train.txt", val="val.txt"))
    assert source.sizes == {"train": 1, "val": 0}
    first, second = source.defects
    assert str(first) == (
        f"{tmp_path}/train.txt: line 1: no such image {stale.format('train0')}; restore the file "
        "or correct the list."
    )
    assert second.split == "val" and stale.format("val0") in second.problem
    assert {defect.unused for defect in source.defects} == {"image"}


def test_a_list_that_names_itself(tmp_path):
    write(tmp_path)
    (tmp_path / "train.txt").write_text("train.txt\ndata.yaml\n")
    source = open_source(data(tmp_path, train="train.txt", val="images/val"))
    assert source.sizes == {"train": 0, "val": 2} and "none of its 2" in source.defects[0].problem


def test_darknet(tmp_path):
    write(tmp_path, "obj_{}_data", "obj_{}_data", ("train", "valid"))
    for split in ("train", "valid"):
        lines = [f"data/obj_{split}_data/{split}{number}.png\n" for number in range(2)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    (tmp_path / "obj.names").write_text("cat\ndog\n")
    lines = "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\n"
    (tmp_path / "obj.data").write_text(f"{lines}names = data/obj.names\nbackup = backup/\n")
    source = open_source(f"yolo:{tmp_path}")
    assert source.sizes == {"train": 2, "val": 2} and source.object_names == ("cat", "dog")
    assert source.defects == source.notes == [] and objects(source, "val") == [2, 2]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "trian = train.txt\nvalid = valid.txt",
            "line 1: unknown key 'trian'; did you mean 'train'",
        ),
        (
            "train = train.txt\nvalld = valid.txt",
            "line 2: unknown key 'valld'; did you mean 'valid'",
        ),
        ("train =\nvalid = valid.txt", "line 1: train is empty"),
    ],
)
def test_a_misspelt_or_empty_darknet_split_is_refused(tmp_path, lines, message):
    (tmp_path / "obj.data").write_text(lines)
    with pytest.raises(InputError, match=message):
        open_source(f"yolo:{tmp_path}")


@pytest.mark.parametrize("linked", ["images", "images/train", "whole"])
def test_linked_folders(tmp_path, linked):
    away, root = tmp_path / "away", tmp_path / "set"
    write(root)
    if linked == "whole":
        root.rename(away)
        root.mkdir()
        (root / "images").symlink_to(away / "images")
    else:
        away.mkdir()
        (root / linked).rename(away / "files")
        (root / linked).symlink_to(away / "files")
    source = open_source(data(root, train="images/train", val="images/val"))
    assert source.sizes == {"train": 2, "val": 2} and objects(source) == [2, 2]
    (root / "data.yaml").unlink()
    assert open_source(f"yolo:{root}").sizes == {"train": 2, "val": 2}


@pytest.mark.parametrize(
    "names",
    [
        ("no", "on"),
        ("yes", "OFF"),
        ("1.0", "007"),
        ("null", "~"),
        ("1_000", "0x1F"),
        ("2020-01-02", "12:30:00"),
    ],
)
@pytest.mark.parametrize("form", ["names: [{}, {}]", "names:\n  0: {}\n  1: {}\nnc: 2"])
def test_class_names_are_texts(tmp_path, names, form):
    write(tmp_path)
    text = f"{form.format(*names)}\ntrain: images/train\nval: images/val\n"
    assert open_source(data(tmp_path, text)).object_names == names


REFUSED = {
    "names: [a, b]\ntrian: images/train\nval: images/val": "'trian'; did you mean 'train'?",
    "names: [a, b]\ntrain: images/train\nvla: images/val": "'vla'; did you mean 'val'?",
    "names: [a, b]\nTrain: images/train\nval: images/val": "'Train'; did you mean 'train'?",
    "names: [a, b]\ntrain: images/train\nval:": "val is empty",
    "names: [a, b]\ntrain: []\nval: images/val": "train is empty",
    "name: [a, b]\ntrain: images/train": "'name'; did you mean 'names'?",
    "names: [a, b]\nkpt_shap: [1, 2]\ntrain: images/train": "'kpt_shap'; did you mean 'kpt_shape'?",
    "names: [a, '']\ntrain: images/train": "class 1 is empty",
    "names: [a, a]\ntrain: images/train": "two classes are named 'a'",
    "names: [a, b]\ntrain: images/train\ntrain: images/val": "line 3: a second train",
    "names: !!set {a, b}\ntrain: images/train": "line 1: YAML tags (!!set)",
    "names: [a, b]\ntrain: images/train\nx: !!int ''": "YAML tags (!!int)",
}


@pytest.mark.parametrize("text", REFUSED)
def test_mistakes_in_yaml(tmp_path, text):
    write(tmp_path)
    with pytest.raises(InputError) as caught:
        open_source(data(tmp_path, text))
    message = str(caught.value)
    assert REFUSED[text] in message and "data.yaml" in message and "\n" not in message


def test_class_numbers_without_a_name_are_noted(tmp_path):
    spec = data(write(tmp_path), train="images/train", val="images/val", names={1: "a", 3: "b"})
    source = open_source(spec)
    assert source.object_names == ("0", "a", "2", "b")
    assert source.notes == ["data.yaml: names has no name for class 0, 2; indices begin at 0."]


def test_images_in_two_splits_are_used_in_both(tmp_path):
    source = open_source(data(write(tmp_path), train="images/train", val="images/train"))
    assert source.sizes == {"train": 2, "val": 2}
    assert [(d.drop, d.unused) for d in source.defects] == [("image", "")] * 2
    assert "not used" not in summary(source.defects, source.spec)


def test_other_keys_and_an_empty_test_are_no_mistakes(tmp_path):
    write(tmp_path)
    more = (
        "roboflow: {license: x}\ndownload: |\n  text\nauthor: me\ntask: detect\ndate: 2024-01-01\n"
    )
    text = f"names: [a, b]\ntrain: images/train\nval: images/val\ntest: # optional\n{more}"
    source = open_source(data(tmp_path, text))
    assert source.sizes == {"train": 2, "val": 2} and source.notes == []
    only = open_source(data(tmp_path, "names: [a, b]\nval: images/val"))
    assert only.sizes == {"val": 2} and only.notes == ["data.yaml names no train."]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\xff\xfe\xfd", "0 .5".encode("utf-16")[:-1]])
def test_unreadable_label_files_leave_a_split_empty(tmp_path, content):
    write(tmp_path)
    for number in range(2):
        (tmp_path / f"labels/train/train{number}.txt").write_bytes(content)
    source = open_source(data(tmp_path, train="images/train", val="images/val"))
    if source.sizes["train"]:
        assert all("line 1" in defect.record for defect in source.defects)
    assert len(source.defects) == 2 and {d.split for d in source.defects} == {"train"}
    (tmp_path / "labels/train/train0.txt").write_bytes(LINE.encode("utf-16"))
    assert 2 in objects(open_source(f"yolo:{tmp_path}"))


def test_a_test_folder_that_is_not_there_is_a_defect(tmp_path):
    """Roboflow's file names a test folder whether or not the export has one."""
    spec = data(write(tmp_path), train="images/train", val="images/val", test="../test/images")
    source = open_source(spec)
    assert source.sizes == {"train": 2, "val": 2, "test": 0}
    assert [str(defect) for defect in source.defects] == [
        f"{tmp_path}/data.yaml: test: no folder or list ../test/images; name one that exists, or "
        "remove the key."
    ]


def test_other_keys_that_name_a_folder_are_noted(tmp_path):
    spec = data(write(tmp_path), train="images/train", holdout="images/val", license="MIT")
    assert "data.yaml: keys that are not read: holdout." in open_source(spec).notes
