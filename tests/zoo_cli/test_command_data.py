"""`zoo data`: counts, defects, contact sheet and anchors."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from zoo_cli import main
from zoo_cli.data.data_tables import _counts


def test_data_counts_and_draws(squares, tmp_path, printed_json):
    sheet = tmp_path / "sheet.png"
    assert main(["data", f"masks:{squares}", "--out", str(sheet), "--json"]) == 0
    report = printed_json()
    sizes = {name: split["images"] for name, split in report["splits"].items()}
    assert sizes == {"train": 10, "val": 2}
    assert report["splits"]["train"]["pixels"]["255"] == 10 * 14 * 18
    assert report["splits"]["train"]["sizes"] == {"40×52": 10}
    assert report["defects"] == []
    assert any("0 and 255" in note for note in report["notes"])
    assert Image.open(sheet).size[0] > 200


def test_data_names_every_defect_and_returns_1(squares, tmp_path, capsys, printed_json):
    root = tmp_path / "bad"
    shutil.copytree(squares, root)
    data = (root / "images" / "3.png").read_bytes()
    (root / "images" / "3.png").write_bytes(data[: len(data) // 2])
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(root / "masks" / "5.png")
    assert main(["data", f"masks:{root}", "--json"]) == 1
    report = printed_json()
    defects = report["defects"]
    assert len(defects) == 2
    expected = {"3.png": "damaged", "5.png": "one size"}
    for defect in defects:
        words = expected.pop(defect["file"].rpartition("/")[2])
        assert words in defect["text"] and defect["problem"] and defect["remedy"]
        assert defect["split"] in report["splits"]
    assert sum(split["read"] for split in report["splits"].values()) == 10
    assert main(["data", f"masks:{root}", "--drop-bad"]) == 2
    assert "drop_bad is not supported for this format" in capsys.readouterr().err


COCO = {
    "images": [{"id": n, "file_name": f"{n}.png", "width": 60, "height": 40} for n in range(6)],
    "annotations": [
        {"id": 10 + n, "image_id": n, "category_id": 3 + 4 * (n % 2), "bbox": [5 + n, 5, 20, 10]}
        for n in range(6)
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
}


def write_coco(root, **changes):
    """Six images with an object each; `changes` update annotations by their index."""
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "train" / f"{number}.png")
    written = json.loads(json.dumps(COCO))
    for index, change in changes.items():
        written["annotations"][int(index.removeprefix("a"))].update(change)
    for one in written["annotations"]:
        x, y, w, h = one["bbox"]
        one["segmentation"] = one.get("segmentation", [[x, y, x + w, y, x + w, y + h, x, y + h]])
        one.update(area=w * h, iscrowd=0)
    (root / "annotations" / "instances_train.json").write_text(json.dumps(written))
    return root


def test_defects_that_can_be_dropped_are_reported_and_dropped(tmp_path, capsys, printed_json):
    root = write_coco(tmp_path / "d", a1={"bbox": [5, 5, 0, 10]})
    assert main(["data", f"coco:{root}"]) == 1
    out = capsys.readouterr().out
    assert "has no area" in out and "annotation 11" in out
    assert "1 of them can be dropped safely: check again with --drop-bad" in out
    assert f"coco:{root}?drop_bad=1'" in out
    assert main(["data", f"coco:{root}", "--drop-bad", "--json"]) == 0
    report = printed_json()
    assert report["defects"] == []
    assert any("dropped 1 object" in note for note in report["notes"])
    assert sum(split["objects"]["count"] for split in report["splits"].values()) == 5


def test_a_mask_of_another_object_is_found_and_shown(tmp_path, printed_json):
    far = [[40, 20, 58, 20, 58, 38, 40, 38]]
    root = write_coco(tmp_path / "d", a2={"segmentation": far})
    sheet = tmp_path / "sheet.png"
    for words in ([], ["--labels-only"]):
        assert main(["data", f"coco:{root}", "--json", "--out", str(sheet), *words]) == 1
        (defect,) = printed_json()["defects"]
        assert (
            "does not match the extent of its mask" in defect["problem"]
            and "2.png" in defect["file"]
        )
        assert Image.open(sheet).width > 600


def test_labels_only_counts_the_same(tmp_path, printed_json):
    root = write_coco(tmp_path / "d")
    reports = []
    for words in ([], ["--labels-only"]):
        assert main(["data", f"coco:{root}", "--json", "--split", "train", *words]) == 0
        reports.append(printed_json())
    assert reports[0] == reports[1]


def test_anchors(tmp_path, capsys, printed_json):
    root = write_coco(tmp_path / "d", a1={"bbox": [5, 5, 10, 30]}, a4={"bbox": [5, 5, 10, 30]})
    plot = tmp_path / "plot.png"
    words = ["data", f"coco:{root}", "--anchors", "2", "--image-size", "64x120", "--out", str(plot)]
    assert main([*words, "--split", "train", "--json"]) == 0
    report = printed_json()
    # 40×60 images fit 64×120 at a scale of 1.6.
    assert report["image_size"] == [64, 120]
    found = {tuple(anchor) for anchor in report["anchors_pixels"]}
    assert found <= {(16.0, 48.0), (32.0, 16.0)} and report["mean_best_iou"] == pytest.approx(1)
    assert report["anchors_cells"][0] == [side / 32 for side in report["anchors_pixels"][0]]
    assert Image.open(plot).width > 300
    assert main(words) == 0
    assert "mean IoU of an object with its best anchor" in capsys.readouterr().out
    assert main(["data", f"coco:{root}", "--anchors", "9"]) == 2
    assert "anchors must be at most 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--split", "tset"], "train (10)"),
        (["--anchors", "3"], "no boxes among image"),
        (["--images", "0"], "--images must be at least 1, not 0"),
    ],
)
def test_unusable_calls_are_one_line(squares, words, expected, capsys):
    assert main(["data", f"masks:{squares}", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and expected in err.splitlines()[-1]


def test_class_tables_have_a_column_per_split():
    parts = {"train": [{"cat": 3, "dog": 1}, {"cat": 2, "dog": 1}], "val": [{"cat": 0}, {"cat": 0}]}
    lines = [line.split() for line in _counts("class of objects", parts).splitlines()]
    assert lines[0] == ["class", "of", "objects", "train", "images", "val", "images"]
    assert lines[2] == ["cat", "3", "2", "0", "0"] and lines[3][:3] == ["dog", "1", "1"]


def test_real_packs_have_the_counts_of_their_readmes(shared_data, printed_json):
    assert main(["data", f"coco:{shared_data / 'coco_mini'}", "--json", "--labels-only"]) == 0
    splits = printed_json()["splits"]
    found = {
        s: (p["images"], p["objects"]["count"], p["objects"]["crowd"]) for s, p in splits.items()
    }
    assert found == {"train": (80, 739, 8), "val": (39, 260, 1)}
    present = [sum(n > 0 for n in p["objects"]["by_class"].values()) for p in splits.values()]
    assert present == [80, 60]
    for words in ([], ["--labels-only"]):
        assert main(["data", f"voc:{shared_data / 'bccd'}", "--json", *words]) == 1
        report = printed_json()
        names = sorted(defect["file"].rpartition("/")[2] for defect in report["defects"])
        # Two images overlap, which only their pixels show.
        overlapping = [] if words else ["BloodImage_00037.jpg"]
        assert names == [*overlapping, "BloodImage_00338.xml", "BloodImage_00343.xml"]
        # The README counts the two boxes without area; both are of red cells.
        counts = {s: p["objects"]["by_class"] for s, p in report["splits"].items()}
        assert counts["train"] == {"Platelets": 209, "RBC": 2382 - 1, "WBC": 214}
        assert counts["val"] == {"Platelets": 83, "RBC": 968 - 1, "WBC": 87}
    nuclei = f"instances:{shared_data / 'nuclei_dsb2018'}"
    assert main(["data", nuclei, "--json", "--split", "val"]) == 0
    val = printed_json()["splits"]["val"]
    assert (val["images"], val["instances"]["count"]) == (32, 1207)


def test_the_speed_of_every_stage(squares, capsys, printed_json):
    words = ["data", f"masks:{squares}", "--speed", "--seconds", "0.2", "--model", "unet"]
    words += ["--image-size", "32x32", "--set", "batch_size=4"]
    assert main([*words, "--json"]) == 0
    report = printed_json()
    assert list(report["stages"]) == ["read", "decode", "augment", "batch"]
    times = {stage: found["milliseconds"] for stage, found in report["stages"].items()}
    assert times[report["slowest"]] == max(times.values()) > 0
    assert report["images_per_second"] > 0 and report["image_size"] == [32, 32]
    assert (report["recipe"], report["batch_size"], report["split"]) == ("unet", 4, "train")
    for word in ("--seconds=0", "--model=yolo_v9"):
        assert main([*words, word]) == 2
    assert "--seconds must be above 0, not 0" in capsys.readouterr().err
