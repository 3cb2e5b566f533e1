"""`python -m zoo.command` is `zoo`."""

import sys

from zoo.command import main

sys.exit(main())
