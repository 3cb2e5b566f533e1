"""The check finds defects and counts the contents of a data set."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from training.data.checking import check, load_samples, object_shapes
from training.data.checking.mask_checks import _extent_of_runs
from training.data.checking.statistics import Quantiles
from training.data.sources.objects.annotations import AnnotatedImage, Annotation
from training.data.sources.objects.object_source import ObjectSource
from training.data.sources.source import Source
from zoo.errors import InputError


class Given(Source):
    """Samples of a test, without any correction."""

    spec = "given"

    def __init__(self, **splits):
        super().__init__()
        self.splits = splits
        self.sizes = {name: len(samples) for name, samples in splits.items()}
        self.keys = tuple(next(iter(splits.values()))[0])
        self.object_names = ("cat", "dog")

    def raw(self, split, seed=None):
        first = self.splits[split][0]
        spec = {
            key: tf.TensorSpec((None,) * np.ndim(value), np.asarray(value).dtype)
            for key, value in first.items()
        }
        return tf.data.Dataset.from_generator(lambda: self.splits[split], output_signature=spec)

    def decode(self, record):
        return record

    def name_of(self, record):
        return "a sample"


def sample(number=0, size=(40, 50), **keys):
    image = np.random.default_rng(number).integers(0, 255, (*size, 3)).astype(np.uint8)
    return {"image": image, **keys}


def objects(*boxes, labels=None, number=0, **keys):
    found = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.zeros(len(found), np.int32) if labels is None else np.array(labels, np.int32)
    return sample(number, boxes=found, labels=labels, **keys)


def problems(*samples):
    return [
        f"{d.record}: {d.problem}" for d in check(Given(train=list(samples)), ["train"]).defects
    ]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (objects([5, 5, 20, 20], [0, 0, 50, 40]), None),
        (objects([5, 5, 20, 20], labels=[2]), "object 1: class 2 does not exist"),
        (objects([5, 5, 20, 20], labels=[-3]), "class -3 does not exist"),
        (objects([5, 5, np.nan, 20]), "is not finite"),
        (objects([1, 1, 9, 9], [5, 5, 5, 20]), "object 2: box [5 5 5 20] has no area"),
        (objects([5, 5, 20, 60]), "extends beyond the image (50×40)"),
        (objects([5, 5, 5, 5], labels=[-1]), None),
        (sample(box=np.float32([3, 3, 3, 9]), label=np.int32(0)), "the single object: box"),
        (sample(box=np.zeros(4, np.float32), label=np.int32(-1)), None),
        (sample(box=np.zeros(4, np.float32), label=np.int32(1)), None),
        (
            sample(keypoints=np.float32([[5, 5, 2], [70, 5, 1]])),
            "keypoint 1 at (70, 5) is outside of the image",
        ),
        (sample(keypoints=np.float32([[5, 5, 2], [70, 5, 0]])), None),
        (
            sample(keypoints=np.float32([[5, 5, 3]])),
            "the visibility of keypoint 0 is not 0, 1 or 2",
        ),
    ],
)
def test_defects_of_samples(one, expected):
    found = problems(one)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1 and expected in found[0]


def masks(*parts):
    """20×20 masks filled in the given slices."""
    found = np.zeros((len(parts), 20, 20), np.uint8)
    for mask, part in zip(found, parts, strict=True):
        mask[part] = 1
    return found


def test_masks_that_do_not_match_their_boxes():
    whole, corner, nothing = np.s_[:, :], np.s_[:6, :6], np.s_[:0]
    boxes = [[0, 0, 20, 20], [10, 10, 40, 40], [20, 5, 45, 30]]
    found = problems(objects(*boxes, labels=[0, 1, 0], masks=masks(whole, corner, nothing)))
    assert len(found) == 2
    assert "object 2" in found[0] and "the extent of its mask [10 10 19 19]" in found[0]
    assert "object 3: its mask is empty inside its box" in found[1]
    crowd = np.array([False, True, True])
    assert problems(objects(*boxes, masks=masks(whole, corner, nothing), crowd=crowd)) == []
    assert len(problems(objects(*boxes, masks=masks(nothing, nothing, nothing)))) == 3
    # An object without outline is no defect, and counted.
    one = objects(*boxes, masks=np.concatenate([masks(whole), np.full((2, 20, 20), 255, np.uint8)]))
    report = check(Given(train=[one]), ["train"])
    assert report.defects == []
    assert report.to_json()["splits"]["train"]["objects"]["without_outline"] == 2


def test_runs_down_the_columns():
    """Against masks written out in full."""
    random = np.random.default_rng(3)
    for _ in range(50):
        mask = np.zeros((7, 9), bool)
        y, x = np.sort(random.integers(0, 8, 2)), np.sort(random.integers(0, 10, 2))
        mask[y[0] : y[1], x[0] : x[1]] = True
        mask &= random.uniform(size=mask.shape) < 0.8
        flat = mask.T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [not flat[-1]]])))
        runs = np.diff(np.concatenate([[0], edges, [flat.size] if flat[-1] else []]))
        assert runs.sum() in (flat.size, edges[-1])
        rows, columns = np.nonzero(mask)
        extent = _extent_of_runs(runs.astype(np.int64), 7)
        if not mask.any():
            assert extent is None
            continue
        assert extent[0] == columns.min() and extent[2] == columns.max() + 1
        assert extent[1] <= rows.min() and extent[3] >= rows.max() + 1


def test_statistics_are_those_of_the_samples():
    first = objects([0, 0, 10, 20], [0, 0, 30, 10], labels=[0, 1], number=1)
    second = objects([5, 5, 5, 5], labels=[-1], number=2)
    third = objects([10, 10, 20, 30], labels=[0], number=3)
    report = check(Given(train=[first, second], val=[third]), ["train", "val"]).to_json()
    train = report["splits"]["train"]
    assert train["images"] == train["read"] == 2 and train["sizes"] == {"40×50": 2}
    found = train["objects"]
    assert found["count"] == 2 and found["by_class"] == {"cat": 1, "dog": 1}
    assert found["images_with"] == {"cat": 1, "dog": 1}
    assert found["images_without"] == found["unusable"] == 1
    assert found["per_image"]["min"] == 0 and found["per_image"]["max"] == 2
    assert found["width"]["min"] == 10 and found["width"]["max"] == 30
    assert found["width"]["50%"] == 20
    assert found["aspect"]["max"] == 3 and found["area_fraction"]["max"] == pytest.approx(0.15)
    assert report["splits"]["val"]["objects"]["by_class"] == {"cat": 1, "dog": 0}
    assert report["defects"] == []


def test_images_without_the_one_object_are_counted():
    one = sample(1, box=np.float32([2, 3, 12, 33]), label=np.int32(0))
    none = sample(2, box=np.zeros(4, np.float32), label=np.int32(0))
    found = check(Given(train=[one, none, none]), ["train"]).to_json()["splits"]["train"]
    assert found["box"]["images_without"] == 2 and found["box"]["width"]["max"] == 10
    assert found["labels"] == {"0": 3}


def test_joints_are_counted_by_visibility():
    joints = np.float32([[[5, 5, 2], [6, 6, 1]], [[7, 7, 2], [0, 0, 0]], [[9, 9, 2], [9, 9, 2]]])
    one = objects([0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 0, 0], labels=[0, 0, -1], keypoints=joints)
    source = Given(train=[one])
    source.keypoint_names = ("nose", "neck")
    found = check(source, ["train"]).to_json()["splits"]["train"]["keypoints"]
    assert found == {
        "people": 2,
        "absent": {"nose": 0, "neck": 1},
        "hidden": {"nose": 0, "neck": 1},
        "visible": {"nose": 2, "neck": 0},
    }


def test_classes_that_training_never_sees():
    train = [objects([1, 1, 9, 9], labels=[0], number=1)]
    val = [objects([1, 1, 9, 9], [2, 2, 8, 8], labels=[1, 1], number=2)]
    (defect,) = check(Given(train=train, val=val), ["train", "val"]).defects
    assert defect.split == "val" and "class dog: absent in train, but 2 objects" in str(defect)
    assert check(Given(train=train, val=val), ["val"]).defects == []


def test_one_image_in_two_splits():
    same, other = objects([1, 1, 9, 9], number=1), objects([1, 1, 9, 9], number=2)
    (defect,) = check(Given(train=[same, other, same], val=[same]), ["train", "val"]).defects
    assert defect.split == "val" and "the same image as" in defect.problem


def write(path, size=(40, 50), number=0):
    Image.fromarray(sample(number, size)["image"]).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Four images with one object each, of an object source; a damaged one and a wrong size."""
    files = [write(tmp_path / f"{n}.png", number=n) for n in range(4)]
    files[2].write_bytes(files[2].read_bytes()[:200])
    source = ObjectSource(str(tmp_path))
    source.object_names, source.spec = ("cat", "dog"), "objects"
    labels = tmp_path / "labels.json"
    source.add_images(
        "train",
        [
            AnnotatedImage(
                files[0], labels, "image 0", 50, 40, 0, [Annotation((5, 5, 25, 15), 0, "a")]
            ),
            AnnotatedImage(
                files[1], labels, "image 1", 90, 80, 1, [Annotation((60, 50, 80, 70), 1, "b")]
            ),
            AnnotatedImage(
                files[2], labels, "image 2", 50, 40, 2, [Annotation((5, 5, 25, 15), 1, "c")]
            ),
            AnnotatedImage(
                files[3], labels, "image 3", 50, 40, 3, [Annotation((7, 7, 7, 9), 1, "d")]
            ),
        ],
    )
    return source


