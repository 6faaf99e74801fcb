"""The root of the command line, which joins the commands."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import signal
import sys
from collections.abc import Sequence

from postopt.cli import bench, doctor, experiments, learn, predict, score, wisdom, write
from postopt.cli.streams import usable_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names (default: the process's arguments) and return its exit status.

    Raises:
        SystemExit: with 2 for arguments that cannot be used, with 0 after --help and --version.
    """
    try:
        with usable_streams():
            args = _parser().parse_args(argv)
            status: int = args.func(args)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _print_no_more()  # whoever read us has read enough
        return 128 + 13  # SIGPIPE, which not every platform has, as a shell reports it
    except OSError as error:  # a full disk, say: what commands read and write themselves they answer for
        print(f"postopt: {error}", file=sys.stderr)
        _print_no_more()
        return 2
    return status


def _print_no_more() -> None:
    # The interpreter flushes once more at exit: into nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class _Version(argparse.Action):
    """Looks the version up only when asked: that takes longer than all other options together."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            version = importlib.metadata.version("postopt")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"postopt {version}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="postopt", description="Write marketing posts, and see what does the work.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (write, score, predict, experiments, learn, bench, doctor, wisdom):
        command.add_parser(subparsers)
    return parser
