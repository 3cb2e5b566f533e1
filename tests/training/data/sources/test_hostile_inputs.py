"""Damaged label files, from seeds: one line or a report, nothing lost, nothing that hangs."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "benchmarks"))

from hostile import classify, read
from hostile_inputs.label_folders import WRITERS, stated_entries
from hostile_inputs.mutators import damage

SEEDS = range(6)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_labels_are_reported_or_refused(name, tmp_path, monkeypatch):
    spec, write = WRITERS[name]
    base = tmp_path / "base"
    base.mkdir()
    write(base)
    monkeypatch.chdir(base)
    sound = {**read(base, spec, labels_only=True), "stated": stated_entries(base)}
    assert sound["defects"] == [] and sound["count"] > 0
    for seed in SEEDS:
        folder = tmp_path / "input"
        shutil.copytree(base, folder, copy_function=os.link)
        done = damage(folder, seed)
        found = read(folder, spec, labels_only=True)
        assert classify(found, sound, stated_entries(folder)) != "lost", (seed, done, found)
        shutil.rmtree(folder)


def test_a_lost_object_is_noticed(tmp_path):
    """The check itself: a reader that skips an object without a word is `lost`."""
    sound = {"count": 18, "notes": [], "stated": 18}
    assert classify({"count": 17, "notes": [], "defects": []}, sound, 18) == "lost"
    assert classify({"count": 17, "notes": [], "defects": []}, sound, 17) == "clean"
    assert classify({"count": 17, "notes": ["1 line skipped."], "defects": []}, sound, 18) == (
        "reported"
    )
