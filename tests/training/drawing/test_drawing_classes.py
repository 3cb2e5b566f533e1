"""Confusion matrices and activation maps as images, by their pixels."""

import numpy as np
import pytest

from training.drawing import confusion_image, overlay_heat


def test_cells_are_as_dark_as_their_share_of_the_row():
    names = ["cat", "dog", "a bird of a very long name that has to be cut somewhere"]
    matrix = [[8, 2, 0], [0, 0, 0], [5, 0, 5]]
    image = np.asarray(confusion_image(matrix, names, cell=20)).astype(int)
    # The cells are the last thing to the right and below, but for a border.
    bottom, right = (side - 10 for side in image.shape[:2])
    corner = {
        (row, column): image[bottom - 20 * (3 - row) + 2, right - 20 * (3 - column) + 2]
        for row in range(3)
        for column in range(3)
    }
    blue = {place: 255 - color[0] for place, color in corner.items()}
    assert blue[0, 0] == pytest.approx(0.8 * 235, abs=1)
    assert blue[0, 1] == pytest.approx(0.2 * 235, abs=1)
    assert blue[2, 0] == blue[2, 2] == pytest.approx(0.5 * 235, abs=1)
    assert all(blue[place] == 0 for place in [(0, 2), (1, 0), (1, 1), (1, 2), (2, 1)])


def test_a_matrix_of_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(3, 3\), not \(2, 2\)"):
        confusion_image(np.zeros((2, 2)), ["a", "b", "c"])


def test_what_is_high_glows_and_the_rest_is_grey():
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 1] = 200
    heat = np.zeros((4, 6))
    heat[1, 2], heat[3, 3] = 4.0, -4.0
    found = overlay_heat(image, heat).astype(int)
    assert found.shape == (4, 6, 3)
    assert (found[3, 3] == found[3, 3, 0]).all()
    assert found[1, 2, 0] > 100 and found[1, 2, 1] > found[3, 3, 1]
    assert found[0, 0, 0] < found[1, 2, 0]
    flat = overlay_heat(image[..., :1], np.ones((4, 6)))
    assert flat.shape == (4, 6, 3) and np.ptp(flat) == 0
