"""The `zoo` command: the one place that sees the models, their training and their export."""

from __future__ import annotations

import os
import sys

from zoo.command.parser import make_parser
from zoo.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 (defects found) or 2 (bad input)."""
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
