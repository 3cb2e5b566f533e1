"""`regions:` reads Visual Genome's region descriptions."""

import json
from pathlib import Path

import numpy as np
import pytest
from object_folders import make_image, stored_values

from training.data.sources import open_source
from zoo.errors import InputError


def region(number, image, phrase="a red cat", box=(4, 5, 20, 10)):
    x, y, wide, high = box
    record = {"region_id": number, "image_id": image, "phrase": phrase}
    return {**record, "x": x, "y": y, "width": wide, "height": high}


def write(root, descriptions=None, images=None, folder="VG_100K"):
    """Writes three images, the last in the second folder as in Visual Genome."""
    if images is None:
        images = [
            {"image_id": i, "width": 40, "height": 30, "url": f"https://x.org/VG_100K/{i}.jpg"}
            for i in (1, 2, 3)
        ]
    if descriptions is None:
        descriptions = [{"id": i, "regions": [region(10 * i, i)]} for i in (1, 2, 3)]
    root.mkdir(exist_ok=True)
    (root / "image_data.json").write_text(json.dumps(images))
    (root / "region_descriptions.json").write_text(json.dumps(descriptions))
    for number in (1, 2):
        make_image(root / folder / f"{number}.jpg")
    make_image(root / "VG_100K_2" / "3.jpg")
    return f"regions:{root}"


def everything(source):
    return {
        Path(name).stem: sample for split in source.sizes for name, sample in source.samples(split)
    }


def test_boxes_and_captions(tmp_path):
    regions = [region(1, 1, "  a cat\n on a mat "), region(2, 1, "Café", (0, 0, 40, 30))]
    spec = write(tmp_path, [{"id": 1, "regions": regions}, {"image_id": 3, "regions": []}])
    source = open_source(spec)
    assert source.sizes == {"train": 1, "val": 1} and not source.defects
    assert source.notes[0].startswith("1 images of image_data.json have no regions in")
    assert source.object_names == ("region",) and source.keys[-1] == "texts"
    samples = everything(source)
    np.testing.assert_array_equal(samples["1"]["boxes"], [[4, 5, 24, 15], [0, 0, 40, 30]])
    assert samples["1"]["texts"].tolist() == [b"a cat on a mat", "Café".encode()]
    assert samples["1"]["labels"].tolist() == [0, 0]
    assert samples["3"]["texts"].shape == (0,)
    spec = write(tmp_path)
    assert sum(open_source(f"{spec}?limit=2").sizes.values()) == 2


def test_splits_from_lists(tmp_path):
    spec = write(tmp_path, folder="images")
    (tmp_path / "train.txt").write_text("1\n3.jpg\n")
    (tmp_path / "val.txt").write_text("2\n")
    assert open_source(spec).sizes == {"train": 2, "val": 1}


def test_every_defect_is_reported(tmp_path):
    records = [
        {
            "id": 1,
            "regions": [
                region(11, 1, box=(4, 5, 0, 10)),
                region(12, 1, box=(4, "5", 1, 10)),
                region(13, 1, phrase=" "),
                region(14, 1, phrase=None),
                "nothing",
                region(15, 1),
            ],
        },
        {"id": 2, "regions": "none"},
        {"id": 9, "regions": []},
        {"regions": []},
        7,
        {"id": 3, "regions": [region(31, 3)]},
    ]
    images = [{"image_id": i, "url": f"a/{i}.jpg"} for i in (1, 2, 3, 3)]
    spec = write(tmp_path, records, [*images, {"width": 3}, "x"])
    source = open_source(spec)
    found = "\n".join(map(str, source.defects))
    for words in (
        "image 1, region 11: box [4 5 4 15] has no area",
        "image 1, region 12: box 4 …",
        "image 1, region 13:",
        "image 1, region 14:",
        "image 1, region 5 of the list:",
        "image 2: regions is none",
        "entry 3 of the list: its image is not in image_data.json",
        "entry 4 of the list: its image",
        "entry 5 of the list: its image",
        "image_data.json: image 3: repeated image",
        "image_data.json: entry 5 of the list: no image_id",
        "image_data.json: entry 6 of the list: no image_id",
    ):
        assert words in found, words
    assert len(source.defects) == 12
    assert everything(source)["1"]["labels"].tolist() == [-1, 0]
    dropped = open_source(f"{spec}?drop_bad=1")
    assert not dropped.defects and everything(dropped)["1"]["labels"].tolist() == [0]
    assert dropped.notes[-1] == "drop_bad: dropped 7 images, 5 objects."
    assert dropped.notes[0].startswith("1 images of image_data.json have no regions")


def test_unusable_data_sets(tmp_path):
    with pytest.raises(InputError, match=r"no region_descriptions.json; .*labels=captions"):
        open_source(f"regions:{tmp_path}")
    spec = write(tmp_path)
    (tmp_path / "image_data.json").write_text("{}")
    with pytest.raises(InputError, match=r"image_data.json: the top level must be a list"):
        open_source(spec)
    (tmp_path / "image_data.json").unlink()
    with pytest.raises(InputError, match=r"image_data.json: no such file"):
        open_source(spec)
    write(tmp_path, images=[{"image_id": 7, "url": "https://x.org/.."}])
    assert "leaves the data folder" in str(open_source(spec).defects[0])


def test_images_of_other_places_and_one_file_under_two_ids(tmp_path):
    make_image(tmp_path / "a" / "b" / "p 7.png")
    images = [{"image_id": i, "url": "https://x.org/b/p%207.png"} for i in ("7", 8)]
    regions = [{"id": i, "regions": [region(i, i)]} for i in (7, 8)]
    source = open_source(write(tmp_path, regions, images))
    assert source.defects[0].problem == "the same file as image 7"
    assert stored_values(source, "labels") == {"p 7": [0, 0]}
