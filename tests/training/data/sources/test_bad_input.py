"""Bad data: one line with file, problem and remedy."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from training import trainer as fitting
from training.data.batch_config import BatchConfig
from training.data.sources import open_source
from training.optimization import median_frequency_weights
from training.recipe import Recipe
from zoo.errors import InputError

RECIPE = Recipe.of(
    image_size=(16, 16), batch_size=2, epochs=1, model={"filters": 2, "depth": 2, "norm": "none"}
)


def mask(path, values):
    Image.fromarray(np.asarray(values)).save(path)


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


# Change to the folder, options, and words of the expected message.
FOUND_ON_OPENING = {
    "instance ids for classes": (
        lambda d: mask(d / "masks/2.png", np.full((20, 24), 300, np.uint16)),
        "",
        ("300", "use instances:"),
    ),
    "no images": (
        lambda d: [path.unlink() for path in (d / "images").iterdir()],
        "",
        ("images: no images (.jpg, .jpeg,", "in this folder"),
    ),
    "no masks": (
        lambda d: [path.rename(path.with_suffix(".npy")) for path in (d / "masks").iterdir()],
        "",
        ("masks: no label file of any of 6 images", "as 0.png"),
    ),
    "another layout": (
        lambda d: (d / "images").rename(d / "photos"),
        "",
        ("layout not recognized", "images, image, imgs"),
    ),
    "void in words": (lambda d: None, "?void=sky", ("void must be", "not 'sky'")),
    "fraction in words": (lambda d: None, "?val=some", ("val must be between 0 and 1", "0.2")),
    "fraction of everything": (
        lambda d: None,
        "?val=1",
        ("val must be between 0 and 1", "not '1'"),
    ),
    "unknown split method": (lambda d: None, "?split=odd", ("split must be 'hash', 'block'",)),
    "no policy": (lambda d: None, "?missing=x", ("missing must be '' or 'drop', not 'x'",)),
    "unknown option": (
        lambda d: None,
        "?viod=3",
        ("masks has no option 'viod'; did you mean 'void'?", "Available: void, classes,"),
    ),
    "folder as an option": (lambda d: None, "?root=x", ("masks has no option 'root'",)),
}

# Change to the folder, words of the expected defects, and number of samples that remain.
DEFECTS = {
    "color mask": (
        lambda d: mask(d / "masks/2.png", np.arange(1440, dtype=np.uint8).reshape(20, 24, 3)),
        ("masks/2.png: ", "color"),
        5,
    ),
    "no mask": (
        lambda d: (d / "masks/2.png").unlink(),
        ("images/2.png: no label file 2.png in", "missing=drop"),
        5,
    ),
    "empty mask file": (
        lambda d: (d / "masks/2.png").write_bytes(b""),
        ("masks/2.png: the file is empty",),
        5,
    ),
    "mask cut off": (lambda d: cut(d / "masks/2.png"), ("masks/2.png: not a readable mask",), 5),
    "mask of text": (
        lambda d: (d / "masks/2.png").write_text("no mask"),
        ("masks/2.png: not a readable mask", "save it again or remove it"),
        5,
    ),
    "two masks of one name": (
        lambda d: Image.open(d / "masks/2.png").save(d / "masks/2.bmp"),
        ("images/2.png: its label file may be 2.bmp and 2.png in", "keep one"),
        5,
    ),
    "one image": (
        lambda d: [path.unlink() for path in (d / "images").iterdir() if path.stem != "3"],
        ("1 images, too few for 2 parts; add images",),
        1,
    ),
    "list of a missing file": (
        lambda d: (d / "train.txt").write_text("0\n9\n"),
        ("train.txt: line 2: no image fits '9'",),
        1,
    ),
    "list of an image without mask": (
        lambda d: ((d / "masks/1.png").unlink(), (d / "train.txt").write_text("0\n1\n2\n")),
        ("images/1.png: no label file 1.png in",),
        2,
    ),
    "list of missing pairs": (
        lambda d: (d / "train.txt").write_text("images/0.png masks/0.png\nimages/9.png m/9.png"),
        ("train.txt: line 2: no file fits 'images/9.png m/9.png'", "image label"),
        1,
    ),
    "list that leaves the folder": (
        lambda d: (
            (d.parent / "secret.png").write_bytes((d / "images/0.png").read_bytes()),
            (d / "val.txt").write_text("../../secret.png\n../secret.png\n1\n"),
        ),
        ("val.txt: line 1: no image fits '../../secret.png'", "line 2: no image fits"),
        6,
    ),
    "list of three words": (
        lambda d: (d / "train.txt").write_text("images/0.png masks/0.png\na b c\n"),
        ("train.txt: line 2: no file fits 'a b c'",),
        1,
    ),
    "list of nothing": (
        lambda d: ((d / "train.txt").write_text("\n"), (d / "val.txt").write_text("1\n2")),
        ("train.txt: the list is empty",),
        2,
    ),
    "list that is not text": (
        lambda d: (
            (d / "train.txt").write_bytes(b"\xff\xfe\x00\x81"),
            (d / "val.txt").write_text("1\n2\n"),
        ),
        ("train.txt: line 1: no image fits",),
        2,
    ),
}

FOUND_ON_READING = {
    "image cut off": (
        lambda d: cut(d / "images/2.png"),
        "",
        ("images/2.png: damaged or not an image", "save it again or remove it"),
    ),
    "empty image file": (
        lambda d: (d / "images/2.png").write_bytes(b""),
        "",
        ("images/2.png: damaged or not an image (the file is empty)",),
    ),
    "image of text": (
        lambda d: (d / "images/2.png").write_text("no image"),
        "",
        ("images/2.png: damaged or not an image",),
    ),
    "mask of another size": (
        lambda d: mask(d / "masks/2.png", np.zeros((24, 20), np.uint8)),
        "",
        ("images/2.png: the image is 20×24", "masks/2.png is 24×20", "give them one size"),
    ),
}
on_reading = pytest.mark.parametrize("case", FOUND_ON_READING)


def one_line(caught, words):
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("case", FOUND_ON_OPENING)
def test_found_on_opening(folder, case):
    spoil, options, words = FOUND_ON_OPENING[case]
    spoil(folder)
    with pytest.raises(InputError) as caught:
        open_source(f"masks:{folder}{options}")
    one_line(caught, words)


@pytest.mark.parametrize("case", DEFECTS)
def test_a_defect_costs_its_own_record_only(folder, case):
    spoil, words, remaining = DEFECTS[case]
    spoil(folder)
    source = open_source(f"masks:{folder}")
    assert sum(source.sizes.values()) == remaining
    text = " ".join(map(str, source.defects))
    assert all(word in text for word in words), text
    assert all(defect.split or "list" not in case for defect in source.defects)


@on_reading
def test_found_on_reading(folder, case):
    spoil, options, words = FOUND_ON_READING[case]
    spoil(folder)
    source = open_source(f"masks:{folder}{options}")
    with pytest.raises(InputError) as caught:
        for split in source.sizes:
            list(source.samples(split))
    one_line(caught, words)


@on_reading
def test_found_during_training(folder, tmp_path, case):
    spoil, options, words = FOUND_ON_READING[case]
    spoil(folder)
    with pytest.raises(InputError) as caught:
        fitting.fit("unet", f"masks:{folder}{options}", RECIPE, out=tmp_path / "run", log=str)
    one_line(caught, words)


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_a_file_removed_during_training(folder, tmp_path, kind):
    source = open_source(f"masks:{folder}")
    gone = folder / ("images" if kind == "image" else "masks") / "2.png"
    gone.unlink()
    with pytest.raises(InputError) as caught:
        fitting.fit("unet", source, RECIPE, out=tmp_path / "run", log=str)
    one_line(caught, ("images/2.png: no such file", "restore the file"))


def test_a_palette_mask_damaged_during_training(folder, tmp_path):
    """Pillow reads it inside the pipeline; TensorFlow puts its message into a traceback."""
    for path in (folder / "masks").iterdir():
        Image.open(path).convert("P").save(path)
    source = open_source(f"masks:{folder}")
    assert source.num_classes == 3
    (folder / "masks/2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError) as caught:
        fitting.fit("unet", source, RECIPE, out=tmp_path / "run", log=str)
    one_line(caught, ("masks/2.png: not a readable mask", "save it again or remove it"))


def test_a_bad_file_while_counting_classes(folder, tmp_path):
    Image.new("RGB", (3, 4)).save(folder / "images/2.png")
    source = open_source(f"masks:{folder}")
    recipe = RECIPE.changed({"class_weights": "median_frequency"})
    with pytest.raises(InputError) as caught:
        fitting.fit("unet", source, recipe, out=tmp_path / "run", log=str)
    one_line(caught, ("images/2.png: the image is 4×3",))
    # Found before anything is written, so that the same command works after the correction.
    assert not (tmp_path / "run").exists()
    with pytest.raises(tf.errors.OpError):
        median_frequency_weights(source)


def test_special_characters_in_file_names(folder, tmp_path):
    """Brackets, quotes and non-ASCII letters do not truncate the message."""
    name = "é [0] 'a' \"b\"]"
    for part in ("images", "masks"):
        (folder / part / "2.png").rename(folder / part / f"{name}.png")
    mask(folder / "masks" / f"{name}.png", np.zeros((3, 3), np.uint8))
    source = open_source(f"masks:{folder}")
    with pytest.raises(InputError) as caught:
        for split in source.sizes:
            list(source.samples(split))
    # TensorFlow escapes quotation marks with a backslash.
    message = str(caught.value).replace("\\", "")
    assert f"images/{name}.png: the image is 20×24" in message
    assert f"masks/{name}.png is 3×3; give them one size." in message


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mask:x", ("unknown data format 'mask'; did you mean 'masks'?", "FORMAT[:WHERE]")),
        ("", ("unknown data format ''", "masks")),
        ("masks", ("(nothing): no such folder",)),
        ("masks:/no/such/folder", ("/no/such/folder: no such folder; use FORMAT:FOLDER",)),
        ("instances:/no/such/folder", ("/no/such/folder: no such folder",)),
        ("tfds:titanic", ("tfds:titanic: no mapping from its features", "register_mapping")),
        ("shapes:circles", ("tfds:zoo_shapes/circles:",)),
        ("shapes?size=3", ("shapes has no option 'size'", "Available: data_dir")),
    ],
)
def test_missing_data_sets(spec, words):
    with pytest.raises(InputError) as caught:
        open_source(spec)
    one_line(caught, words)


def test_shapes_in_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        open_source(f"shapes:single?data_dir={tmp_path / 'file'}")
    one_line(caught, ("tfds:zoo_shapes/single:",))


def test_missing_split(shared_folder):
    source = open_source(f"masks:{shared_folder}")
    with pytest.raises(InputError) as caught:
        list(source.samples("tests"))
    one_line(caught, ("has no split 'tests'; it has train (5), val (1)",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"loss": "cross_entropi"},
            ("unknown loss 'cross_entropi'; did you mean 'cross_entropy'",),
        ),
        ({"border_weight": 10.0}, ("border weights need instance maps", "border_weight=0")),
        (
            {"loss": "dice", "class_weights": "median_frequency"},
            ("class_weights need the loss cross_entropy",),
        ),
        ({"model.depht": 3}, ("unet has no argument 'depht'; did you mean 'depth'?",)),
        ({"model.backbone": "resnet"}, ("unknown backbone 'resnet'",)),
        (
            {"model.padding": "valid", "image_size": [21, 16]},
            ("unet: a side of image_size must be 20 or 22", "not 21."),
        ),
    ],
)
def test_invalid_recipes_leave_no_folder(shared_folder, tmp_path, changes, words):
    with pytest.raises(InputError) as caught:
        fitting.fit("unet", f"masks:{shared_folder}", RECIPE.changed(changes), out=tmp_path / "run")
    one_line(caught, words)
    assert not (tmp_path / "run").exists()


def test_missing_weights_leave_no_folder(shared_folder, tmp_path):
    with pytest.raises(InputError, match=r"no\.keras: no such file"):
        fitting.fit(
            "unet",
            f"masks:{shared_folder}",
            RECIPE,
            out=tmp_path / "run",
            weights=tmp_path / "no.keras",
        )
    assert not (tmp_path / "run").exists()


def test_unknown_architecture(shared_folder, tmp_path):
    with pytest.raises(zoo.InputError, match="did you mean 'unet'"):
        fitting.fit("unit", f"masks:{shared_folder}", RECIPE, out=tmp_path / "run")


@pytest.mark.filterwarnings("ignore")
def test_a_mask_damaged_anywhere(tmp_path):
    """A truncated or changed file is read, or refused with InputError."""
    from training.data.sources.reading.index_maps import read_index_map

    random = np.random.default_rng(0)
    values = random.integers(0, 5, (9, 11)).astype(np.uint8)
    for ending in ("png", "tif", "gif", "bmp"):
        path = tmp_path / f"mask.{ending}"
        Image.fromarray(values).save(path)
        whole = path.read_bytes()
        for length in range(0, len(whole), 7):
            path.write_bytes(whole[:length])
            _read_or_refuse(read_index_map, path)
        for position in range(0, len(whole), 5):
            content = bytearray(whole)
            content[position] ^= int(random.integers(1, 256))
            path.write_bytes(content)
            _read_or_refuse(read_index_map, path)


def _read_or_refuse(read, path):
    try:
        assert read(path).ndim == 2
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    "data, targets, words",
    [
        ("shapes:figures", ("boxes", "labels", "keypoints"), "keypoints per image"),
        ("shapes:single", ("keypoints", "box"), "keypoints per object"),
    ],
)
def test_keypoints_of_the_other_kind(data, targets, words):
    batches = BatchConfig("pose", (32, 32), targets=targets)
    with pytest.raises(InputError, match=f"{data}: the data set has {words}; the model needs"):
        batches.check(open_source(data))


@pytest.mark.parametrize(
    "data, targets",
    [("shapes", ("boxes", "labels", "keypoints")), ("shapes:figures", ("keypoints", "box"))],
)
def test_keypoints_of_the_right_kind(data, targets):
    BatchConfig("pose", (32, 32), targets=targets).check(open_source(data))
