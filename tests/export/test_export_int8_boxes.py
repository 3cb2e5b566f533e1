"""int8 files of detectors: boxes and scores keep their precision, padding stays padding."""

import keras
import numpy as np
import pytest

import export
import zoo


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """Predictions of a float and an int8 file, for three distant proposals among padding."""
    keras.utils.set_random_seed(0)
    model = zoo.card("fast_rcnn").build_tiny(nms_iou=0.9)
    spec = export.ExportSpec.from_model(model, "abc", (64, 64))
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    boxes = np.zeros((20, 4), np.float32)
    boxes[[2, 5, 11]] = PROPOSALS
    pairs = [(image, boxes) for image in images]
    folder = tmp_path_factory.mktemp("int8")
    plain = export.litert(spec, folder / "plain.tflite")
    small = export.litert(spec, folder / "small.tflite", "int8", pairs)
    return [export.litert_predictor(path)(*pairs[0]) for path in (plain, small)]


PROPOSALS = np.array([[3.3, 4.1, 25.7, 30.2], [30.5, 2.9, 60.1, 22.4], [8.6, 36.3, 41.8, 61.5]])


def test_every_proposal_but_no_padding_is_predicted_for_every_class(predictions):
    for found in predictions:
        assert found["num_detections"] == 9
        assert (found["labels"][9:] == -1).all() and not found["boxes"][9:].any()
        assert sorted(found["labels"][:9]) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_scores_and_boxes_are_those_of_the_float_file(predictions):
    rows = []
    for found in predictions:
        centers = (found["boxes"][:9, :2] + found["boxes"][:9, 2:]) / 2
        targets = (PROPOSALS[:, :2] + PROPOSALS[:, 2:]) / 2
        nearest = np.abs(centers[:, None] - targets[None]).sum(-1).argmin(1)
        order = np.lexsort((nearest, found["labels"][:9]))
        rows.append((found["boxes"][:9][order], found["scores"][:9][order], nearest[order]))
    np.testing.assert_array_equal(rows[0][2], rows[1][2])
    # One of 256 steps over the input would be a quarter of a pixel; the network's error is less.
    np.testing.assert_allclose(rows[1][0], rows[0][0], atol=0.2)
    np.testing.assert_allclose(rows[1][1], rows[0][1], atol=0.02)
