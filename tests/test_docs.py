"""Pages: links exist, command lines parse, Python blocks run, generated pages are up to date."""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from darknet_networks import SCALES, shake
from image_folders import write_images

import zoo
from zoo.darknet import read_cfg, write_weights
from zoo_cli.parser import make_parser

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", README]
FENCES = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCES.findall(page.read_text()) if kind == language]


def commands(page: Path) -> list[list[str]]:
    """Words of every `zoo …` command line of a page's code blocks and inline code."""
    text = page.read_text()
    lines = "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(zoo [a-z-]+ [^`]*)`", FENCES.sub("", text).replace("\n", " "))
    if page.name == "Makefile":
        lines = text.replace("\\\n", " ").replace("\t$(BIN)/", "").splitlines()
    found = []
    for line in lines:
        line = re.sub(r"^(KERAS_BACKEND=\w+ )?(\.venv/bin/)?", "", line.strip())
        line = re.sub(r"\$(\{s\}|s)", "288", line)
        # Dots stand for what the reader fills in.
        if line.startswith("zoo ") and not line.endswith("…"):
            found.append(shlex.split(line, comments=True)[1:])
    return found


@pytest.mark.parametrize("page", [*PAGES, ROOT / "Makefile"], ids=relative)
def test_command_lines_parse(page):
    for words in commands(page):
        make_parser().parse_args(words)


def test_most_commands_are_found():
    assert sum(len(commands(page)) for page in [*PAGES, ROOT / "Makefile"]) > 40


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_exist(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_named_programs_exist():
    for page in PAGES:
        for name in re.findall(r"python ((?:benchmarks|docs)/\S+\.py)", page.read_text()):
            assert (ROOT / name).is_file(), f"{page}: {name}"


def test_recipes_of_commands_exist():
    for page in PAGES:
        for words in commands(page):
            if "--recipe" in words and words[words.index("--recipe") + 1].startswith("docs/"):
                assert (ROOT / words[words.index("--recipe") + 1]).is_file(), words


def test_generated_files_are_up_to_date():
    contents = runpy.run_path(str(ROOT / "docs" / "make_models.py"))["contents"]()
    for path, text in contents.items():
        assert path.read_text() == text, f"{path}: run python docs/make_models.py"


# Full sizes and lengths of the examples take minutes; the code is the page's.
SHORTER = [
    (r"\(256, 256\)", "(32, 32)"),
    (r"epochs=\d+", "epochs=1"),
    (r'"unet", num_classes=data.num_classes\)', '"unet", num_classes=data.num_classes, filters=2)'),
    (r"filters=16", "filters=2"),
    (r"tile=\(512, 512\)", "tile=(32, 32)"),
    (r'out="runs/first"\)', 'out="runs/second", recipe=SHORT)'),
    (r"\(416, 416\)", "(64, 64)"),
    (r'zoo.build\("yolo_v2", num_classes=20\)', 'zoo.build("yolo_v2", num_classes=2, width=0.125)'),
]


def example_folder(folder: Path) -> dict:
    """The files that the examples name, small, and the variables that they take as known."""
    write_images(folder / "my" / "folder", 8)
    model = zoo.build("unet", num_classes=3, filters=2)
    model.set_transform((32, 32), "letterbox")
    (folder / "runs" / "first").mkdir(parents=True)
    model.save(folder / "runs" / "first" / "model.keras")
    (folder / "yolov3-tiny.cfg").write_text(SCALES)
    write_weights(shake(read_cfg(folder / "yolov3-tiny.cfg")), folder / "yolov3-tiny.weights")
    classifier = zoo.build("darknet19", num_classes=2, width=0.125)
    write_weights(classifier, folder / "darknet19.weights")
    last_layer = 4 * 2 * (1 + classifier.get_layer("darknet19_predictions").kernel.shape[-2])
    convolutions = (folder / "darknet19.weights").read_bytes()[:-last_layer]
    (folder / "darknet19_448.conv.18").write_bytes(convolutions)
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return {"photo": photo, "images": photo[None], "SHORT": short_recipe()}


def short_recipe():
    from training.recipe import recipe_for

    changes = {"epochs": 1, "image_size": (32, 32), "batch_size": 2, "model": {"filters": 2}}
    return recipe_for("unet", "segmentation").changed(changes)


@pytest.mark.parametrize("page", [p for p in PAGES[:-1] if blocks(p, "python")], ids=relative)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    names = example_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        for pattern, short in SHORTER:
            block = re.sub(pattern, short, block)
        exec(compile(block, relative(page), "exec"), names)
    shutil.rmtree(tmp_path)


def test_the_readme_example_leaves_a_complete_model(tmp_path, monkeypatch):
    names = example_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    (block,) = blocks(README, "python")
    for pattern, short in SHORTER:
        block = re.sub(pattern, short, block)
    exec(compile(block, "README.md", "exec"), names)
    model = zoo.load("model.keras")
    assert model.image_size == (32, 32) and model.resize == "letterbox"
    assert len(model.class_names) == model.arguments["num_classes"] == 3
    assert names["prediction"]["segmentation"].shape == names["photo"].shape[:2]


def test_readme_example_is_short():
    (block,) = blocks(README, "python")
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) < 12 and sum(line.startswith("import ") for line in lines) == 2
