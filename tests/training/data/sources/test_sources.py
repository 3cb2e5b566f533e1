"""Every layout and kind of file gives the same samples."""

import numpy as np
import pytest
import tensorflow as tf
from image_folders import write_images
from PIL import Image

from training.data.sources import open_source
from training.data.sources.maps.instance_source import InstanceFolder
from training.data.sources.maps.mask_source import MaskFolder
from training.data.sources.reading.image_files import natural_key
from training.data.sources.reading.index_maps import read_index_map
from zoo.errors import InputError


def read(source, split="train"):
    """Returns samples by the stem of their image."""
    return {name.split("/")[-1].split(".")[0]: s for name, s in source.samples(split)}


def everything(source):
    return {key: s for split in source.sizes for key, s in read(source, split).items()}


def as_stored(path):
    return np.asarray(Image.open(path), np.int32)


def test_images_and_masks_are_unchanged(folder):
    source = open_source(f"masks:{folder}")
    assert isinstance(source, MaskFolder)
    assert source.sizes == {"train": 5, "val": 1} and source.class_names == ("0", "1", "2")
    assert source.spec == f"masks:{folder}" and source.notes == []
    samples = everything(source)
    assert sorted(samples) == ["0", "1", "2", "3", "4", "5"]
    for stem, sample in samples.items():
        np.testing.assert_array_equal(sample["image"], Image.open(folder / f"images/{stem}.png"))
        np.testing.assert_array_equal(
            sample["segmentation"], as_stored(folder / f"masks/{stem}.png")
        )
        assert sample["image"].dtype == np.uint8 and sample["segmentation"].dtype == np.int32


@pytest.mark.parametrize(
    "kind", ["8 bit", "16 bit", "palette", "4 bit", "grey as RGB", "TIFF", "LA"]
)
def test_kinds_of_mask_files(folder, kind):
    expected = {}
    for path in sorted((folder / "masks").iterdir()):
        values = as_stored(path)
        expected[path.stem] = values
        image = Image.fromarray(values.astype(np.uint8))
        if kind == "16 bit":
            image = Image.fromarray(values.astype(np.uint16))
        elif kind in ("palette", "4 bit"):
            image = image.convert("P")
            image.putdata(values.ravel().tolist())
            image.putpalette([9, 9, 9, 200, 0, 0, 200, 0, 0])
        elif kind in ("grey as RGB", "LA"):
            image = image.convert("RGB" if kind != "LA" else "LA")
        path.unlink()
        options = {"bits": 4} if kind == "4 bit" else {}
        image.save(path.with_suffix(".tif") if kind == "TIFF" else path, **options)
    source = open_source(f"masks:{folder}")
    assert source.num_classes == 3
    for stem, sample in everything(source).items():
        np.testing.assert_array_equal(sample["segmentation"], expected[stem])


@pytest.mark.parametrize("kind", ["0 and 255", "1 bit"])
def test_two_valued_masks_are_two_classes_with_a_note(folder, kind):
    for path in (folder / "masks").iterdir():
        image = Image.fromarray(255 * (as_stored(path) > 0).astype(np.uint8))
        (image.convert("1") if kind == "1 bit" else image).save(path)
    source = open_source(f"masks:{folder}")
    assert source.class_names == ("0", "255")
    assert source.notes == ["masks contain only 0 and 255, which are read as classes 0 and 1."]
    for stem, sample in everything(source).items():
        stored = as_stored(folder / f"masks/{stem}.png") > 0
        np.testing.assert_array_equal(sample["segmentation"], stored)
    assert open_source(f"masks:{folder}?classes=gap,cell").class_names == ("gap", "cell")
    # With 255 as void there is one class.
    assert open_source(f"masks:{folder}?void=255").class_names == ("0",)


