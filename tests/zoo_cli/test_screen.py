"""What the installed command writes on the screen: its own lines only, and shadowed packages."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from image_folders import write_squares

ZOO = str(Path(sys.executable).with_name("zoo"))
SMALL = [
    "--image-size", "32x32", "--epochs", "1", "--batch-size", "4",
    "--set", "model.filters=4", "--set", "model.depth=2",
]  # fmt: skip


def call(*words, cwd, **environment):
    """The finished process; library logs are at their default level."""
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )


def test_commands_write_only_their_own_lines(tmp_path):
    data = f"masks:{write_squares(tmp_path / 'data')}"
    calls = {
        ("data", "shapes", "--split", "val", "--labels-only"): r"",
        ("train", "unet", "--data", data, "--out", "run", *SMALL): r"(data|masks|epoch|run)[: ].*",
        ("evaluate", "run"): r"",
        ("export", "run", "--quantize", "int8", "--images", "4"): r"",
    }
    for words, expected in calls.items():
        done = call(ZOO, *words, cwd=tmp_path, ZOO_DATA_DIR=str(tmp_path / "zoo_data"))
        assert done.returncode == 0, done.stderr
        other = [line for line in done.stderr.splitlines() if not re.fullmatch(expected, line)]
        assert not other, words


def test_errors_are_still_shown(tmp_path):
    program = (
        "import os, sys; from zoo_cli.library_logs import hide_library_logs; hide_library_logs(); "
        "os.write(2, b'I0000 00:00:17.1 1 port.cc:1] noise\\nF0000 00:00:17.1 1 fatal\\n'); "
        "print('a line', file=sys.stderr); os.abort()"
    )
    done = call(sys.executable, "-c", program, cwd=tmp_path)
    assert done.returncode < 0
    assert "a line" in done.stderr and "fatal" in done.stderr and "noise" not in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["list"], ["show", "unet"]])
def test_light_commands_start_without_tensorflow(words, tmp_path):
    program = (
        "import sys; from zoo_cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = call(sys.executable, "-c", program, *words, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout


@pytest.mark.parametrize("name", ["zoo", "training", "export"])
@pytest.mark.parametrize("folder", [False, True])
def test_a_module_that_shadows_a_package_is_named(name, folder, tmp_path):
    path = tmp_path / (name if folder else f"{name}.py")
    if folder:
        path.mkdir()
    else:
        path.write_text("raise SystemExit('imported the wrong file')")
    done = call(sys.executable, "-m", "zoo_cli", "list", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        f"zoo: {path}: shadows the package {name} of visionzoo; rename it, or run zoo from another "
        "folder.\n"
    )
    assert call(ZOO, "list", cwd=tmp_path, PYTHONPATH=str(tmp_path)).stderr == done.stderr
    # The installed command does not import from the current folder.
    done = call(ZOO, "list", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
