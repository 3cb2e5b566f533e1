"""Names of a package whose modules are imported on first use (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def make_lazy(
    package: str, names: Mapping[str, Iterable[str]], packages: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` of a package with `names` by module, and sub-packages."""
    modules = {name: module for module, defined in names.items() for name in defined}
    exports = {**modules, **{name: f"{package}.{name}" for name in packages}}

    def get(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}.")
        module = importlib.import_module(exports[name])
        value = getattr(module, name) if name in modules else module
        setattr(sys.modules[package], name, value)
        return value

    def directory() -> list[str]:
        return sorted({*exports, *(n for n in vars(sys.modules[package]) if n.startswith("__"))})

    return get, directory
