"""Training of the zoo's models: data sets, batches, recipes, runs, evaluation.

`fit("unet", "masks:my/folder", out="runs/unet")` trains a model into a run folder and
`evaluate("runs/unet")` measures it; `load_data` gives the batches of a data set as tf.data, for a
plain `model.fit`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.data.batch_config import BatchConfig
    from training.data.data_loading import load_data
    from training.model_evaluation import evaluate
    from training.recipe import Recipe
    from training.trainer import fit

__all__ = ["BatchConfig", "Recipe", "evaluate", "fit", "load_data"]

# Imported on first use: TensorFlow takes seconds to import.
_MODULES = {
    "BatchConfig": "training.data.batch_config",
    "Recipe": "training.recipe",
    "evaluate": "training.model_evaluation",
    "fit": "training.trainer",
    "load_data": "training.data.data_loading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
