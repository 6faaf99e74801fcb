"""The options that say where posts are and what their columns are called."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from postopt.errors import PostDataError

KEYS = ("id", "text", "title", "page", "type", "language", "published")
"""Those of `engagement.postfile`, said here so that other commands need not load numpy."""

FILE_HELP = "posts: JSON Lines, or CSV if named .csv; .gz and .xz are read, too"


def add_post_options(command: argparse.ArgumentParser, *, outcome: bool) -> None:
    """Add the file of posts, and how it is to be read."""
    command.add_argument("file", type=Path, metavar="FILE", help=FILE_HELP)
    command.add_argument(
        "--column",
        action="append",
        default=[],
        type=_renamed,
        metavar="KEY=NAME",
        help=f"what the file calls one of {', '.join(KEYS)}; may be repeated",
    )
    command.add_argument("--zone", metavar="NAME", help="zone of stamps that have none, such as America/New_York")
    if outcome:
        command.add_argument(
            "--outcome",
            metavar="NAME[+NAME...]",
            help="the columns that add up to the outcome, such as reactions+comments+shares (default: outcome)",
        )


def read_posts_of(
    args: argparse.Namespace,
    *,
    needed: Collection[str] = (),
    on_fault: Callable[[str, PostDataError], object] | None = None,
) -> Iterator[dict[str, Any]]:
    """Return the posts that the options name; `needed` and `on_fault` are those of `read_post_file`.

    Raises:
        PostDataError: the file cannot be read.
    """
    from postopt.engagement.postfile import read_post_file  # noqa: PLC0415 - only where it is needed

    outcome = getattr(args, "outcome", None)
    return read_post_file(
        args.file, columns=dict(args.column), outcome=outcome, zone=args.zone, needed=needed, on_fault=on_fault
    )


def _renamed(text: str) -> tuple[str, str]:
    key, _, name = text.partition("=")
    if key not in KEYS or not name:
        raise argparse.ArgumentTypeError(f"{text!r}: KEY=NAME is needed, with KEY one of {', '.join(KEYS)}")
    return key, name
