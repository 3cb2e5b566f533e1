"""The `zoo` command: the one place that sees the models, their training and their export."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 (defects found) or 2 (bad input)."""
    InputError, make_parser = _quietly_imported()
    try:
        options = make_parser().parse_args(arguments)
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


def _fail(message: str, status: int = 2) -> int:
    print(f"zoo: {' '.join(message.split())}", file=sys.stderr)
    return status


def _quietly_imported():
    """Imports the command without the greetings of TensorFlow's C++ part.

    They go to standard error before any setting can stop them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.stderr.flush()
    original = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        from zoo.errors import InputError
        from zoo_cli.parser import make_parser
    finally:
        os.dup2(original, 2)
        os.close(silence)
        os.close(original)
    return InputError, make_parser
