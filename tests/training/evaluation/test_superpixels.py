"""The vote within superpixels."""

import numpy as np
import pytest

from training.evaluation.superpixels import felzenszwalb, parse_superpixels, vote, voting
from zoo.errors import InputError


def test_the_commonest_class_of_each_superpixel_wins():
    superpixels = np.array([[0, 0, 0, 2], [0, 2, 2, 2]])
    classes = np.array([[1, 1, 3, 0], [3, 2, 2, 0]], np.int32)
    # Superpixel 0 has 1, 1, 3, 3 and superpixel 2 has 0, 2, 2, 0: ties go to the lowest.
    found = vote(classes, superpixels)
    np.testing.assert_array_equal(found, [[1, 1, 1, 0], [1, 0, 0, 0]])
    assert found.dtype == np.int32


def test_the_vote_is_that_of_counting_by_hand():
    random = np.random.default_rng(0)
    superpixels = random.integers(0, 12, (20, 30))
    classes = random.integers(0, 5, (20, 30))
    found = vote(classes, superpixels)
    for number in range(12):
        inside = classes[superpixels == number]
        counts = [np.sum(inside == c) for c in range(5)]
        assert set(found[superpixels == number]) == {counts.index(max(counts))}


@pytest.mark.parametrize("channels", [1, 3])
def test_superpixels_follow_edges_and_clean_an_prediction_up(channels):
    pytest.importorskip("cv2.ximgproc")
    random = np.random.default_rng(0)
    truth = np.zeros((60, 80), np.int32)
    truth[15:45, 20:60] = 1
    image = np.repeat((60 + 120 * truth[..., None]).astype(np.uint8), channels, axis=2)
    image += random.integers(0, 6, image.shape, dtype=np.uint8)
    superpixels = felzenszwalb(image, 50)
    assert superpixels.shape == (60, 80) and superpixels.min() == 0
    assert np.bincount(superpixels.ravel()).min() >= 50
    noisy = np.where(random.uniform(size=truth.shape) < 0.2, 1 - truth, truth)
    predict = voting(lambda _: {"segmentation": noisy, "kept": 7}, 50)
    found = predict(image)
    assert found["kept"] == 7
    assert (found["segmentation"] != truth).mean() < 0.05 < (noisy != truth).mean()


def test_the_option_is_read():
    assert parse_superpixels("felzenszwalb") == 100
    assert parse_superpixels("felzenszwalb:250") == 250
    with pytest.raises(InputError, match="did you mean 'felzenszwalb'"):
        parse_superpixels("felzenswalb")
    for text in ("felzenszwalb:0", "felzenszwalb:", "felzenszwalb:x", "felzenszwalb:-3"):
        with pytest.raises(InputError, match="whole number above 0"):
            parse_superpixels(text)
