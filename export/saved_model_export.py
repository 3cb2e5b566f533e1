"""SavedModel: for TensorFlow Serving, Vertex, TF.js and any TensorFlow program."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from export.serving_graph import ExportSpec, Serving
from zoo.errors import InputError


def export_saved_model(spec: ExportSpec, folder: str | os.PathLike[str]) -> Path:
    """Writes a SavedModel; it appears whole or not at all and replaces an older one.

    Signatures: `serving_default` takes `images` (B, H, W, C) uint8 of any one size; `serve_bytes`
    takes `encoded` (B,) strings of image files of any sizes and also gives `image_size` (B, 2).
    Both give the answers of the task in the pixels of the images given, and take `proposals`
    (B, P, 4) float32 in these pixels beside them where the model does. Of models that find boxes,
    `serve_thresholds` takes `score_threshold` and `nms_iou`, float32 scalars, and
    `class_agnostic`, a bool, beside `images`. Class names are the
    asset `labels.txt`, the options of the export the asset `options.json`.

    Raises:
        InputError: the folder cannot be written or holds something else.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / "saved_model.pb").is_file():
        raise InputError(f"{folder}: exists and is not a SavedModel; choose another place.")
    with new_folder(folder) as temporary, tempfile.TemporaryDirectory() as assets:
        labels = Path(assets) / "labels.txt"
        labels.write_text("\n".join(spec.labels) + "\n")
        options = Path(assets) / "options.json"
        options.write_text(spec.options())
        serving = Serving(spec)
        serving.labels = tf.saved_model.Asset(str(labels))
        serving.options = tf.saved_model.Asset(str(options))
        signatures = {"serving_default": serving.serve, "serve_bytes": serving.serve_bytes}
        if spec.finds_boxes:
            signatures["serve_thresholds"] = serving.serve_thresholds
        tf.saved_model.save(serving, str(temporary), signatures=signatures)
    return folder


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `folder` that takes its place when all went well."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}).") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
