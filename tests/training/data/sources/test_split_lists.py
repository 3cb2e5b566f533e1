"""Lists of a split's images: names as tools write them are read, or refused by name."""

from pathlib import Path

import pytest

from training.data.sources.reading.path_matching import PathMatcher
from training.data.sources.reading.split_lists import match_line, read_list, split_by_lists

FILES = (
    *("images/p0.jpg", "images/my photo 1.jpg", "images/caf\u00e9 漢.jpg", "images/x, y.jpg"),
    *("images/frame.0001.png", "images/12.jpg"),
)
TWO_FOLDERS = ("obj_train_data/p0.jpg", "obj_train_data/p1.jpg", "obj_valid_data/p0.jpg")


class Reader:
    """What a list needs of a data set."""

    def __init__(self, root):
        self.root, self.notes, self.defects = root, [], []

    def report(self, defect):
        self.defects.append(defect)
        return False


def read(tmp_path, text, files=FILES, **options):
    """Returns names in a list, lines and texts of its defects, and notes."""
    reader, path = Reader(tmp_path), tmp_path / "train.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    find = PathMatcher(tmp_path, [tmp_path / name for name in files]).find
    found = read_list(path, find, reader, "train", **options)
    assert all(d.split == "train" and d.file == str(path) for d in reader.defects)
    names = [str(file.relative_to(tmp_path)) for file in found]
    return names, [f"{d.record}: {d.problem}" for d in reader.defects], reader.notes


@pytest.mark.parametrize(
    "line",
    [
        *("p0", "p0.jpg", "images/p0.jpg", "./images/p0.jpg", "../images/p0.jpg", "p0.png"),
        *("p0.xml", "/home/me/set/images/p0.jpg", r"C:\set\images\p0.jpg", r"images\p0.jpg"),
        *("file:///set/images/p0.jpg", "elsewhere/p0.jpg", '"images/p0.jpg"', "'p0.jpg'"),
        *("p0 1", "p0  -1", "p0.jpg\t0", "p0.jpg,1", "p0;2.5", "p0 # good", "\t p0 \v"),
    ],
)
def test_names_of_one_image(tmp_path, line):
    assert read(tmp_path, line) == (["images/p0.jpg"], [], [])


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("my photo 1", "my photo 1.jpg"),
        ("my photo 1.jpg -1", "my photo 1.jpg"),
        ('"my photo 1.jpg" 1', "my photo 1.jpg"),
        (r"D:\My Data\images\my photo 1.jpg", "my photo 1.jpg"),
        ("/home/My Data/images/my photo 1.jpg\t1", "my photo 1.jpg"),
        ("cafe\u0301 漢", "caf\u00e9 漢.jpg"),  # as macOS writes it
        ("x, y.jpg", "x, y.jpg"),
        ("x, y.jpg 1", "x, y.jpg"),
        ("frame.0001", "frame.0001.png"),
        ("12", "12.jpg"),
    ],
)
def test_names_with_blanks_commas_dots_and_letters(tmp_path, line, name):
    assert read(tmp_path, line) == ([f"images/{name}"], [], [])


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, ending):
    text = ending.join(["p0", "", "my photo 1.jpg", "caf\u00e9 漢", ""])
    names, defects, _ = read(tmp_path, text.encode(encoding))
    assert names == [*FILES[:3]] and not defects
    assert read(tmp_path, "caf\u00e9".encode("cp1252"), ["caf\u00e9.jpg"])[0] == ["caf\u00e9.jpg"]


def test_several_names_per_line_are_all_read(tmp_path):
    files = [f"im{i}.jpg" for i in range(4)]
    for line in ("im0 im1 im2", "im0.jpg im1.jpg, im2.jpg", "im0\tim1\tim2", "im0,im1;im2"):
        assert read(tmp_path, line, files)[:2] == (files[:3], []), line
    names, defects, _ = read(tmp_path, "im0 im9\nim1 cat 1\nim2 1\n", files)
    assert names == files[:3]
    assert defects == ["line 1: no image fits 'im9'", "line 2: no image fits 'cat'"]
    # A number after a name is a column, unless it may be a name, too.
    names, defects, _ = read(tmp_path, "3 1\n2 3\n", ["1.jpg", "2.jpg", "3.jpg"])
    assert names == ["3.jpg", "2.jpg"] and "line 2: '3' may be names of images" in defects[0]


