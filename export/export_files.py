"""Writing an exported file and what lies beside it, each whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from export.serving_graph import ExportSpec
from zoo.errors import InputError


def write_export(
    path: Path, data: bytes, spec: ExportSpec, thresholds: dict[str, Any] | None = None
) -> Path:
    """Writes `data` to `path`; beside it class names, `….labels.txt`, and `….options.json`.

    `thresholds` are those of the model, of a file that takes others.

    Raises:
        InputError: the path cannot be written.
    """
    names = "".join(f"{label}\n" for label in spec.labels)
    contents = {
        path: data,
        path.with_suffix(".labels.txt"): names.encode(),
        path.with_suffix(".options.json"): spec.options(thresholds).encode(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, content in contents.items():
            temporary = target.with_name(f".{target.name}.partial")
            temporary.write_bytes(content)
            os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}).") from error
    return path
