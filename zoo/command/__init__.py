"""The `zoo` command: the one place that sees the models, their training and their export."""

from __future__ import annotations

import os
import sys

from zoo.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 (defects found) or 2 (bad input)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from zoo.command.parser import make_parser

    try:
        options = make_parser().parse_args(arguments)
        _import_tensorflow()
        return options.run(options) or 0
    except InputError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; nothing more can be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        return _fail("interrupted; a training run goes on with --resume.", status=130)


def _import_tensorflow() -> None:
    """Imports TensorFlow without the greetings that its C++ part writes to standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(silence)
        os.close(kept)


def _fail(message: str, status: int = 2) -> int:
    print(f"zoo: {' '.join(message.split())}", file=sys.stderr)
    return status
