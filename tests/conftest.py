"""Fixtures shared by all tests."""

import gc
import os
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run a compiled step once or twice: optimizing it costs more than it gains.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import keras
import pytest

# Graphs consist of very many objects: collecting garbage often costs a tenth of the time.
gc.set_threshold(300_000, 20, 50)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data sets, set by ZOO_TEST_DATA; tests skip where there is none."""
    folder = Path(os.environ.get("ZOO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine")
    return folder


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory) -> Path:
    """Folder of the generated data set, shared by a whole test run."""
    folder = tmp_path_factory.getbasetemp().parent / "zoo_data"
    os.environ["ZOO_DATA_DIR"] = str(folder)
    return folder


@pytest.fixture(autouse=True, scope="module")
def seeded_module():
    """Fixes the weights of the models that the tests of a file share."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def seeded():
    """Fixes the random numbers of every test."""
    keras.utils.set_random_seed(0)
