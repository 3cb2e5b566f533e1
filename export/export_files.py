"""Writing an exported file with its class names and options, each whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.export_spec import ExportSpec
from zoo.errors import InputError
from zoo.files.atomic_writes import replacing


def write_export(
    path: Path, data: bytes, spec: ExportSpec, thresholds: dict[str, Any] | None = None
) -> Path:
    """Writes an exported file, and beside it `….labels.txt` and `….options.json`.

    Args:
        path: path of the file.
        data: content of the file.
        spec: what is exported.
        thresholds: the model's own thresholds, for a file that takes thresholds.

    Returns:
        The path.

    Raises:
        InputError: if the path cannot be written.
    """
    names = "".join(f"{label}\n" for label in spec.labels)
    contents = {
        path: data,
        path.with_suffix(".labels.txt"): names.encode(),
        path.with_suffix(".options.json"): spec.options_json(thresholds).encode(),
    }
    try:
        for target, content in contents.items():
            with replacing(target) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}).") from error
    return path
