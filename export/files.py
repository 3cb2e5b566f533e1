"""Writing an exported file and its labels, each whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import InputError


def write_with_labels(path: Path, data: bytes, labels: tuple[str, ...]) -> Path:
    """Writes `data` to `path` and the class names to `….labels.txt` beside it.

    Raises:
        InputError: the path cannot be written.
    """
    names = "".join(f"{label}\n" for label in labels)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, content in ((path, data), (path.with_suffix(".labels.txt"), names.encode())):
            temporary = target.with_name(f".{target.name}.partial")
            temporary.write_bytes(content)
            os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}).") from error
    return path
