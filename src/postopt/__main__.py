"""`python -m postopt`, and the console script `postopt`."""

from __future__ import annotations

import sys

from postopt.cli import main

if __name__ == "__main__":
    sys.exit(main())
