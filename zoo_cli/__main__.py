"""`python -m zoo_cli` is `zoo`."""

import sys

from zoo_cli import main

sys.exit(main())
