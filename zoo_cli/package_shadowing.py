"""Finds a user's own module that is imported in the place of one of this project's packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("zoo", "training", "export")


def shadowing_message() -> str:
    """Returns which file shadows a package of this project, and the remedy; empty for none."""
    root = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            return f"the package {name} is missing; install visionzoo again."
        if Path(spec.origin).resolve() != root / name / "__init__.py":
            return (
                f"{spec.origin}: shadows the package {name} of visionzoo; rename it, or run zoo "
                "from another folder."
            )
    return ""