def test_void_and_names(folder):
    source = open_source(f"masks:{folder}?void=2&classes=ground, tree")
    assert source.class_names == ("ground", "tree")
    for stem, sample in everything(source).items():
        stored = as_stored(folder / f"masks/{stem}.png")
        np.testing.assert_array_equal(sample["segmentation"], np.where(stored == 2, 255, stored))
    assert open_source(f"masks:{folder}?void=0").class_names == ("0", "1", "2")
    assert open_source(f"masks:{folder}?void=2").class_names == ("0", "1")


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "JPEG", "I;16", "GIF", "BMP"])
def test_kinds_of_images_become_rgb_bytes(folder, mode):
    path = folder / "images" / "0.png"
    grey = np.asarray(Image.open(path))[..., 0]
    image = Image.fromarray(grey)
    expected = np.repeat(grey[..., None], 3, axis=-1)
    if mode == "RGBA":
        image = Image.fromarray(np.dstack([expected, 255 - grey]))
    elif mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode in ("JPEG", "GIF", "BMP"):
        path.unlink()
        path = path.with_suffix(f".{mode.lower()}")
        image = image.convert("RGB")
    elif mode != "L":
        image = image.convert(mode)
    image.save(path)
    if mode == "JPEG":
        expected = np.asarray(Image.open(path))
    elif mode == "1":
        expected = np.asarray(Image.open(path).convert("RGB"))
    found = everything(open_source(f"masks:{folder}"))["0"]["image"]
    assert found.dtype == np.uint8
    # JPEG decoders may differ by a few grey levels.
    tolerance = {"JPEG": 3}.get(mode, 0)
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=tolerance)


