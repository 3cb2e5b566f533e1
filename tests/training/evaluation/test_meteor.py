"""METEOR by hand and against its official program."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from training.evaluation import meteor
from training.evaluation.meteor import align, meteor_scorer, stem_meteor
from zoo.errors import InputError

SENTENCES = (
    "a large red circle left of a small blue square",
    "a small green star above a black ring",
    "the cats are running fast",
    "the cat runs fast here",
    "a dog is sitting on an unmade bed with pillows",
    "a dog is tied to a fire hydrant",
    "a lamp sitting next to a small bed with a book on top of it",
    "a lamp shining light on a bed with a book on it",
    "two people walk along the wet beach",
    "people walking on a beach",
    "blue",
    "a blue kite",
)
PAIRS = [(one, other) for one in SENTENCES for other in SENTENCES]


@pytest.mark.parametrize(
    ("candidate", "reference", "delta", "expected"),
    [
        # Three words in two chunks; all words weigh the same.
        (0, 1, 0.5, (0.3 * 0.375 / (0.85 * 0.3 + 0.15 * 0.375)) * (1 - 0.6 * (2 / 3) ** 0.2)),
        # Two articles and "small": 1.25 of 6 and of 5, a function word weighing a quarter.
        (0, 1, 0.75, (5 / 24 * 0.25 / (0.85 * 5 / 24 + 0.15 * 0.25)) * (1 - 0.6 * (2 / 3) ** 0.2)),
        # "the", "fast" and two stems of 0.6: 3.2 of 5 words on both sides, two chunks of four.
        (2, 3, 0.5, 0.64 * (1 - 0.6 * (2 / 4) ** 0.2)),
        (4, 4, 0.75, 1.0),
        (10, 3, 0.75, 0.0),
    ],
)
def test_worked_by_hand(candidate, reference, delta, expected):
    found = stem_meteor(SENTENCES[candidate], [SENTENCES[reference]], delta)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_matches_are_many_in_few_chunks():
    assert align(["the", "cat", "the", "dog"], ["the", "dog", "the", "cat"]) == [
        (0, 2, 1.0), (1, 3, 1.0), (2, 0, 1.0), (3, 1, 1.0),
    ]  # fmt: skip
    assert align(["runs"], ["running", "runs"]) == [(0, 1, 1.0)]
    assert align(["a"], ["b"]) == [] == align([], ["b"])


def test_the_best_reference_counts():
    alone = [stem_meteor(SENTENCES[8], [SENTENCES[i]]) for i in (0, 9)]
    assert stem_meteor(SENTENCES[8], [SENTENCES[0], SENTENCES[9]]) == max(alone) > min(alone)
    assert stem_meteor("", SENTENCES) == stem_meteor("a cat", []) == 0


def jar():
    if shutil.which("java") is None or find_spec("pycocoevalcap") is None:
        pytest.skip("needs Java and pycocoevalcap")
    import pycocoevalcap

    return Path(next(iter(pycocoevalcap.__path__))) / "meteor" / "meteor-1.5.jar"


@pytest.mark.parametrize(("delta", "tolerance"), [(0.5, 1e-9), (0.75, 0.15)])
def test_against_the_official_program_of_words_and_stems(delta, tolerance, tmp_path):
    files = [tmp_path / "candidates", tmp_path / "references"]
    for file, side in zip(files, zip(*PAIRS, strict=True), strict=True):
        file.write_text("".join(f"{line}\n" for line in side))
    options = ["-m", "exact stem", "-w", "1.0 0.6", "-p", f"0.85 0.2 0.6 {delta}"]
    command = ["java", "-Xmx1G", "-jar", str(jar()), *map(str, files), "-l", "en", *options]
    output = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout
    expected = [float(score) for score in re.findall(r"Segment \d+ score:\s+(\S+)", output)]
    found = [stem_meteor(one, [other], delta) for one, other in PAIRS]
    assert len(expected) == len(PAIRS)
    # Its list of function words is another one.
    np.testing.assert_allclose(found, np.nan_to_num(expected), atol=tolerance)


def test_official_program_scores_many_sentences(monkeypatch):
    jar()
    monkeypatch.setattr(meteor, "_BATCH_SIZE", 2)
    name, score = meteor_scorer()
    assert name == meteor.OFFICIAL
    references = [[SENTENCES[0]], [SENTENCES[3], SENTENCES[2]], ["x"], [], [SENTENCES[1]]]
    found = score([SENTENCES[0], SENTENCES[2], "", "a", SENTENCES[0]], references)
    assert found[:4] == [1.0, 1.0, 0.0, 0.0]
    # No synonym is in these two, so that the program finds what words and stems do.
    assert found[4] == pytest.approx(stem_meteor(SENTENCES[0], [SENTENCES[1]]), abs=1e-6)


def test_without_java_the_own_one_counts(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    name, score = meteor_scorer()
    assert name == meteor.BUILT_IN and score(["a cat"], [["a cat"]]) == [1.0]
    with pytest.raises(InputError, match=r"needs Java and pycocoevalcap.*visionzoo\[captions\]"):
        meteor_scorer(official=True)
