"""Accuracy of a captioner's words for the ground-truth boxes of `shapes`.

`python benchmarks/caption_words.py RUN` measures captions independently of localization: the model
describes the ground-truth boxes of val, and its sentences are compared word by word.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter

import numpy as np

from training.data.caption_targets import with_vocabulary
from training.data.pipeline import validation_batches
from training.data.shapes import CLASSES, COLORS, POSES
from training.data.shapes.scene_captions import RELATIONS
from training.data.sources import open_source
from training.data.vocabulary import sentence
from training.model_setup import batch_config_of
from training.run import open_run

KINDS = {
    "size": ("small", "large"),
    "pose": POSES,
    "color": tuple(COLORS),
    "shape": tuple(CLASSES),
}
RELATION = re.compile(f" ({'|'.join(RELATIONS)}) ")


def split_sentence(sentence: str) -> dict[str, str]:
    """Returns the word of each kind for the object, the object's words and its neighbor's."""
    words_of_object, *neighbor = RELATION.split(sentence, maxsplit=1)
    words = {
        kind: next((w for w in words_of_object.split() if w in of), "")
        for kind, of in KINDS.items()
    }
    return {**words, "object": words_of_object, "neighbor": " ".join(neighbor)}


def count_correct(model, batches, source) -> tuple[Counter[str], int]:
    """Returns the number of correct sentences per kind of word, and of all sentences."""
    correct: Counter[str] = Counter()
    count = 0
    for images, truth in validation_batches(source, "val", batches).as_numpy_iterator():
        features = model(images, training=False)["p4"]
        codes, _, _ = model.recognize(features, truth["boxes"], training=False)
        predictions = np.asarray(model.generate_captions(codes))
        for i, j in zip(*np.nonzero(truth["labels"] >= 0), strict=True):
            expected, predicted = (
                split_sentence(sentence(tokens, model.tokens))
                for tokens in (truth["captions"][i, j], predictions[i, j])
            )
            equal = {kind for kind in expected if expected[kind] == predicted[kind]}
            correct.update(equal)
            # A caption without a neighbor is not wrong about it.
            consistent = predicted["neighbor"] in ("", expected["neighbor"])
            correct["no error"] += "object" in equal and consistent
            correct["neighbors to name"] += bool(expected["neighbor"])
            correct["neighbors named"] += bool(predicted["neighbor"])
            correct["neighbors named correctly"] += (
                bool(expected["neighbor"]) and "neighbor" in equal
            )
            count += 1
    return correct, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run folder of densecap")
    run = open_run(parser.parse_args().run)
    source = open_source("shapes")
    batches = batch_config_of("densecap", run.recipe)
    batches, _ = with_vocabulary(batches, source, tokens=run.labels)
    correct, count = count_correct(run.model(), batches, source)
    print(f"{count} ground-truth regions of val")
    for kind in (*KINDS, "object", "no error"):
        print(f"{kind:14s} {correct[kind] / count:.3f}")
    for kind in ("neighbors to name", "neighbors named", "neighbors named correctly"):
        print(f"{kind} {correct[kind]}")


if __name__ == "__main__":
    main()
