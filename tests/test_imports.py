"""Imports: no cycles, no private names of other packages, no heavy libraries at start-up."""

import ast
import importlib
import subprocess
import sys
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOTS = ("zoo", "training", "export", "zoo_cli")
HEAVY = {
    "faster_coco_eval", "jax", "keras", "keras_cv", "matplotlib", "onnxruntime", "pycocoevalcap",
    "scipy", "sklearn", "snowballstemmer", "tensorflow", "tensorflow_datasets", "tf2onnx", "torch",
}  # fmt: skip
"""Libraries that take long to import, so that a function may import them."""


@cache
def modules() -> dict[str, Path]:
    """Path of each module by name."""
    found = {}
    for root in ROOTS:
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_package(module: str) -> bool:
    return modules()[module].name == "__init__.py"


def typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imports(node: ast.AST, inside: bool = False):
    """Yields module, name or None, line and whether it is in a function, of each import."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            for alias in child.names:
                yield child.module, alias.name, child.lineno, inside
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, None, child.lineno, inside
        elif not typing_only(child):
            function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from imports(child, inside or function)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


@cache
def edges() -> list[tuple[str, str, int, bool]]:
    """Importing module, imported module of ours, line and whether it is in a function."""
    found = []
    for module in modules():
        for source, name, line, inside in imports(tree(module)):
            target = f"{source}.{name}" if f"{source}.{name}" in modules() else source
            if target in modules() and target != module:
                found.append((module, target, line, inside))
    return found


def child(package: str, module: str) -> str | None:
    """The direct child of a package in which a module is; the package itself for its __init__."""
    if package and module == package:
        return package
    if package and not module.startswith(f"{package}."):
        return None
    rest = module[len(package) + 1 :] if package else module
    return f"{package}.{rest.split('.')[0]}" if package else rest.split(".")[0]


def cycle(graph: dict[str, dict[str, str]]) -> list[str]:
    """The imports of one cycle of a graph of nodes, their successors and where; or nothing."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            ring = [*path[path.index(node) :], node]
            return [graph[a][b] for a, b in pairwise(ring)]
        if node in done:
            return []
        for successor in graph[node]:
            if found := visit(successor, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in list(graph) if (found := visit(node, []))), [])


def test_no_import_cycles():
    """The modules and sub-packages of a package, each taken as a whole, import in one direction.

    Imports in functions count too.
    """
    found = []
    for package in ["", *(module for module in modules() if is_package(module))]:
        graph: dict[str, dict[str, str]] = defaultdict(dict)
        for module, target, line, _ in edges():
            source, destination = child(package, module), child(package, target)
            if source and destination and source != destination:
                graph[source][destination] = f"{modules()[module]}:{line} imports {target}"
                graph[destination]  # a node, even without successors
        found += cycle(graph)
    assert not found, "\n" + "\n".join(found)


def test_functions_import_modules_of_ours_only_to_delay_heavy_libraries():
    found = []
    for module, path in modules().items():
        for source, name, line, inside in imports(tree(module)):
            target = f"{source}.{name}" if f"{source}.{name}" in modules() else source
            # The command looks for other modules named zoo before it imports this one.
            if inside and target in modules() and module != "zoo_cli" and not heavy_below(target):
                found.append(f"{path}:{line}: {target}")
    assert not found, "\n" + "\n".join(found)


@cache
def heavy_below(module: str) -> frozenset[str]:
    """Heavy libraries that importing a module of ours imports."""
    found, visited, waiting = set(), set(), [module]
    while waiting:
        current = waiting.pop()
        if current in visited or current not in modules():
            continue
        visited.add(current)
        waiting += [current.rpartition(".")[0]]
        for source, name, _, inside in imports(tree(current)):
            if not inside:
                found |= HEAVY & {source.split(".")[0]}
                waiting += [source, f"{source}.{name}"]
    return frozenset(found)


def test_private_names_stay_in_their_package():
    found = []
    for module, path in modules().items():
        package = module if is_package(module) else module.rpartition(".")[0]
        for source, name, line, _ in imports(tree(module)):
            if source.split(".")[0] not in ROOTS or source.startswith("__future__"):
                continue
            private = [part for part in (*source.split("."), name or "") if part.startswith("_")]
            home = (
                source if source in modules() and is_package(source) else source.rpartition(".")[0]
            )
            if private and home != package:
                found.append(f"{path}:{line}: {source} {name or ''}")
    assert not found, "\n" + "\n".join(found)


def test_no_module_replaces_an_exported_name():
    """Importing every module leaves what the packages export as it was."""
    packages = [importlib.import_module(m) for m in modules() if is_package(m)]
    exported = {
        (package.__name__, name): getattr(package, name)
        for package in packages
        for name in getattr(package, "__all__", ())
    }
    assert ("zoo", "build") in exported and ("training", "fit") in exported
    for module in modules():
        if not module.endswith("__main__"):
            importlib.import_module(module)
    for (package, name), value in exported.items():
        assert getattr(sys.modules[package], name) is value, f"{package}.{name}"
        is_module = isinstance(value, type(sys))
        assert is_module == (f"{package}.{name}" in modules()), f"{package}.{name}"


def test_exported_names_are_listed():
    for package in (m for m in modules() if is_package(m)):
        loaded = importlib.import_module(package)
        assert set(getattr(loaded, "__all__", ())) <= set(dir(loaded)), package
        with pytest.raises(AttributeError):
            loaded.no_such_name  # noqa: B018


def run(code: str) -> str:
    """Output of Python code in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import zoo",
        "import zoo.errors",
        "import zoo; assert len(zoo.list_models('segmentation')) > 10",
        "import zoo; assert zoo.card('unet').flops() > 1e9",
        "import zoo; dir(zoo); zoo.InferenceOptions(flip=True)",
        "import training",
        "import export",
        "from zoo_cli.parser import make_parser; make_parser()",
        "from zoo_cli import main; assert main(['list', '--task', 'detection']) == 0",
        "from zoo_cli import main; assert main(['show', 'mask_rcnn', '--json']) == 0",
    ],
)
def test_start_up_imports_nothing_heavy(code):
    names = ", ".join(map(repr, sorted(HEAVY)))
    check = f"import sys; loaded = {{{names}}} & set(sys.modules); assert not loaded, loaded"
    run(f"{code}\n{check}")
