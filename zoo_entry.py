"""Entry of the `zoo` command: imports TensorFlow without the greetings of its C++ part.

Those lines go to standard error before any setting can stop them, and importing anything of `zoo`
imports TensorFlow; so this module stands outside the package.
"""

import os
import sys


def main() -> int:
    """Runs `zoo` and returns its exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        from zoo.command import main as run
    finally:
        os.dup2(kept, 2)
        os.close(silence)
        os.close(kept)
    return run()


if __name__ == "__main__":
    sys.exit(main())
