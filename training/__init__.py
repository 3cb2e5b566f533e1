"""Training of the zoo's models: data sets, batches, recipes, runs, evaluation.

`fit("unet", "masks:my/folder", out="runs/unet")` trains a model into a run folder and
`evaluate("runs/unet")` measures it; `load_data` gives the batches of a data set as tf.data, for a
plain `model.fit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy_exports import make_lazy

if TYPE_CHECKING:
    from training.data.batch_config import BatchConfig
    from training.data.data_loading import load_data
    from training.model_evaluation import evaluate
    from training.recipe import Recipe
    from training.trainer import fit

__all__ = ["BatchConfig", "Recipe", "evaluate", "fit", "load_data"]

# Imported on first use: TensorFlow takes seconds to import.
__getattr__, __dir__ = make_lazy(
    __name__,
    {
        "training.data.batch_config": ("BatchConfig",),
        "training.data.data_loading": ("load_data",),
        "training.model_evaluation": ("evaluate",),
        "training.recipe": ("Recipe",),
        "training.trainer": ("fit",),
    },
)
