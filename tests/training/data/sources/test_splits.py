"""Division into `train` and `val`: by name, in blocks, by group or class; folds, empty splits."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.sources.reading.partitions import cut_groups, cut_stratified
from training.data.sources.reading.splits import SplitRule, apply_rule, split_off_validation
from zoo.errors import InputError


class Reader:
    root = Path("/d")

    def __init__(self):
        self.notes, self.defects = [], []

    def report(self, defect):
        self.defects.append(defect)
        return getattr(self, "drop", False) and bool(defect.drop)


def divide(rule, names, classes=None):
    reader = Reader()
    files = [Path(f"/d/{name}.jpg") for name in names]
    classes_of = None if classes is None else lambda items: [classes[item.stem] for item in items]
    splits = apply_rule({"train": files}, reader, rule, lambda file: file, classes_of)
    parts = {split: [file.stem for file in part] for split, part in splits.items()}
    return parts, reader


NAMES = [f"{video}_{frame}" for video in "abcdefgh" for frame in range(5)]


def test_groups_are_never_divided():
    rule = SplitRule("0.25", "group:([a-z])_")
    parts, reader = divide(rule, NAMES)
    videos = {split: {name[0] for name in names} for split, names in parts.items()}
    assert not videos["train"] & videos["val"] and len(parts["val"]) == 10 and not reader.notes
    assert divide(rule, NAMES)[0] == parts
    # Without parentheses the whole match is the group; folders belong to the path.
    names = [f"day{i % 3}/{i}" for i in range(12)]
    parts, _ = divide(SplitRule("0.3", "group:day[0-9]"), names)
    assert len(parts["val"]) == 4 and len({int(n) % 3 for n in parts["val"]}) == 1
    parts, reader = divide(rule, [*NAMES, "other"])
    assert "1 images do not match, such as other.jpg; each is a group" in reader.notes[0]
    assert sum(map(len, parts.values())) == 41


@given(
    st.lists(st.integers(0, 8), min_size=2, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(2, 5),
)
def test_every_part_of_groups_has_a_group_if_there_are_enough(groups, fraction, folds):
    names = [f"g{group}" for group in groups]
    held = min(max(1, round(fraction * len(names))), len(names) - 1)
    for sizes in ([len(names) - held, held], [len(names) // folds] * folds):
        parts = cut_groups(names, sizes)
        by_group = {}
        for name, part in zip(names, parts, strict=True):
            assert by_group.setdefault(name, part) == part
        assert len(set(parts)) == min(len(sizes), len(by_group))


def test_stratified_keeps_the_proportions_of_single_and_several_classes():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 400, p=[0.7, 0.2, 0.07, 0.03])
    classes = {f"i{i}": {int(label)} for i, label in enumerate(labels)}
    parts, _ = divide(SplitRule("0.2", "stratified"), list(classes), classes)
    whole, held = Counter(labels.tolist()), Counter(min(classes[name]) for name in parts["val"])
    assert all(abs(held[label] - 0.2 * count) <= 1 for label, count in whole.items())
    several = [set(rng.choice(6, rng.integers(0, 4), replace=False).tolist()) for _ in range(300)]
    found = np.array(cut_stratified(several, range(300), [240, 60]))
    assert abs(found.sum() - 60) <= 3
    for label in range(6):
        member = np.array([label in one for one in several])
        assert found[member].mean() == pytest.approx(0.2, abs=0.03)
    with pytest.raises(InputError, match="split=stratified needs classes"):
        divide(SplitRule(split="stratified"), NAMES)


@pytest.mark.parametrize("how", ["hash", "block", "stratified", "group:([a-z])_"])
def test_folds_hold_out_every_image_once(how):
    classes = {name: {name[0]} for name in NAMES}
    held = []
    for fold in range(1, 5):
        parts, _ = divide(SplitRule(split=how, fold=f"{fold}/4"), NAMES, classes)
        assert sorted(parts["train"] + parts["val"]) == NAMES and len(parts["val"]) == 10
        held += parts["val"]
    assert sorted(held) == NAMES


def test_folds_divide_train_and_val_anew_but_never_test():
    reader = Reader()
    splits = {"train": list("abcd"), "val": list("ef"), "test": ["g"]}
    parts = apply_rule(splits, reader, SplitRule(fold="2/3"), Path)
    assert sorted(parts["train"] + parts["val"]) == list("abcdef") and parts["test"] == ["g"]
    assert len(parts["val"]) == 2 and "train and val are divided anew" in reader.notes[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"val": "1"}, "val must be between 0 and 1"),
        ({"fold": "0/5"}, "fold must be K/N with K from 1 to N, such as 2/5, not '0/5'"),
        ({"fold": "6/5"}, "not '6/5'"),
        ({"fold": "1/1"}, "not '1/1'"),
        ({"fold": "2"}, "not '2'"),
        ({"split": "hahs"}, "'group:PATTERN', not 'hahs'; did you mean 'hash'"),
        ({"split": "group:"}, "needs a pattern"),
        ({"split": "group:("}, "is not a regular expression"),
    ],
)
def test_invalid_rules(arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        SplitRule(**arguments)
    with pytest.raises(InputError, match=r"matches no image, such as a_0\.jpg"):
        divide(SplitRule(split="group:video"), NAMES)


def test_a_named_split_is_never_replaced():
    for splits in ({"train": ["a", "b"], "val": []}, {"train": [], "val": ["a"]}, {"val": ["a"]}):
        assert apply_rule(dict(splits), Reader(), SplitRule(), Path) == splits
    reader = Reader()
    apply_rule({"train": ["a"], "val": ["b"]}, reader, SplitRule("0.3", "block"), Path)
    assert [note.split()[0] for note in reader.notes] == ["val", "split"]


def test_too_few_images_or_groups_are_a_defect_of_val():
    for rule, names, words in (
        (SplitRule(), ["a"], "1 images, too few for 2 parts"),
        (SplitRule(fold="1/5"), ["a", "b"], "2 images, too few for 5 parts"),
        (SplitRule(split="group:."), ["a1", "a2"], "1 groups, too few for 2 parts"),
    ):
        parts, reader = divide(rule, names)
        assert parts == {"train": names, "val": []}
        assert [(d.problem, d.split) for d in reader.defects] == [(words, "val")]
    assert split_off_validation([], Reader(), SplitRule(), Path) == {"train": [], "val": []}


def test_an_image_in_two_splits_is_a_defect():
    splits = {"train": ["a", "b", "b"], "val": ["b", "c"], "test": ["c"]}
    reader = Reader()
    assert apply_rule(splits, reader, SplitRule(), Path) == splits
    found = [(d.file, d.problem, d.split, d.drop) for d in reader.defects]
    assert found == [
        ("b", "in train and in val", "val", "image"),
        ("c", "in val and in test", "test", "image"),
    ]
    reader.drop = True
    kept = apply_rule(splits, reader, SplitRule(), Path)
    assert kept == {"train": ["a", "b", "b"], "val": ["c"], "test": []}
