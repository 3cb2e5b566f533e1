"""The contract of captioning: regions as in detection, each with a caption."""

from types import SimpleNamespace

import case_detection
import numpy as np

END = 2


def _of_one_class(card):
    """The card of a detector with one class."""
    tiny = {**card.tiny, "num_classes": 1}
    return SimpleNamespace(tiny=tiny, targets=("boxes", "labels"), inputs=("image",))


def learnable(card, height=64, width=64):
    images, found = case_detection.learnable(_of_one_class(card), height, width)
    return images, _with_captions(card, found)


def targets(card, kind, height, width, batch):
    found = case_detection.targets(_of_one_class(card), kind, height, width, batch)
    return _with_captions(card, found)


def _with_captions(card, found):
    """A sentence of one to four words per region."""
    random = np.random.default_rng(5)
    valid = found["labels"] >= 0
    captions = np.zeros((*valid.shape, 7), np.int32)
    captions[..., :6] = random.integers(3, card.tiny["vocabulary_size"], (*valid.shape, 6))
    captions[..., 0] = 1
    for index in np.ndindex(valid.shape):
        end = random.integers(2, 6)
        captions[index][end], captions[index][end + 1 :] = END, 0
    found["captions"] = np.where(valid[..., None], captions, 0)
    found["labels"] = np.where(valid, 0, -1).astype(np.int32)
    return found


def check_raw(outputs, size, classes):
    case_detection.check_raw(outputs, size, classes)


def check_predictions(predictions, size, card):
    case_detection.check_predictions(predictions, size, _of_one_class(card))
    captions, labels = np.asarray(predictions["captions"]), np.asarray(predictions["labels"])
    assert captions.shape == (2, labels.shape[1], card.tiny["max_words"])
    assert captions.dtype == "int32"
    assert (captions >= 0).all() and (captions < card.tiny["vocabulary_size"]).all()
    assert not np.isin(captions, (1, END)).any()
    ended = np.cumsum(captions == 0, axis=-1) > 0
    assert (captions[ended] == 0).all() and (captions[labels < 0] == 0).all()


def assert_same(found, expected):
    """As in detection, and the same sentence; a SavedModel returns strings, not token ids."""
    regions = [{k: v for k, v in one.items() if k != "captions"} for one in (found, expected)]
    case_detection.assert_same(*regions)
    sentences, references = _sentences(found["captions"]), _sentences(expected["captions"])
    total = missed = 0
    for image in range(len(references)):
        for number in range(int(expected["num_detections"][image])):
            gap = np.abs(found["boxes"][image] - expected["boxes"][image, number]).max(-1)
            total += 1
            missed += references[image, number] not in sentences[image][gap < 0.1]
    assert missed <= 0.03 * total + 1, f"{missed} of {total} sentences differ"
    assert any(references.ravel()), "no sentence"


def _sentences(captions):
    """Strings (B, D); without a vocabulary the words are the token ids."""
    if captions.dtype.kind != "i":
        return np.char.decode(captions.astype("S"))
    words = np.where(captions == 3, "<unk>", captions.astype(str))
    return np.array(
        [
            [" ".join(row[token > 0]) for row, token in zip(rows, tokens, strict=True)]
            for rows, tokens in zip(words, captions, strict=True)
        ]
    )
