"""The command line: `postopt write`, `postopt doctor`, `postopt wisdom`."""

from postopt.cli.entry import main

__all__ = ["main"]
