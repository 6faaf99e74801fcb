"""`python -m postopt`, and the console script `postopt`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command that the process's arguments name, and return its exit status."""
    try:
        from postopt.cli import main as run  # noqa: PLC0415 - an interrupt while it loads is no fault either

        return run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