def test_unreadable_files_do_not_stop_the_check(folder):
    report = check(folder, ["train"])
    found = [str(defect) for defect in report.defects]
    assert len(found) == 4
    assert "image 3, d: box [7 7 7 9] has no area" in found[0]
    assert "image 1: stated size 90×80" in found[1]
    assert any("2.png: " in line for line in found[2:])
    outside = "1.png: object 1: its box is outside of the image (50×40)"
    assert any(outside in line for line in found[2:])
    assert report.droppable == 1
    train = report.to_json()["splits"]["train"]
    assert (train["images"], train["read"]) == (4, 3)
    assert train["objects"]["count"] == 1 and train["objects"]["unusable"] == 2


def test_labels_alone_give_the_same_objects(folder):
    full, quick = (list(load_samples(folder, "train", only)) for only in (False, True))
    assert [one.name for one in full] == [one.name for one in quick]
    for one, other in zip(full, quick, strict=True):
        if one.error:
            continue
        assert "image" not in other.sample
        assert (one.height, one.width) == (other.height, other.width)
        for key in ("boxes", "labels"):
            np.testing.assert_array_equal(one.sample[key], other.sample[key])


class Relative(ObjectSource):
    relative = True
    keypoint_names = ("nose", "neck")


def test_labels_alone_of_fractions_are_in_pixels_too(tmp_path):
    files = [write(tmp_path / f"{n}.png", number=n) for n in range(2)]
    source = Relative(str(tmp_path))
    source.spec, source.object_names = "relative", ("cat",)
    source.keys = (*source.keys, "keypoints", "masks")
    good, bad = (0.1, 0.1, 0.5, 0.5), (0.5, 0.5, 0.9, 0.9)
    outline = [(0.1, 0.1, 0.5, 0.1, 0.5, 0.5, 0.1, 0.5)]
    joints = (0.2, 0.2, 2, 0.4, 0.4, 1)
    images = [
        AnnotatedImage(
            file,
            tmp_path / "l.txt",
            annotations=[Annotation(box, polygons=outline, keypoints=joints)],
        )
        for file, box in zip(files, (good, bad), strict=True)
    ]
    source.add_images("train", images)
    full, quick = (list(load_samples(source, "train", only)) for only in (False, True))
    for one, other in zip(full, quick, strict=True):
        for key in ("boxes", "labels", "keypoints"):
            np.testing.assert_allclose(one.sample[key], other.sample[key], rtol=1e-6)
    np.testing.assert_allclose(quick[0].sample["boxes"], [[5, 4, 25, 20]], rtol=1e-6)
    for only in (False, True):
        (defect,) = check(source, ["train"], only).defects
        assert "1.png" in defect.file and "the extent of its mask [5 4 25 20]" in defect.problem


