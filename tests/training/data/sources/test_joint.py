"""Images with boxes and classified images in one data set."""

import numpy as np
import pytest
from object_folders import coco_content, make_image, write_coco

from training.data.batch_config import BatchConfig
from training.data.pipeline import training_batches
from training.data.sources import open_source
from training.recipe import Recipe
from training.trainer import fit
from zoo.errors import InputError

TINY = {
    "width": 0.125,
    "anchor_priors": [[0.5, 0.5]],
    "backbone_options": {"blocks": [1, 1, 1, 1, 1, 1]},
}


@pytest.fixture(scope="module")
def names():
    return [category["name"] for category in coco_content(1)["categories"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, names):
    """Writes eight images with boxes of two classes, and six of two breeds of the first."""
    root = tmp_path_factory.mktemp("joint")
    write_coco(root / "boxes", coco_content(8))
    for breed in ("terrier", "spaniel"):
        for number in range(3):
            make_image(root / "breeds" / breed / f"{number}.png")
    (root / "a.tree").write_text(f"{names[1]} -1\n{names[0]} -1\nterrier 1\nspaniel 1\n")
    write(root / "joint.toml", root)
    return root


def write(path, root, **changes):
    settings = {
        "boxes": f"coco:{root}/boxes?val=0.25",
        "images": f"classes:{root}/breeds",
        "tree": "a.tree",
        "images_per_box": 2,
        **changes,
    }
    path.write_text("".join(f"{k} = {v!r}\n" for k, v in settings.items() if v is not None))
    return f"joint:{path}"


def test_both_kinds_alternate(folder, names):
    source = open_source(f"joint:{folder}/joint.toml")
    assert source.sizes == {"train": 18, "val": 2}
    assert source.object_names == (names[1], names[0], "terrier", "spaniel")
    assert source.parents == (-1, -1, 1, 1)
    samples = [sample for _, sample in source.samples("train")]
    assert len(samples) == 18
    for number, sample in enumerate(samples):
        if number % 3:
            assert sample["label"] in (2, 3) and sample["boxes"].shape == (0, 4)
        else:
            assert sample["label"] == -1 and len(sample["boxes"]) == len(sample["labels"])
    boxed = open_source(f"coco:{folder}/boxes?val=0.25")
    for (_, one), (_, other) in zip(source.samples("val"), boxed.samples("val"), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
        np.testing.assert_array_equal(one["boxes"], other["boxes"])
        assert [source.object_names[k] for k in one["labels"]] == [
            boxed.object_names[k] for k in other["labels"]
        ]


def test_batches_are_reproducible(folder):
    source = open_source(f"joint:{folder}/joint.toml")
    batches = BatchConfig(
        "detection", (32, 32), batch_size=6, targets=("boxes", "labels", "label"), max_objects=4
    )
    first, again = (
        list(training_batches(source, "train", batches).take(4).as_numpy_iterator())
        for _ in range(2)
    )
    for (image, truth), (same, others) in zip(first, again, strict=True):
        np.testing.assert_array_equal(image, same)
        np.testing.assert_array_equal(truth["label"], others["label"])
        assert (truth["label"] < 0).sum() == 2
        assert (truth["labels"][truth["label"] >= 0] == -1).all()


def test_training_uses_both(folder, tmp_path):
    recipe = Recipe.of(image_size=(32, 32), batch_size=6, epochs=1, max_objects=4, model=TINY)
    data = f"joint:{folder}/joint.toml"
    run = fit("yolo9000", data, recipe, out=tmp_path / "run", log=lambda line: None)
    assert np.isfinite(run.history[0]["loss"]) and run.history[0]["class_loss"] > 0
    assert run.model().tree.parents == (-1, -1, 1, 1)
    with pytest.raises(InputError, match="images without boxes are for models with joint targets"):
        fit("yolo_v2", data, recipe, out=tmp_path / "other")
    mixed = recipe.changed({"augmentation.mosaic": 0.5})
    with pytest.raises(InputError, match="without mosaic"):
        fit("yolo9000", data, mixed, out=tmp_path / "other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tree": None}, "no key tree"),
        ({"images_per_box": 0}, "must be from 1 to 1000000, not 0"),
        ({"images_per_box": 10**20}, "must be from 1 to 1000000, not 1000"),
        ({"images_per_box": "two"}, "must be a whole number"),
        ({"trees": "a.tree"}, "did you mean 'tree'"),
        ({"tree": "absent.tree"}, "No such file"),
        ({"boxes": "classes:ROOT/breeds"}, "no labels in its samples"),
        ({"tree": "small.tree"}, "the tree has no class"),
    ],
)
def test_invalid_files(folder, tmp_path, changes, message):
    (folder / "small.tree").write_text("terrier -1\nspaniel 0\n")
    changes = {k: v.replace("ROOT", str(folder)) if isinstance(v, str) else v
               for k, v in changes.items()}  # fmt: skip
    with pytest.raises(InputError) as error:
        open_source(write(folder / "wrong.toml", folder, **changes))
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("j.toml", 'boxes = "joint:j.toml"\n', "boxes must be a data set of another format"),
        ("j.toml", f"images_per_box = {'9' * 5000}\n", "not TOML"),
        ("j.toml", 'tree = "a\\u0000.tree"\n', "null byte"),
        ("j.toml", 'tree = "j.toml"\n', "the line must be an identifier"),
        ("a.tree", f"cat {'9' * 5000}\n", "a.tree, line 1: the line must be"),
        ("a.tree", "cat 0\n", "a.tree"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path, monkeypatch, file, content, message):
    settings = {"boxes": "yolo:b", "images": "classes:c", "tree": "a.tree"}
    key = content.partition(" =")[0]
    lines = [f'{k} = "{v}"\n' for k, v in settings.items() if k != key]
    (tmp_path / "j.toml").write_text("".join(lines))
    (tmp_path / "a.tree").write_text("cat -1\n")
    old = (tmp_path / file).read_text() if file == "j.toml" else ""
    (tmp_path / file).write_text(old + content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        open_source("joint:j.toml")
    assert message in str(error.value) and str(error.value).isprintable()


def test_folders_next_to_the_file(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = write(
        folder / "beside.toml", folder, boxes="coco:boxes?val=0.25", images="classes:breeds"
    )
    assert open_source(spec).sizes == {"train": 18, "val": 2}
