"""Fixtures of the command's tests."""

import json

import numpy as np
import pytest
from image_folders import write_squares
from PIL import Image


@pytest.fixture(scope="session")
def squares(tmp_path_factory):
    """Folder of twelve images with a bright square, with masks of 0 and 255."""
    return write_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    """Path and pixels of an image of two flat halves with noise."""
    image = np.random.default_rng(0).integers(0, 90, (40, 52, 3), dtype=np.uint8)
    image[:, 26:] += 120
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(image).save(path)
    return path, image


@pytest.fixture
def printed_json(capsys):
    """Function that returns the JSON printed since the last call."""
    return lambda: json.loads(capsys.readouterr().out)