LONG = {"train": "training", "val": "validation", "test": "testing"}
LAYOUTS = {
    "images/train and masks/train": lambda part: (f"images/{part}", f"masks/{part}"),
    "train/images and train/masks": lambda part: (f"{part}/images", f"{part}/masks"),
    "train and trainannot": lambda part: (part, f"{part}annot"),
    "training and training_labels": lambda part: (LONG[part], f"{LONG[part]}_labels"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("other", ["val", "test", None])
def test_one_folder_per_split(tmp_path, layout, other):
    folders = LAYOUTS[layout]
    write_images(tmp_path, 5, folders=folders("train"))
    if other:
        write_images(tmp_path, 2, folders=folders(other), first=5)
    source = open_source(f"masks:{tmp_path}")
    if other:
        assert source.sizes == {"train": 5, other: 2}
        assert sorted(read(source, other)) == ["5", "6"]
        assert source.validation_split() == other
    else:
        assert source.sizes == {"train": 4, "val": 1}


def test_lists_of_pairs(tmp_path):
    write_images(tmp_path, 6, folders=("a", "b"))
    lines = [f"a/{i}.png b/{i}.png" for i in range(6)]
    (tmp_path / "train.txt").write_text("\n".join(lines[:4]) + "\n\n")
    assert open_source(f"masks:{tmp_path}").sizes == {"train": 3, "val": 1}
    (tmp_path / "valid.txt").write_text(lines[5])
    (tmp_path / "test.txt").write_text("/" + lines[4])
    source = open_source(f"masks:{tmp_path}")
    assert source.sizes == {"train": 4, "val": 1, "test": 1}
    assert list(read(source)) == ["0", "1", "2", "3"] and list(read(source, "val")) == ["5"]


@pytest.mark.parametrize("line", ["{}", "{}.png", "images/{}.png", "{} 1 -1"])
def test_lists_of_names(folder, line):
    (folder / "train.txt").write_text("\n".join(line.format(i) for i in (3, 1, 0)))
    (folder / "val.txt").write_text("\n".join(line.format(i) for i in (2, 5)))
    source = open_source(f"masks:{folder}")
    assert list(read(source)) == ["3", "1", "0"] and list(read(source, "val")) == ["2", "5"]


def test_masks_with_a_suffix_in_their_stem(folder):
    for path in list((folder / "masks").iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    assert sorted(everything(open_source(f"masks:{folder}"))) == list("012345")
    (folder / "train.txt").write_text("0\n1")
    (folder / "val.txt").write_text("2")
    assert open_source(f"masks:{folder}").sizes == {"train": 2, "val": 1}


def test_the_validation_split_is_fixed_and_of_the_given_size(tmp_path):
    write_images(tmp_path / "d", 20, (4, 4))
    validation = sorted(read(open_source(f"masks:{tmp_path / 'd'}"), "val"))
    assert len(validation) == 4 and validation == sorted(
        read(open_source(f"masks:{tmp_path / 'd'}?val=0.2"), "val")
    )
    # Names determine the split, so one more image moves at most one.
    write_images(tmp_path / "d", 1, (4, 4), first=20)
    again = read(open_source(f"masks:{tmp_path / 'd'}"), "val")
    assert len(set(validation) & set(again)) >= 3
    block = open_source(f"masks:{tmp_path / 'd'}?val=0.25&split=block")
    assert list(read(block, "val")) == ["16", "17", "18", "19", "20"]
    most = open_source(f"masks:{tmp_path / 'd'}?val=0.99")
    assert most.sizes == {"train": 1, "val": 20}


def test_objects_of_an_instance_map(tmp_path):
    write_images(tmp_path, 2, (12, 16), folders=("images", "instances"))
    first, second = sorted((tmp_path / "instances").iterdir())
    numbers = np.zeros((12, 16), np.uint8)
    numbers[2:6, 4:12], numbers[3:5, 6:10] = 5, 9  # one inside the other
    numbers[11, 15] = 2
    Image.fromarray(numbers).save(first)
    Image.fromarray(0 * numbers).save(second)
    samples = everything(open_source(f"instances:{tmp_path}?val=0.5"))
    some, none = (samples[name] for name in sorted(samples))
    np.testing.assert_array_equal(some["boxes"], [[15, 11, 16, 12], [4, 2, 12, 6], [6, 3, 10, 5]])
    assert some["boxes"].dtype == np.float32 and some["labels"].tolist() == [0, 0, 0]
    assert some["masks"].shape == (3, 112, 112) and some["masks"][[0, 2]].all()
    # 8 of the 32 pixels in the box belong to the other object.
    assert some["masks"][1].mean() == pytest.approx(0.75)
    assert not some["masks"][1, 56, 56] and some["masks"][1, 0, 0]
    assert none["boxes"].shape == (0, 4) and none["masks"].shape == (0, 112, 112)


def test_instances_of_more_than_255_objects(tmp_path):
    write_images(tmp_path, 4, (20, 20), folders=("images", "instances"))
    numbers = np.arange(400).reshape(20, 20).astype(np.uint16)
    for path in (tmp_path / "instances").iterdir():
        Image.fromarray(numbers).save(path)
    source = open_source(f"instances:{tmp_path}?name=cell")
    assert isinstance(source, InstanceFolder) and source.class_names == ("background", "cell")
    for sample in everything(source).values():
        np.testing.assert_array_equal(sample["instances"], numbers)
        np.testing.assert_array_equal(sample["segmentation"], numbers > 0)
        assert sample["instances"].dtype == sample["segmentation"].dtype == np.int32
    with pytest.raises(InputError, match="use instances:"):
        (tmp_path / "instances").rename(tmp_path / "masks")
        open_source(f"masks:{tmp_path}")


def test_non_ascii_file_names(tmp_path):
    write_images(tmp_path / "d", 3)
    for old, new in [("0", "é 漢字"), ("1", "[x] 'q' \"z\""), ("2", "a.b²3")]:
        for part in ("images", "masks"):
            (tmp_path / "d" / part / f"{old}.png").rename(tmp_path / "d" / part / f"{new}.png")
    names = {
        name.split("/")[-1]
        for split in ("train", "val")
        for name, _ in open_source(f"masks:{tmp_path / 'd'}").samples(split)
    }
    assert names == {"é 漢字.png", "[x] 'q' \"z\".png", "a.b²3.png"}


def test_numbers_in_names_are_in_numerical_order(tmp_path):
    names = ["10.png", "9.png", "a2.png", "a10.png", "a1b3.png", "b.png", "²1.png"]
    found = sorted((tmp_path / name for name in names), key=natural_key)
    order = [path.name for path in found]
    assert order.index("9.png") < order.index("10.png")
    assert order.index("a1b3.png") < order.index("a2.png") < order.index("a10.png")


def test_order_depends_on_its_seed_only(shared_folder):
    source = open_source(f"masks:{shared_folder}?val=0.2")

    def order(*seed):
        records = source.raw("train", tf.constant(seed, tf.int64))
        return [source.name_of(record) for record in records]

    own = [source.name_of(record) for record in source.raw("train")]
    assert order(0, 1) == order(0, 1) != order(0, 2)
    assert sorted(order(0, 1)) == sorted(order(5, 1)) == sorted(own)
    assert len({tuple(order(0, epoch)) for epoch in range(10)}) > 5


def test_a_1_bit_file_reads_as_0_and_255(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "m.png")
    assert read_index_map(tmp_path / "m.png").tolist() == [[0, 255]]


def test_shapes_need_no_files():
    source = open_source("shapes:single")
    assert source.sizes == {"train": 1200, "val": 200, "test": 200}
    name, sample = next(source.samples("val"))
    assert name.startswith("tfds:zoo_shapes/single: record ")
    assert set(sample) == set(source.keys)
    assert sample["image"].shape == (128, 128, 3)
    assert sample["segmentation"].max() < source.num_classes
    assert source.class_names[0] == "background" and source.flip_pairs
    # The class map covers the object's box.
    left, top, right, bottom = sample["box"]
    rows, columns = np.nonzero(sample["segmentation"])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(
        (left, top, right, bottom), abs=1
    )


def mask_values(source, split):
    return np.unique(
        np.concatenate([np.unique(s["segmentation"]) for _, s in source.samples(split)])
    )


def test_camvid(shared_data):
    names = "Sky,Building,Pole,Road,Pavement,Tree,SignSymbol,Fence,Car,Pedestrian,Bicyclist"
    source = open_source(f"masks:{shared_data / 'camvid'}?void=11&classes={names}")
    assert source.sizes == {"train": 367, "val": 101, "test": 233}
    assert source.num_classes == 11 and source.validation_split() == "val"
    name, sample = next(source.samples("val"))
    assert name.endswith(".jpg") and sample["image"].shape == (360, 480, 3)
    assert mask_values(source, "val").tolist() == [*range(11), 255]
    ignored = np.mean([np.mean(s["segmentation"] == 255) for _, s in source.samples("val")])
    assert ignored == pytest.approx(0.017, abs=0.0005)
    assert open_source(f"masks:{shared_data / 'camvid'}?void=11").num_classes == 11


def test_isbi(shared_data):
    source = open_source(f"masks:{shared_data / 'isbi2012_membrane'}?split=block&val=0.17")
    assert source.sizes == {"train": 20, "val": 4} and "255" in source.notes[0]
    assert list(read(source, "val")) == ["20", "21", "22", "23"]
    assert list(read(source)) == [str(number) for number in range(20)]
    samples = everything(source).values()
    cell = np.mean([sample["segmentation"].mean() for sample in samples])
    assert cell == pytest.approx(0.78, abs=0.01)
    assert all(sample["image"].shape == (512, 512, 3) for sample in samples)


def test_nuclei(shared_data):
    source = open_source(f"instances:{shared_data / 'nuclei_dsb2018'}?name=nucleus")
    assert source.sizes == {"train": 143, "val": 32}
    nuclei = {
        split: [int(sample["instances"].max()) for _, sample in source.samples(split)]
        for split in source.sizes
    }
    assert sum(nuclei["train"]) == 5838 and sum(nuclei["val"]) == 1207
    together = nuclei["train"] + nuclei["val"]
    assert min(together) == 3 and max(together) == 313
    for _, sample in source.samples("val", 4):
        assert len(sample["boxes"]) == len(sample["masks"]) == sample["instances"].max()
        assert set(sample["labels"]) == {0} and source.object_names == ("nucleus",)


def test_pets(shared_data):
    source = open_source(
        f"masks:{shared_data / 'oxford_pets_3breeds'}?void=3&classes=none,pet,background"
    )
    assert source.sizes == {"train": 159, "val": 39}
    assert mask_values(source, "val").tolist() == [1, 2, 255]
