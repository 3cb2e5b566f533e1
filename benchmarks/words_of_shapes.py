"""Which words a captioner gets right about true regions of `shapes`.

`python benchmarks/words_of_shapes.py RUN` puts the question of finding regions aside: the model is
given the true boxes of val, and its sentences are taken apart and held against the true ones.
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
from training.run import open_run
from training.trainer import batch_config_of

KINDS = {
    "size": ("small", "large"),
    "pose": POSES,
    "colour": tuple(COLORS),
    "shape": tuple(CLASSES),
}
RELATION = re.compile(f" ({'|'.join(RELATIONS)}) ")


def take_apart(sentence: str) -> dict[str, str]:
    """The word of each kind that the sentence says of its thing, all of that, and the rest."""
    own, *neighbour = RELATION.split(sentence, maxsplit=1)
    words = {kind: next((w for w in own.split() if w in of), "") for kind, of in KINDS.items()}
    return {**words, "own words": own, "neighbour": " ".join(neighbour)}


def judge(model, batches, source) -> tuple[Counter[str], int]:
    """How many sentences are right in each kind of word, of how many."""
    right: Counter[str] = Counter()
    count = 0
    for images, truth in validation_batches(source, "val", batches).as_numpy_iterator():
        features = model(images, training=False)["p4"]
        codes, _, _ = model.recognize(features, truth["boxes"], training=False)
        predictions = np.asarray(model.generate_captions(codes))
        for i, j in zip(*np.nonzero(truth["labels"] >= 0), strict=True):
            true, said = (
                take_apart(sentence(tokens, model.tokens))
                for tokens in (truth["captions"][i, j], predictions[i, j])
            )
            equal = {kind for kind in true if true[kind] == said[kind]}
            right.update(equal)
            # Who says nothing of a neighbour says nothing wrong.
            fine = said["neighbour"] in ("", true["neighbour"])
            right["nothing wrong"] += "own words" in equal and fine
            right["neighbours to name"] += bool(true["neighbour"])
            right["neighbours named"] += bool(said["neighbour"])
            right["neighbours named rightly"] += bool(true["neighbour"]) and "neighbour" in equal
            count += 1
    return right, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of a training of densecap")
    run = open_run(parser.parse_args().run)
    source = open_source("shapes")
    batches = batch_config_of("densecap", run.recipe)
    batches, _ = with_vocabulary(batches, "densecap", source, run.recipe, run.labels)
    right, count = judge(run.model(), batches, source)
    print(f"{count} true regions of val")
    for kind in (*KINDS, "own words", "nothing wrong"):
        print(f"{kind:14s} {right[kind] / count:.3f}")
    for kind in ("neighbours to name", "neighbours named", "neighbours named rightly"):
        print(f"{kind} {right[kind]}")


if __name__ == "__main__":
    main()
