"""How a model leaves: files that take a raw image and give final answers without the zoo."""

from export.export_report import parity_report
from export.litert_export import export_litert
from export.onnx_export import export_onnx
from export.runners import litert_predictor, onnx_predictor, saved_model_predictor
from export.saved_model_export import export_saved_model
from export.serving_graph import ExportSpec

__all__ = [
    "ExportSpec",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "litert_predictor",
    "onnx_predictor",
    "parity_report",
    "saved_model_predictor",
]
