"""Every model of the registry, and the processes that run its files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", zoo.list_models())


class Worker:
    """A process that runs model files; see worker.py."""

    def __init__(self, mode: str, folder: Path, **environment: str):
        self.folder = folder
        self.log = (folder / "stderr.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )

    def run(self, kind: str, path: Path, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs of the model file at `path`; raises AssertionError with the worker's trace."""
        request = {
            "kind": kind,
            "path": str(path),
            "inputs": str(self.folder / "inputs.npz"),
            "outputs": str(self.folder / "outputs.npz"),
        }
        np.savez(request["inputs"], **inputs)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the worker ended: {(self.folder / 'stderr.txt').read_text()[-3000:]}"
        reply = json.loads(line)
        assert "error" not in reply, reply["error"]
        with np.load(request["outputs"]) as file:
            return dict(file)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.log.close()


def _worker(factory, name: str, mode: str, **environment: str):
    worker = Worker(mode, factory.mktemp(name), **environment)
    yield worker
    worker.stop()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A process that can import the zoo, but built none of the models."""
    yield from _worker(tmp_path_factory, "fresh", "zoo")


@pytest.fixture(scope="session")
def jax_process(tmp_path_factory):
    """The same under JAX."""
    pytest.importorskip("jax")
    yield from _worker(tmp_path_factory, "jax", "zoo", KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A process in which the zoo cannot be imported."""
    yield from _worker(tmp_path_factory, "bare", "bare")


@pytest.fixture
def card(name):
    return zoo.card(name)
