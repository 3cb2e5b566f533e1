"""Folders of images and masks, made on the spot."""

from pathlib import Path

import pytest
from image_folders import write_images


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six images of three classes, 20 high and 24 wide."""
    return write_images(tmp_path / "data")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """The same, for tests that only read it."""
    return write_images(tmp_path_factory.mktemp("images") / "data")
