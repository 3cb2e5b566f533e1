"""Batches from worker processes are those of this process, each once, in any order."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from image_folders import write_images
from PIL import Image

from training.data.augment import Augmentation
from training.data.batch_config import BatchConfig
from training.data.batch_order import steps_per_epoch
from training.data.data_service import check_address, start_server
from training.data.pipeline import training_batches
from training.data.sources import open_source
from zoo.errors import InputError

CHANGES = Augmentation(flip_horizontal=0.5, rotate=20, contrast=0.2)


@pytest.fixture
def source(tmp_path):
    return open_source(f"masks:{write_images(tmp_path / 'data', 30, (24, 32))}?val=0.2")


def config(**changes):
    made = BatchConfig("segmentation", (24, 32), batch_size=2, augmentation=CHANGES, seed=3)
    return dataclasses.replace(made, **changes)


def digests(dataset, count):
    """Contents of each batch, in order."""
    return [
        image.tobytes() + targets["segmentation"].tobytes()
        for image, targets in dataset.take(count).as_numpy_iterator()
    ]


@pytest.fixture
def workers():
    """Two processes as a user starts them; gives the dispatcher's address."""
    command = [sys.executable, "-m", "zoo_cli", "data-worker"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = first.stdout.readline().strip()
    second = subprocess.Popen([*command, "--join", address], stdout=subprocess.PIPE, text=True)
    assert second.stdout.readline().strip() == address
    yield address
    for process in (second, first):
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_two_worker_processes(source, workers):
    steps = steps_per_epoch(source, "train", 2)
    assert steps == 12
    alone = digests(training_batches(source, "train", config(), first_epoch=1), 4 * steps)
    shared = training_batches(source, "train", config(data_service=workers), first_epoch=1)
    assert shared.element_spec == training_batches(source, "train", config()).element_spec
    found = digests(shared, 2 * steps)
    assert len(set(found)) == 2 * steps
    # Workers run ahead of each other by a few batches, not more.
    assert set(found) <= set(alone)
    assert len(set(found) & set(alone[: 2 * steps])) >= steps
    # A run that goes on begins with the step that it stopped before.
    rest = training_batches(
        source, "train", config(data_service=workers), first_epoch=1, first_step=30
    )
    assert not set(digests(rest, 4)) & set(alone[:30])


def test_unsupported_in_workers(source, tmp_path):
    address, servers = start_server()
    with pytest.raises(
        InputError, match=r"cache=memory is local to this process.*cache=disk:FOLDER"
    ):
        training_batches(source, "train", config(data_service=address, cache="memory"))
    for path in (tmp_path / "data/masks").iterdir():
        Image.open(path).convert("P").save(path)
    palette = open_source(f"masks:{tmp_path / 'data'}?val=0.2")
    with pytest.raises(InputError, match="decoded in Python, which workers do not run"):
        training_batches(palette, "train", config(data_service=address))
    # What is kept on disk is decoded already.
    kept = config(data_service=address, cache=f"disk:{tmp_path / 'kept'}")
    image, _ = next(training_batches(palette, "train", kept).as_numpy_iterator())
    assert image.shape == (2, 24, 32, 3) and np.ptp(image) > 50
    assert len(servers) == 2


@pytest.mark.parametrize("address", ["10.0.0.7:5050", "grpc://host", "http://host:80", "grpc://:1"])
def test_addresses(address):
    with pytest.raises(InputError, match="data_service must be grpc://HOST:PORT"):
        check_address(address)
    assert check_address("grpc://[::1]:5050") and check_address("") == ""
