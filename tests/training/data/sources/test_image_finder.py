"""Names in label files find their images wherever tools have put them below the data folder."""

import os

import pytest

from training.data.sources.reading.image_finder import ImageFinder
from training.data.sources.reading.linked_folders import walk
from zoo.errors import InputError


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "set"
    for name in (
        *("images/a.jpg", "images/day 1/b.jpg", "images/day2/b.jpg", "images/IMG (7).JPG"),
        *("masks/a.jpg", "images/1a2b3c4d-c.png", "images/caf\u00e9.jpg", "other/one.jpg"),
        "images/100%25.jpg",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "secret.jpg").touch()
    return root


FOUND = {
    "a.jpg": "images/a.jpg",
    "images/a.jpg": "images/a.jpg",
    "/data/upload/3/a.jpg": "images/a.jpg",
    "..\\..\\media\\upload\\4\\a.jpg": "images/a.jpg",
    "C:\\work\\day2\\b.jpg": "images/day2/b.jpg",
    "day%201/b.jpg": "images/day 1/b.jpg",
    "file:///home/me/day%201/b.jpg": "images/day 1/b.jpg",
    "https://host/files/day2/b.jpg?token=a%2Fb": "images/day2/b.jpg",
    "/data/local-files/?d=set/images/day2/b.jpg": "images/day2/b.jpg",
    "s3://bucket/one.jpg": "other/one.jpg",
    "upload/3/deadbeef-a.jpg": "images/a.jpg",
    "1a2b3c4d-c.png": "images/1a2b3c4d-c.png",
    "0f8fad5b-d9cb-469f-a165-70867728950e_one.jpg": "other/one.jpg",
    "upload/1/deadbeef-IMG_7.JPG": "images/IMG (7).JPG",
    "IMG (7).jpg": "images/IMG (7).JPG",
    "cafe\u0301.jpg": "images/caf\u00e9.jpg",
    "./images//a.jpg": "images/a.jpg",
    "100%25.jpg": "images/100%25.jpg",
    "/old/one": "other/one.jpg",
}


@pytest.mark.parametrize("name", FOUND)
def test_names_of_tools(root, name):
    assert ImageFinder(root).find(name, root / "images") == root / FOUND[name]


def test_an_absolute_path_in_the_data_folder_is_that_file(root):
    (root / "copy" / "images").mkdir(parents=True)
    (root / "copy" / "images" / "a.jpg").touch()
    finder = ImageFinder(root)
    for path in ("copy/images/a.jpg", "images/a.jpg"):
        assert finder.find(os.path.abspath(root / path), root) == root / path


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "no.jpg", "x/../../secret.jpg"])
def test_files_that_are_not_there_are_never_taken_elsewhere(root, name):
    path = ImageFinder(root).find(name, root / "images")
    assert not path.exists() and path.is_relative_to(root) and ".." not in path.parts


@pytest.mark.parametrize("name", ["", "/", "a\0.jpg", "\ud800.jpg", "..", "%00.jpg"])
def test_names_that_no_file_has(root, name):
    finder = ImageFinder(root)
    try:
        path = finder.find(name, root)
    except InputError as error:
        assert "is not a file name" in str(error) and str(error).isprintable()
    else:
        assert os.fsencode(path) and not path.exists()


def test_several_files_fit_unless_the_folder_decides(root):
    finder = ImageFinder(root)
    with pytest.raises(InputError, match=r"b.jpg fits images/day 1/b.jpg and images/day2/b.jpg"):
        finder.find("/old/b.jpg", root / "images")
    assert finder.find("/old/b.jpg", root / "images/day2") == root / "images/day2/b.jpg"


def test_a_shortest_tail_can_be_required(root):
    finder = ImageFinder(root)
    assert finder.find("data/day2/b.jpg", root, shortest=2) == root / "images/day2/b.jpg"
    assert finder.find("one.jpg", root, shortest=2) == root / "other/one.jpg"
    assert not finder.find("data/obj/one.jpg", root, shortest=2).exists()


def test_linked_folders_are_followed_once(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.jpg").touch()
    (root / "linked").symlink_to(outside)
    (root / "images" / "up").symlink_to(root)
    (outside / "back").symlink_to(root / "images")
    (root / "images" / "forth").symlink_to(outside)
    assert ImageFinder(root).find("/x/linked/far.jpg", root) == root / "linked" / "far.jpg"
    assert len(list(walk(root))) < 20