def test_what_is_no_image_is_a_defect_and_comments_are_noted(tmp_path):
    text = "image\n# all of them\n#\np0\nlost.jpg\np0.jpg\n"
    names, defects, notes = read(tmp_path, text)
    assert names == ["images/p0.jpg"] and "2 lines of comments are skipped" in notes[0]
    assert defects == [
        "line 1: no image fits 'image'",
        "line 5: no image fits 'lost.jpg'",
        "line 6: p0.jpg is listed twice, first in line 4",
    ]
    assert read(tmp_path, text, repeats=True)[1] == defects[:2]
    assert read(tmp_path, "#1.jpg", ["#1.jpg"])[0] == ["#1.jpg"]
    assert read(tmp_path, " \n\n")[1] == [": the list is empty"]
    assert read(tmp_path, b"\xff\xfe\x00\x81")[1] == ["line 1: no image fits '\u8100'"]


def test_the_longest_tail_wins_and_folders_do_not_contradict_each_other(tmp_path):
    text = "data/obj_valid_data/p0.jpg\n/x/obj_train_data/p0.jpg\nobj_train_data/p1\n"
    assert read(tmp_path, text, TWO_FOLDERS)[0] == [TWO_FOLDERS[i] for i in (2, 0, 1)]
    # `p1.jpg` of another folder of the data set, or of another split, is another image.
    missing = ("obj_valid_data/p1.jpg", "p0.jpg")
    names, defects, _ = read(tmp_path, "\n".join(missing), TWO_FOLDERS)
    assert not names and defects == [
        "line 1: no image fits 'obj_valid_data/p1.jpg'",
        "line 2: p0.jpg fits obj_train_data/p0.jpg and obj_valid_data/p0.jpg",
    ]
    assert read(tmp_path, "val/a.jpg", ["train/a.jpg"])[0] == []
    assert read(tmp_path, "a", ["a.jpg", "a.png"])[1] == ["line 1: a fits a.jpg and a.png"]
    # A whole path below the data folder, or below the folder of all images, is not ambiguous.
    files = ["images/a.jpg", "images/old/images/a.jpg"]
    assert (
        read(tmp_path, "images/a.jpg", files)[0] == read(tmp_path, "a.jpg", files)[0] == files[:1]
    )


def test_a_pair_of_paths_is_not_one_name():
    files = [Path(f"/d/{name}") for name in ("a/0.png", "b/0.png", "b/my 1.png")]
    find = PathMatcher(Path("/d"), files).find
    assert match_line("a/0.png b/0.png", find) == (files[:2], [])
    assert match_line("/x/a/0.png\tb/my 1.png", find) == ([files[0], files[2]], [])
    assert match_line("a/0.png b/9.png", find) == (files[:1], ["b/9.png"])


def test_without_a_list_of_train_the_other_images_are_train(tmp_path):
    reader = Reader(tmp_path)
    files = [tmp_path / f"{i}.jpg" for i in range(4)]
    (tmp_path / "val.txt").write_text("1\n")
    splits = split_by_lists(files, {"val": tmp_path / "val.txt"}, reader)
    assert splits == {"train": [files[0], *files[2:]], "val": [files[1]]}
    assert reader.notes == ["no list train.txt: the 3 images in no other list are train."]
    (tmp_path / "train.txt").write_text("nothing\n")
    lists = {split: tmp_path / f"{split}.txt" for split in ("train", "val")}
    splits = split_by_lists(files, lists, reader)
    assert splits == {"train": [], "val": [files[1]]} and len(reader.defects) == 1
    assert reader.notes[1] == "3 images are not listed in any split and were not read."
