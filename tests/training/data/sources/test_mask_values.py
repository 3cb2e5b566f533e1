"""`masks:` reads values and colors as stated, and refuses values that are not class numbers."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import training
from training.data.checking import check
from training.data.sources import open_source
from training.data.sources.maps import mask_source
from training.data.sources.maps.class_colors import read_colors, voc_palette
from training.data.sources.maps.mask_coding import listed
from zoo.errors import InputError


def class_maps(count=6, classes=3, size=(40, 52)):
    """Returns (H, W) maps in which every class has a rectangle."""
    maps = []
    for number in range(count):
        random = np.random.default_rng(number)
        values = np.zeros(size, np.int32)
        for index in range(1, classes):
            top, left = random.integers(2, 20, 2)
            values[top : top + 15, left : left + 13] = index
            values[index, index] = index
        maps.append(values)
    return maps


def write(root, masks, ending=".png", **texts):
    """Writes masks, arrays or images, with images of their sizes; returns the folder."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number, mask in enumerate(masks):
        if not isinstance(mask, Image.Image):
            mask = Image.fromarray(mask.astype(np.uint16 if mask.max() > 255 else np.uint8))
        noise = np.random.default_rng(number).integers(0, 255, (*mask.size[::-1], 3), np.uint8)
        Image.fromarray(noise).save(root / f"images/{number}.png")
        mask.save(root / f"masks/{number}{ending}")
    for name, text in texts.items():
        (root / name.replace("_txt", ".txt")).write_text(text)
    return root


def read(source):
    """Returns the class maps of a data set by number, without tracing a graph."""
    found = {}
    for table in source.tables.values():
        for image, mask in zip(table["image"], table["mask"], strict=True):
            sample = source.open({"image": tf.constant(image), "mask": tf.constant(mask)})
            found[int(Path(image).stem)] = sample["segmentation"].numpy()
    return [found[number] for number in sorted(found)]


def painted(values, colors):
    return Image.fromarray(np.array(colors, np.uint8)[values])


def smooth(values):
    """Returns a mask with the grey edges of a resized one."""
    image = Image.fromarray(values.astype(np.uint8))
    return image.resize((91, 70), Image.Resampling.BILINEAR)