def test_order_does_not_depend_on_the_workers(folder):
    alone = [one.name for one in load_samples(folder, "train", workers=1)]
    assert alone == [one.name for one in load_samples(folder, "train", workers=7)]
    assert [name.rpartition("/")[2] for name in alone] == ["0.png", "1.png", "2.png", "3.png"]


def test_shapes_for_anchors():
    crowd = np.array([False, True, False])
    one = objects([0, 0, 10, 20], [0, 0, 50, 40], [1, 1, 1, 1], labels=[0, 0, -1], crowd=crowd)
    kept = object_shapes(Given(train=[one]), ["train"], (80, 200))
    np.testing.assert_allclose(kept, [[20, 40]])
    stretched = object_shapes(Given(train=[one]), ["train"], (80, 200), "stretch")
    np.testing.assert_allclose(stretched, [[40, 40]])
    instances = np.zeros((40, 50), np.int32)
    instances[3:10, 5:25], instances[20:22, 20:23] = 2, 5
    found = object_shapes(Given(train=[sample(instances=instances)]), ["train"], (40, 50))
    np.testing.assert_allclose(found, [[20, 7], [3, 2]])
    one_box = sample(box=np.float32([2, 3, 12, 33]), label=np.int32(0))
    np.testing.assert_allclose(object_shapes(Given(a=[one_box]), ["a"], (80, 100)), [[20, 60]])
    with pytest.raises(InputError, match="no boxes among"):
        object_shapes(Given(train=[sample(label=np.int32(1))]), ["train"], (40, 50))
    with pytest.raises(InputError, match="no objects in train"):
        object_shapes(Given(train=[objects()]), ["train"], (40, 50))


def test_quantiles_are_exact_and_stay_small():
    random = np.random.default_rng(0)
    values = random.normal(size=20_000)
    exact, small = Quantiles(), Quantiles(limit=1000)
    for part in np.split(values, np.sort(random.integers(0, len(values), 700))):
        exact.add(part)
        small.add(part)
    exact.add([np.nan, np.inf])
    found = exact.summary()
    assert found["50%"] == pytest.approx(np.median(values), abs=1e-6)
    assert found["min"] == pytest.approx(values.min(), abs=1e-6)
    assert 500 <= len(small.values) <= 1000 and small.count == 20_000
    np.testing.assert_array_equal(small.values, values[:: small.step])
    assert small.summary()["max"] == found["max"]
    assert Quantiles().summary() is None
