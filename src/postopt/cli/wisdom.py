"""`postopt wisdom`: carry measurements to where they cannot be made, or forget them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from postopt.cli.refusal import refuse
from postopt.engine.wisdom import Wisdom, locate
from postopt.errors import WisdomError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `wisdom` with its sub-commands."""
    parser = subparsers.add_parser(
        "wisdom",
        help="export, import or clear the engine's measurements",
        description="Measurements count on the machine and Python they were made on. An import from another one is "
        "refused, and the message says what differs. POSTOPT_WISDOM says which file is meant.",
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="export|import|clear")
    for name, what in (("export", "write the measurements to FILE"), ("import", "add the measurements in FILE")):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("file", type=Path, metavar="FILE")
    commands.add_parser("clear", help="forget all measurements of this machine")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do what `args.action` says; return 0, or 1 if it cannot be done."""
    try:
        print(_do(args))
    except (WisdomError, OSError) as error:
        return refuse(f"wisdom {args.action}", error, status=1)
    return 0


def _do(args: argparse.Namespace) -> str:
    wisdom = _wisdom()
    if args.action == "export":
        return f"{wisdom.export(args.file)} timings written to {args.file}"
    if args.action == "import":
        return f"{wisdom.load(args.file)} timings added to {wisdom.path}"
    wisdom.clear()
    return f"forgotten: {wisdom.path}"


def _wisdom() -> Wisdom:
    wisdom = locate(os.environ.get("POSTOPT_WISDOM") or "default")
    if wisdom is None:
        raise WisdomError("wisdom is switched off by the environment variable POSTOPT_WISDOM")
    return wisdom
