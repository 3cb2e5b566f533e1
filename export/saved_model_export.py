"""SavedModel: for TensorFlow Serving, Vertex, TF.js and any TensorFlow program."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

import zoo
from export.export_spec import ExportSpec, to_spec
from export.serving_signatures import ServingModule, saved_model_signatures
from zoo.errors import InputError


def saved_model(
    model: zoo.Model | ExportSpec, folder: str | os.PathLike[str], **arguments: Any
) -> Path:
    """Writes a SavedModel; it appears whole or not at all and replaces an older one.

    Signatures: `serving_default` takes `images` (B, H, W, C) uint8 of any one size; `serve_bytes`
    takes `encoded` (B,) strings of image files of any sizes and also returns `image_size` (B, 2)
    and `error` (B,), empty or why an image cannot be read, see `serving_bytes`.
    Both return the predictions of the task in the pixels of these images, and take `proposals`
    (B, P, 4) float32 in these pixels beside them where the model does. For models that find boxes,
    `serve_thresholds` takes `score_threshold` and `nms_iou`, float32 scalars, and
    `class_agnostic`, a bool, beside `images`. Class names are the asset `labels.txt`, the options
    of the export the asset `options.json`.

    Args:
        model: model of the zoo, or what is exported as an `ExportSpec`.
        folder: folder of the SavedModel.
        arguments: `labels`, `image_size`, `resize` and `options` of `ExportSpec.from_model`; by
            default what the model remembers.

    Returns:
        The folder.

    Raises:
        InputError: if the folder cannot be written or contains something else, or as
            `ExportSpec.from_model`.
    """
    spec, folder = to_spec(model, arguments), Path(folder)
    if folder.exists() and not (folder / "saved_model.pb").is_file():
        raise InputError(f"{folder}: exists and is not a SavedModel; choose another folder.")
    with _new_folder(folder) as temporary, tempfile.TemporaryDirectory() as assets:
        serving = ServingModule(spec)
        serving.labels = _asset(Path(assets) / "labels.txt", "\n".join(spec.labels) + "\n")
        serving.options = _asset(Path(assets) / "options.json", spec.options_json(encoded=True))
        tf.saved_model.save(serving, str(temporary), signatures=saved_model_signatures(serving))
    return folder


def _asset(path: Path, text: str) -> tf.saved_model.Asset:
    path.write_text(text)
    return tf.saved_model.Asset(str(path))


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder that replaces `folder` where the block raises nothing."""
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
