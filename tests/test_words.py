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
    r"(colour|centre|labell|neighbour|(normal|recogn|initial|local|optim|quant|raster)is[ae])", re.I
)
SENTENCES = ("InputError", "ValueError", "TypeError", "RuntimeError", "KeyError")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*PYTHON, *PAGES], ids=relative)
def test_no_private_words(path):
    lines = path.read_text().splitlines()
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        if any(re.search(word, line, re.IGNORECASE) for word in BANNED)
    ]
    assert not found, f"{path}\n" + "\n".join(found)


@pytest.mark.parametrize("path", [*PYTHON, *PAGES], ids=relative)
def test_american_spelling(path):
    assert BRITISH.findall(path.read_text()) == [], path


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


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_messages_end_with_a_full_stop(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args):
            continue
        if getattr(node.exc.func, "id", "") in SENTENCES:
            text = last_text(node.exc.args[0])
            if text is not None and not text.rstrip().endswith((".", "…", "?")):
                found.append(f"{node.lineno}: …{text[-40:]}")
    assert not found, f"{path}\n" + "\n".join(found)
