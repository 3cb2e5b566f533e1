"""How a model leaves: files that take a raw picture and give final answers without the zoo."""

from export.export_report import parity_report
from export.litert_export import export_litert
from export.onnx_export import export_onnx
from export.runners import litert_answerer, onnx_answerer, saved_model_answerer
from export.saved_model_export import export_saved_model
from export.serving_graph import Delivery

__all__ = [
    "Delivery",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "litert_answerer",
    "onnx_answerer",
    "parity_report",
    "saved_model_answerer",
]
