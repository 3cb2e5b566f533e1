"""Rules of language that a script can check over the whole repository."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("zoo", "training", "export", "zoo_cli")
PYTHON = [
    path for name in (*PACKAGES, "benchmarks", "docs") for path in (ROOT / name).rglob("*.py")
]
# The changelog quotes the old names.
PAGES = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
PAGES += [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("training/recipes/*.toml")]
BANNED = (
    r"pictur",
    r"\banswer",
    r"\btold\b",
    r"\baids?\b",
    r"\bcanvas\b",
    r"\bto be had\b",
    r"\bsomebody else\b",
    r"\bgoes on\b",
    r"\bheld.out\b",
    r"\bclass.blind\b",
)
BRITISH = re.compile(
    r"(colour|centre|labell(?=ed|ing|er)|neighbour"
    r"|(normal|recogn|initial|local|optim|quant|raster)is[ae])",
    re.IGNORECASE,
)
SENTENCES = ("InputError", "ValueError", "TypeError", "RuntimeError", "KeyError")


def matching_lines(pattern: re.Pattern[str]) -> list[str]:
    """Every line of the repository's code and pages that the pattern matches, with its place."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*PYTHON, *PAGES]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("word", BANNED)
def test_no_private_words(word):
    assert matching_lines(re.compile(word, re.IGNORECASE)) == []


def test_american_spelling():
    assert matching_lines(BRITISH) == []


def test_file_names_say_which():
    names = [path.name for path in PYTHON if not path.name.startswith("__")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def last_text(node: ast.expr) -> str | None:
    """The end of a message as far as it is written out; None where it is not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return last_text(node.values[-1])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return last_text(node.right)
    return None


def test_messages_end_with_a_full_stop():
    found = []
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            if node.exc.args and getattr(node.exc.func, "id", "") in SENTENCES:
                text = last_text(node.exc.args[0])
                if text is not None and not text.rstrip().endswith((".", "…", "?")):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: …{text[-40:]}")
    assert found == []
