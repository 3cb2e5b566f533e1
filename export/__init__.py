"""Files that take a raw image and return final predictions without this package.

`export.saved_model(model, folder)`, `export.litert(model, path)` and `export.onnx(model, path)`
write them, `export.saved_model_predictor(folder)` and its like run them. Nothing heavy is imported
until one of them is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy_exports import make_lazy

if TYPE_CHECKING:
    from export.export_spec import ExportSpec
    from export.exported_predictors import litert_predictor, onnx_predictor, saved_model_predictor
    from export.litert_export import litert
    from export.onnx_export import onnx
    from export.parity import parity_report
    from export.saved_model_export import saved_model

__all__ = [
    "ExportSpec",
    "litert",
    "litert_predictor",
    "onnx",
    "onnx_predictor",
    "parity_report",
    "saved_model",
    "saved_model_predictor",
]

__getattr__, __dir__ = make_lazy(
    __name__,
    {
        "export.export_spec": ("ExportSpec",),
        "export.exported_predictors": (
            "litert_predictor",
            "onnx_predictor",
            "saved_model_predictor",
        ),
        "export.litert_export": ("litert",),
        "export.onnx_export": ("onnx",),
        "export.parity": ("parity_report",),
        "export.saved_model_export": ("saved_model",),
    },
)