# Masks of class maps, and words of the message.
REFUSED = {
    "grey edges": (
        lambda m: smooth(255 * (m > 0)),
        ("are not class numbers but grey edges between 0, 255", "?threshold=128"),
    ),
    "grey edges of three levels": (
        lambda m: smooth(np.array([0, 120, 240])[m]),
        ("grey edges between 0, 120, 240", "?values=0,120,240", "unlisted=nearest"),
    ),
    "gaps": (
        lambda m: np.array([0, 128, 255])[m],
        ("values 0, 128, 255 are not class numbers", "?values=0,128,255", "?threshold=128"),
    ),
    "one gap": (lambda m: 100 * (m > 0), ("values 0, 100 are not", "?values=0,100")),
    "sixteen bits": (
        lambda m: 65535 * (m > 0),
        ("values go up to 65535", "instances:", "?values=0,65535"),
    ),
    "ignored": (lambda m: 255 + 0 * m, ("every pixel of the masks is ignored", "?values=0,255")),
    "colors": (
        lambda m: painted(m, [(0, 0, 0), (250, 0, 0), (0, 200, 30)]),
        ("color masks with (0, 0, 0) in", "(250, 0, 0) in", "?colors=FILE"),
    ),
    "fractions": (
        lambda m: Image.fromarray((m / 2).astype(np.float32)),
        ("its values are not whole numbers",),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_are_not_class_numbers(tmp_path, case):
    change, words = REFUSED[case]
    ending = ".tif" if case == "fractions" else ".png"
    write(tmp_path, [change(values) for values in class_maps()], ending)
    with pytest.raises(InputError) as caught:
        open_source(f"masks:{tmp_path}")
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_files_of_zero_and_one_beside_files_of_zero_and_255(tmp_path):
    maps = class_maps(classes=2)
    write(tmp_path, [values * (255 if i % 2 else 1) for i, values in enumerate(maps)])
    with pytest.raises(InputError, match=r"some masks contain 0 and 1, others 0 and 255; \?thresh"):
        open_source(f"masks:{tmp_path}")
    np.testing.assert_array_equal(read(open_source(f"masks:{tmp_path}?threshold=1")), maps)
    found = read(open_source(f"masks:{tmp_path}?void=255"))
    np.testing.assert_array_equal(found[1], maps[1] * 255)


def test_255_beside_a_class_in_one_mask_is_ignored(tmp_path):
    maps = [np.where(values == 2, 255, values) for values in class_maps()]
    source = open_source(f"masks:{write(tmp_path, maps)}")
    assert source.class_names == ("0", "1") and source.defects == []
    np.testing.assert_array_equal(read(source), maps)


# Options, kind of the masks, and class names; the classes are those of the class maps.
READ = {
    "values": ("values=0,128,255", lambda m: np.array([0, 128, 255])[m], ("0", "128", "255")),
    "values from 1": ("values=1,2,3&classes=a,b,c", lambda m: m + 1, ("a", "b", "c")),
    "two colors of a class": (
        "colors=c.txt",
        lambda m: painted(m, [(0, 0, 0), (255, 0, 0), (0, 99, 0)]),
        ("ground", "tree", "road"),
    ),
    "colors of a palette": (
        "colors=c.txt",
        lambda m: painted(m, [(0, 0, 0), (255, 0, 0), (0, 99, 0)]).quantize(4),
        ("ground", "tree", "road"),
    ),
    "nearest values of JPEG": (
        "values=0,120,240&unlisted=nearest",
        lambda m: np.array([0, 120, 240])[m],
        ("0", "120", "240"),
    ),
    "number of classes": ("classes=5", lambda m: m, ("0", "1", "2", "3", "4")),
    "file of classes": ("classes=names.txt", lambda m: m, ("sky", "sea", "land mass")),
}


@pytest.mark.parametrize("case", READ)
def test_options_state_what_values_mean(tmp_path, case):
    options, change, names = READ[case]
    maps = class_maps()
    ending = ".jpg" if "JPEG" in case else ".png"
    texts = {
        "c_txt": "name,r,g,b\nground,0,0,0\ntree,255,0,0\nroad,0,99,0\nroad,1,1,1\n",
        "names_txt": "sky\nsea\nland mass\n",
    }
    masks = [change(values) for values in maps]
    source = open_source(f"masks:{write(tmp_path, masks, ending, **texts)}?{options}")
    assert source.class_names == names and source.defects == []
    for found, expected in zip(read(source), maps, strict=True):
        assert (found == expected).mean() > (0.97 if ending == ".jpg" else 0.9999)


def test_threshold_makes_two_classes_of_any_mask(tmp_path):
    maps = class_maps(classes=2)
    masks = [smooth(255 * values) for values in maps]
    expected = [np.asarray(mask) >= 128 for mask in masks]
    found = read(open_source(f"masks:{write(tmp_path / 'png', masks)}?threshold=128"))
    np.testing.assert_array_equal(found, expected)
    found = read(open_source(f"masks:{write(tmp_path / 'jpg', masks, '.jpg')}?threshold=128"))
    assert (np.array(found) == np.array(expected)).mean() > 0.95
    with pytest.raises(InputError, match=r"0.jpg: JPEG changes class indices.*threshold=128"):
        open_source(f"masks:{tmp_path / 'jpg'}")


def test_unlisted_values_are_ignored_or_nearest(tmp_path):
    masks = [np.array([0, 10, 100])[values] for values in class_maps()]
    path = write(tmp_path, masks)
    ignored = read(open_source(f"masks:{path}?values=0,100&unlisted=ignore"))
    np.testing.assert_array_equal(ignored, np.array([0, 255, 1])[class_maps()])
    nearest = read(open_source(f"masks:{path}?values=0,100&unlisted=nearest"))
    np.testing.assert_array_equal(nearest, np.array([0, 0, 1])[class_maps()])
    with pytest.raises(InputError, match=r"value 10 in \d+ pixels is not one of 0, 100; list it"):
        open_source(f"masks:{path}?values=0,100")


CVAT = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,0,0::\nbig dog:0,200,30::\n"


def test_cvat_and_camvid_name_their_colors(tmp_path):
    maps = class_maps()
    masks = [painted(values, [(0, 0, 0), (250, 0, 0), (0, 200, 30)]) for values in maps]
    for name, text in (
        ("labelmap.txt", CVAT),
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\ncat,250,0,0\nbig dog,0,200,30\n"),
        ("label_colors.txt", "0 0 0\tbackground\n250 0 0\t\tcat\n0 200 30\tbig dog\n"),
    ):
        folder = write(tmp_path / name.partition(".")[0], masks)
        (folder / name).write_text(text)
        source = open_source(f"masks:{folder}")
        assert source.class_names == ("background", "cat", "big dog")
        assert source.notes == [f"masks are read by the colors of {folder / name}."]
        np.testing.assert_array_equal(read(source), maps)
    ignoring = open_source(f"masks:{folder}?colors=label_colors.txt&void=cat")
    assert ignoring.class_names == ("background", "big dog")
    np.testing.assert_array_equal(read(ignoring), np.array([0, 255, 1])[maps])


def test_an_unknown_color_is_a_defect_with_the_nearest_one(tmp_path):
    maps = class_maps()
    masks = [np.array(painted(values, [(0, 0, 0), (250, 0, 0), (0, 200, 30)])) for values in maps]
    masks[3][5, 4:8] = 240, 9, 0
    folder = write(tmp_path, [Image.fromarray(mask) for mask in masks], labelmap_txt=CVAT)
    source = open_source(f"masks:{folder}")
    (defect,) = source.defects
    assert defect.file == str(folder / "masks/3.png") and defect.unused == "image"
    assert "color (240, 9, 0) in 4 pixels is not listed, the nearest is cat (250, 0, 0)" in str(
        defect
    )
    assert sum(source.sizes.values()) == 5
    near = open_source(f"masks:{folder}?colors=labelmap.txt&unlisted=nearest")
    assert near.defects == [] and (read(near)[3][5, 4:8] == 1).all()


def test_colors_of_vocs_palette(tmp_path):
    palette = [(color >> 16, color >> 8 & 255, color & 255) for color in voc_palette()]
    assert palette[1] == (128, 0, 0) and palette[15] == (192, 128, 128)
    assert palette[255] == (224, 224, 192) and len(set(palette)) == 256
    maps = [np.array([0, 15, 255])[values] for values in class_maps()]
    source = open_source(f"masks:{write(tmp_path, [painted(m, palette) for m in maps])}")
    assert source.num_classes == 16 and "VOC's palette" in source.notes[0]
    np.testing.assert_array_equal(read(source), maps)


@pytest.mark.parametrize(
    ("line", "name", "color"),
    [
        ("cat:1,2,3:head,tail:run", "cat", 0x010203),
        ("traffic light;1;2;3", "traffic light", 0x010203),
        ("64 128 64 Animal", "Animal", 0x408040),
        ("Traffic Cone 0 0 64", "Traffic Cone", 0x000040),
        ("7,road,128,64,128", "road", 0x804080),
        ("#0aff00,sky", "sky", 0x0AFF00),
        ('road,"128, 64, 128"', "road", 0x804080),
    ],
)
def test_lines_of_color_files(tmp_path, line, name, color):
    path = tmp_path / "colors.txt"
    path.write_text(f"{line}\nother,9,9,9\n")
    found = read_colors(path)
    assert found.names == (name, "other") and found.classes[color] == 0
    for wrong in (
        "lake,1,2",
        "lake,1,2,256",
        f"lake,{color >> 16},{color >> 8 & 255},{color & 255}",
    ):
        path.write_text(f"{line}\n{wrong}\n")
        with pytest.raises(InputError, match=r"colors\.txt: line 2: "):
            read_colors(path)


# Options, masks of class maps, and words of the one defect.
DOUBTFUL = {
    "one class": ("", lambda m, i: 0 * m, "pixels of one class only (0)"),
    "one class and ignored pixels": ("?void=255", lambda m, i: 255 * (m > 0), "one class only (0)"),
    "from 1": ("", lambda m, i: m + 1, "values 1…3 leave 1 of the classes 0 to 3 without a pixel"),
    "a gap": ("", lambda m, i: np.array([0, 1, 4])[m], "values 0, 1, 4 leave 2 of the classes"),
    "instances": (
        "",
        lambda m, i: np.minimum(np.arange(40)[:, None] // 3, 3 + 2 * i) + 0 * m,
        "each mask numbers its objects from 1, as instance maps do; open instance maps as instan",
    ),
    "a class too many in one mask": (
        "?classes=a,b,c",
        lambda m, i: np.where((m == 2) & (i == 1), 7, m),
        "masks/1.png: value 7 in",
    ),
    "a color mask": (
        "",
        lambda m, i: painted(m, [(0, 0, 0), (9, 0, 0), (0, 9, 0)]) if i == 1 else m,
        "masks/1.png: a color image among masks of class numbers",
    ),
    "JPEG under a PNG name": ("", lambda m, i: m, "masks/1.png: JPEG changes class indices; "),
    "a damaged mask": ("", lambda m, i: m, "masks/1.png: not a readable mask"),
    "an empty mask": ("", lambda m, i: m, "masks/1.png: the file is empty; save it again"),
    "a mask of text": ("", lambda m, i: m, "masks/1.png: not a readable mask"),
}
DAMAGED = {"a damaged mask": 50, "an empty mask": 0}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_doubtful_masks_are_a_defect(tmp_path, case):
    options, change, words = DOUBTFUL[case]
    write(tmp_path, [change(values, i) for i, values in enumerate(class_maps())])
    path = tmp_path / "masks/1.png"
    if case in DAMAGED:
        path.write_bytes(path.read_bytes()[: DAMAGED[case]])
    elif case == "JPEG under a PNG name":
        Image.open(path).save(path, "JPEG")
    elif case == "a mask of text":
        path.write_text("no mask")
    source = open_source(f"masks:{tmp_path}{options}")
    (defect,) = source.defects
    assert words in str(defect), defect
    assert sum(source.sizes.values()) == (5 if "masks/1.png" in words else 6)


def test_palettes_that_differ_are_a_defect(tmp_path):
    masks = []
    for number, values in enumerate(class_maps()):
        mask = Image.fromarray(values.astype(np.uint8)).convert("P")
        mask.putpalette(
            [0, 0, 0, 200, 0, 0, 0, 200, 0] if number else [0, 0, 0, 0, 200, 0, 9, 9, 0]
        )
        masks.append(mask)
    (defect,) = open_source(f"masks:{write(tmp_path, masks)}").defects
    assert "palettes of masks differ: index 1 is color #00c800 in 0.png and #c80000" in str(defect)


def test_a_value_that_only_an_unread_mask_has_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_source, "MAX_PROBED", 2)
    maps = [np.minimum(values, 1) for values in class_maps()]
    maps[1] = np.where(maps[1] == 1, 255, 0)
    source = open_source(f"masks:{write(tmp_path, maps)}")
    assert source.class_names == ("0", "1") and source.defects == []
    (defect,) = check(source, list(source.sizes)).defects
    assert defect.file.endswith("images/1.png")
    assert "masks/1.png has the value 255 in" in str(defect) and "set void=…" in str(defect)


def test_rare_classes_are_searched_for(tmp_path, monkeypatch):
    monkeypatch.setattr(mask_source, "MAX_PROBED", 2)
    maps = [values * (number == 5) for number, values in enumerate(class_maps(7))]
    assert open_source(f"masks:{write(tmp_path, maps)}").class_names == ("0", "1", "2")


def test_training_on_one_class_is_refused(tmp_path):
    write(tmp_path / "one", [0 * values for values in class_maps()])
    with pytest.raises(InputError, match=r"masks of train have pixels of one class only \(0\)"):
        training.load_data(f"masks:{tmp_path / 'one'}", image_size=(16, 16))
    # A class that occurs alone is no gap: there is no use in numbering it anew.
    write(tmp_path / "ones", [0 * values + 1 for values in class_maps()])
    (defect,) = open_source(f"masks:{tmp_path / 'ones'}").defects
    assert "one class only (1)" in str(defect)
    # Only the last mask, that of validation, has objects.
    maps = [values * (number == 5) for number, values in enumerate(class_maps())]
    spec = f"masks:{write(tmp_path / 'val', maps)}?split=block"
    with pytest.raises(InputError, match="one class only"):
        training.fit("unet", spec, {"epochs": 1}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_ignored_mask_is_a_defect_of_its_image(tmp_path):
    maps = class_maps()
    maps[2] = np.full_like(maps[2], 255)
    maps[3][0] = 255
    source = open_source(f"masks:{write(tmp_path, maps)}")
    found = [str(defect) for defect in check(source, list(source.sizes)).defects]
    assert len(found) == 1 and "images/2.png: segmentation map: every pixel is ignored" in found[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("values=0,1&threshold=3", "values and threshold exclude each other"),
        ("values=0,0", "values lists a value twice"),
        ("values=0,x", "values must be a whole number"),
        ("values=0,1&void=1", "values and void both list 1"),
        ("values=0,1&classes=a,b,c", "classes names 3 classes, but there are 2"),
        ("threshold=0", "threshold must be a whole number from 1"),
        ("colors=none.txt", "colors=none.txt: no such file"),
        ("colors=labelmap.txt&void=cow", "void=cow: no such class in"),
        ("unlisted=maybe", "unlisted must be"),
        ("classes=a,a", "classes names 'a' twice"),
        ("colors=../x.txt", "leaves the data folder"),
    ],
)
def test_wrong_options(tmp_path, options, words):
    write(tmp_path, class_maps(2), labelmap_txt=CVAT)
    with pytest.raises(InputError) as caught:
        open_source(f"masks:{tmp_path}?{options}")
    assert words in str(caught.value)


def test_values_in_messages():
    assert listed([2, 0, 1, 255, 7, 8]) == "0…2, 7, 8, 255"
    assert listed(range(0, 60, 3)).endswith("…, 57 (20 values)")


def test_the_file_of_a_rare_value_is_named(tmp_path):
    masks = class_maps(12, 2)
    masks[7][0, 0] = 90
    with pytest.raises(InputError, match=r"values 0, 1, 90 \(90 only in 7\.png\) are not class"):
        open_source(f"masks:{write(tmp_path, masks)}")
