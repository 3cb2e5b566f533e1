"""Files that take a raw image and return final predictions without this package.

`export.saved_model(model, folder)`, `export.litert(model, path)` and `export.onnx(model, path)`
write them, `export.saved_model_predictor(folder)` and its like run them. Nothing heavy is imported
until one of them is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "ExportSpec": "export_spec",
    "litert": "litert_export",
    "litert_predictor": "exported_predictors",
    "onnx": "onnx_export",
    "onnx_predictor": "exported_predictors",
    "parity_report": "parity",
    "saved_model": "saved_model_export",
    "saved_model_predictor": "exported_predictors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"export.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
