"""The `zoo` command: the one package that imports zoo, training and export."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line and returns its exit status: 0, 1 (defects found) or 2 (bad input).

    `arguments` are by default those of this process, whose screen is then kept free of the log
    lines of libraries.
    """
    message = _shadowing_message()
    if message:
        return _fail(message)
    # Another module named zoo would be imported here.
    from zoo.errors import InputError
    from zoo_cli.library_logs import hide_library_logs, label_warnings_as_log
    from zoo_cli.parser import make_parser

    try:
        options = make_parser().parse_args(arguments)
        if arguments is None and not options.light:
            hide_library_logs()
        with label_warnings_as_log():
            return options.run(options) or 0
    except InputError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader, such as `head`, has closed the pipe; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        return _fail("interrupted; resume a training run with --resume.", status=130)


def _shadowing_message() -> str:
    """Returns which file shadows a package of this project, and the remedy; empty for none."""
    root = Path(__file__).resolve().parents[1]
    for name in ("zoo", "training", "export"):
        spec = importlib.util.find_spec(name)
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        if spec is None or not (spec.origin or folders):
            return f"the package {name} is missing; install visionzoo again."
        origin = spec.origin or folders[0]
        if Path(origin).resolve() != root / name / "__init__.py":
            return (
                f"{origin}: shadows the package {name} of visionzoo; rename it, or run zoo "
                "from another folder."
            )
    return ""


def _fail(message: str, status: int = 2) -> int:
    print(f"zoo: {' '.join(message.split())}", file=sys.stderr)
    return status
