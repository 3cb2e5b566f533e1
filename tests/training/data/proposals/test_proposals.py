"""Proposals: Selective Search, cache, files and recall."""

import json
import threading

import numpy as np
import pytest
from PIL import Image

from training.data.proposals import (
    CachedProposals,
    ProposalFiles,
    SelectiveSearch,
    open_proposals,
)
from training.data.sources import open_source
from training.evaluation.proposal_gathering import gather_proposals, recall_summary
from zoo.errors import InputError


def blocks():
    """An image of three plain rectangles, and their boxes."""
    image = np.full((90, 120, 3), (40, 60, 40), np.uint8)
    boxes = np.array([[10, 10, 50, 40], [60, 20, 110, 80], [15, 50, 45, 85]])
    for (x1, y1, x2, y2), color in zip(
        boxes, ((220, 30, 30), (30, 30, 220), (230, 230, 60)), strict=True
    ):
        image[y1:y2, x1:x2] = color
    noise = np.random.default_rng(0).integers(-4, 5, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8), boxes


def overlaps(boxes, truth):
    low, high = (f(boxes[:, None, s], truth[None, :, s]) for f, s in (
        (np.maximum, slice(0, 2)), (np.minimum, slice(2, 4))))  # fmt: skip
    shared = np.maximum(high - low, 0).prod(-1)
    areas = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (boxes, truth)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


@pytest.mark.parametrize("width", [0, 240])
def test_search_finds_the_rectangles(width):
    pytest.importorskip("cv2.ximgproc")
    image, truth = blocks()
    boxes = SelectiveSearch(width=width, min_side=5)(image)
    assert boxes.dtype == np.float32
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= [120, 90]).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert (overlaps(boxes, truth).max(0) > 0.85).all()


def test_search_is_seeded_whatever_the_threads():
    pytest.importorskip("cv2.ximgproc")
    image, _ = blocks()
    search = SelectiveSearch(width=0, min_side=0)
    first, found = search(image), []
    threads = [threading.Thread(target=lambda: found.append(search(image))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(first, one) for one in found)
    other = SelectiveSearch(width=0, min_side=0, seed=1)(image)
    assert not np.array_equal(first, other)
    assert set(map(tuple, other)) == set(map(tuple, first))


def test_small_boxes_are_left_out_and_grey_images_taken():
    pytest.importorskip("cv2.ximgproc")
    image, _ = blocks()
    boxes = SelectiveSearch(width=0, min_side=30)(image.mean(-1, keepdims=True).astype("uint8"))
    assert len(boxes) and ((boxes[:, 2:] - boxes[:, :2]) >= 30).all()
    assert SelectiveSearch(width=0)(np.zeros((1, 1, 3), np.uint8)).shape == (0, 4)


class Counting:
    name = "counting"

    def __init__(self):
        self.config = 0

    def set_image_name(self, name, image):
        pass

    def __call__(self, image):
        self.config += 1
        return np.array([[0, 0, image.shape[1], self.config]], np.float32)


def test_each_image_is_searched_once(tmp_path):
    counting = Counting()
    stored = CachedProposals(counting, tmp_path)
    one, other = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6, 3), np.uint8)
    first = stored(one)
    assert np.array_equal(stored(one), first) and counting.config == 1
    assert stored(other)[0, 3] == 2 and stored(one.reshape(6, 4, 3))[0, 3] == 3
    again = CachedProposals(Counting(), tmp_path)
    assert np.array_equal(again(one), first) and again.proposer.config == 0
    stored.path(one).write_bytes(b"half a fi")
    assert stored(one)[0, 3] == 4 and stored(one)[0, 3] == 4
    assert not list(tmp_path.rglob("*partial*"))


BOXES = [[1.0, 2.0, 30.0, 40.0], [-5.0, 3.0, 20.0, 25.0], [200.0, 0.0, 220.0, 9.0]]


@pytest.mark.parametrize("ending", ["npy", "npz", "csv", "json"])
@pytest.mark.parametrize("scored", [False, True])
def test_files_of_every_form(tmp_path, ending, scored):
    if ending == "npy" and scored:
        pytest.skip("an array has no scores")
    scores = [0.1, 0.9, 0.5]
    path = tmp_path / f"photo.{ending}"
    if ending == "npy":
        np.save(path, BOXES)
    elif ending == "npz":
        np.savez(path, boxes=BOXES, **({"scores": scores} if scored else {}))
    elif ending == "json":
        path.write_text(json.dumps({"boxes": BOXES, **({"scores": scores} if scored else {})}))
    else:
        rows = [[*b, s] if scored else b for b, s in zip(BOXES, scores, strict=True)]
        head = "x1,y1,x2,y2" + (",score" if scored else "")
        path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]))
    files = ProposalFiles(tmp_path)
    image = np.zeros((50, 60, 3), np.uint8)
    files.set_image_name("somewhere/photo.jpg", image)
    expected = [[1, 2, 30, 40], [0, 3, 20, 25]]
    assert files(image).tolist() == (expected[::-1] if scored else expected)
    files.set_image_name("somewhere/photo.jpg", image)
    assert files.changed == [1, 1] and len(files.notes) == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("photo.csv", "x1,y1,x2,y2\n1,2,3,4\n1,2,nan,4\n", "photo.csv: box 2 must be finite"),
        (
            "photo.csv",
            "x1,y1,x2,y2\n5,2,3,4\n",
            "box 1 must be x1,y1,x2,y2 with x1 < x2, not [5.0, 2.0, 3.0, 4.0]",
        ),
        ("photo.csv", "x1,y1,x2,y2\n5,2,3\n", "box 1 must have 4 values, not 3"),
        ("photo.csv", "left,top\n5,2\n", "the header must be x1,y1,x2,y2"),
        ("photo.csv", "", "the header must be x1,y1,x2,y2"),
        ("photo.json", "[1, 2]", 'must be {"boxes"'),
        ("photo.json", '{"boxes": [[1, 2, 3]]}', "rows of x1,y1,x2,y2"),
        ("photo.json", '{"boxes": [[1, 2, 3, 4], [1]]}', "not readable as proposals"),
        (
            "photo.json",
            '{"boxes": [[1, 2, 3, 4]], "scores": [1, 2]}',
            "scores must have the shape (1,)",
        ),
        ("photo.npy", "no array", "not readable as proposals"),
        ("other.csv", "x1,y1,x2,y2\n", "no file for photo.jpg"),
    ],
)
def test_errors_of_proposal_files(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        ProposalFiles(tmp_path).set_image_name("photo.jpg", np.zeros((50, 60, 3), np.uint8))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("selectiv_search", "unknown kind"),
        ("selective_search:quick", "unknown mode 'quick'"),
        ("selective_search?witdh=3", "unknown option 'witdh'"),
        ("selective_search?width=-3", "width must be a whole number"),
        ("files:/no/such/folder", "no such folder"),
        ("files", "no such folder"),
    ],
)
def test_errors_of_open_proposals(spec, words):
    with pytest.raises(InputError, match=words):
        open_proposals(spec)


def test_words_are_settings(tmp_path):
    pytest.importorskip("cv2.ximgproc")
    stored = open_proposals("selective_search:quality?width=300&seed=4", tmp_path)
    assert stored.proposer == SelectiveSearch("quality", 300, 20, 4)
    assert stored.path(np.zeros((3, 3, 3), np.uint8)).is_relative_to(tmp_path / stored.name)


def test_gathered_proposals_and_their_recall(tmp_path):
    pytest.importorskip("cv2.ximgproc")
    image, truth = blocks()
    (tmp_path / "images").mkdir()
    annotations = []
    for number in range(4):
        Image.fromarray(np.roll(image, number, 1)).save(tmp_path / f"images/{number}.png")
        for x1, y1, x2, y2 in np.add(truth, [number, 0, number, 0]):
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1,
                "bbox": [int(v) for v in (x1, y1, x2 - x1, y2 - y1)], "iscrowd": 0,
                "area": int((x2 - x1) * (y2 - y1))})  # fmt: skip
    images = [{"id": n, "file_name": f"{n}.png", "height": 90, "width": 120} for n in range(4)]
    labels = {"images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "block"}]}  # fmt: skip
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train.json").write_text(json.dumps(labels))
    source = open_source(f"coco:{tmp_path}")
    proposer = open_proposals("selective_search?width=0&min_side=5", tmp_path / "store")
    split = next(iter(source.sizes))
    summary = gather_proposals(proposer, source, split, limit=2000, workers=2)
    assert summary["images"] == source.sizes[split]
    assert summary["recall"]["recall50_2000"] == 1.0
    assert "100.0 % of the objects by the first 2000" in recall_summary(split, summary)
    assert len(list((tmp_path / "store").rglob("*.npy"))) == source.sizes[split]
