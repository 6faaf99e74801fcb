"""`postopt write`: posts from a brief on the command line, or from a file of briefs."""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from postopt.cli.bulk import write_file
from postopt.cli.layout import layout
from postopt.cli.lines import post_line
from postopt.cli.outfile import LineFile
from postopt.cli.remote import add_model_options, check_model_options, deadline_of, make_spending, make_writer
from postopt.cli.usage import UsageError
from postopt.errors import BriefError, GenerationError
from postopt.types import PLATFORMS, TONES, Brief, Post, Posts
from postopt.writer import PostWriter

if TYPE_CHECKING:
    from postopt.cli.spending import Spending

_BRIEF_OPTIONS = {
    "tone": "--tone",
    "language": "--language",
    "audience": "--audience",
    "platform": "--platform",
    "call_to_action": "--cta",
    "brand": "--brand",
    "facts": "--fact",
    "keywords": "--keyword",
    "forbidden": "--forbid",
    "max_length": "--max-length",
}
MAX_POSTS = 1_000
"""Most posts of one brief; they are held in memory until all are there."""

_FILE_OPTIONS = {"out": "--out", "rejects": "--rejects", "resume": "--resume", "force": "--force"}

_DESCRIPTION = """\
Write marketing posts from a brief. Every fact appears unchanged in every post,
and no forbidden word does; a post that cannot keep its brief is rejected, with
the reason."""

_EPILOG = """\
examples:
  postopt write --topic "Sourdough weekend" --tone friendly --fact price=€5
  postopt write --briefs briefs.jsonl --out posts.jsonl --rejects rejects.jsonl
  postopt write --topic "Sourdough weekend" --base-url http://127.0.0.1:8000/v1 --model small

A line of briefs.jsonl is an object with the fields of a brief: topic (the only
one needed), audience, tone, language, platform, call_to_action, keywords,
facts, brand, forbidden, max_length, priority, budget, and an id of your own.
A CSV file names the same fields in its first line; a fact is a column
"fact:price", and keywords and forbidden words are separated by "|".
Each post is an object on a line of its own, with brief_id, index, text, tone,
language, generator, seed and trace.

exit status: 0 all posts were written; 1 some were not; 2 the arguments or
files cannot be used."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `write`."""
    parser = subparsers.add_parser(
        "write",
        help="write posts from a brief, or from a file of briefs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # Options that are not given leave no attribute, so that one in the wrong company is noticed.
        argument_default=argparse.SUPPRESS,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--topic", help="what the post is about")
    source.add_argument(
        "--briefs",
        type=Path,
        metavar="FILE",
        help='file of briefs: JSON Lines, or CSV if named .csv; "-" for standard input',
    )
    _add_brief_options(parser.add_argument_group("the brief, with --topic"))
    _add_file_options(parser.add_argument_group("files, with --briefs"))
    add_model_options(parser.add_argument_group("a model, with templates behind it"))
    parser.add_argument("-n", type=_count, default=3, metavar="N", help="posts a brief (default: 3)")
    parser.add_argument("--seed", type=_seed, default=0, help="the same seed writes the same posts (default: 0)")
    parser.add_argument("--json", action="store_true", default=False, help="print one JSON object a post")
    parser.set_defaults(func=run, error=parser.error)


def _add_brief_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tone", choices=TONES, metavar="TONE", help=f"one of {', '.join(TONES)} (default: professional)"
    )
    group.add_argument("--language", metavar="TAG", help='such as "en" or "es-MX" (default: en)')
    group.add_argument("--audience", metavar="WHOM", help='whom it addresses, such as "owners of small shops"')
    group.add_argument("--platform", choices=PLATFORMS, metavar="NAME", help=f"one of {', '.join(PLATFORMS)}")
    group.add_argument("--cta", dest="call_to_action", metavar="TEXT", help="what the reader should do")
    group.add_argument("--brand", metavar="NAME", help="who is speaking")
    group.add_argument(
        "--fact",
        dest="facts",
        action="append",
        type=_fact,
        metavar="NAME=VALUE",
        help="kept unchanged; may be repeated",
    )
    group.add_argument(
        "--keyword", dest="keywords", action="append", metavar="WORD", help="for hashtags; may be repeated"
    )
    group.add_argument(
        "--forbid", dest="forbidden", action="append", metavar="WORD", help="word or claim to avoid; may be repeated"
    )
    group.add_argument("--max-length", type=int, metavar="N", help="most characters of a post")


def _add_file_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", type=Path, metavar="FILE", help='where the posts go; "-" for standard output')
    group.add_argument("--rejects", type=Path, metavar="FILE", help="where lines and variants go that gave no post")
    ending = group.add_mutually_exclusive_group()
    ending.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run in the same files; with a model, up to 16 briefs that were at "
        "work are asked, and paid for, again",
    )
    ending.add_argument("--force", action="store_true", help="overwrite what the files hold")


def run(args: argparse.Namespace) -> int:
    """Write the posts; return 0, or 1 if something was rejected, or 2 if arguments or files cannot be used."""
    given = vars(args)
    if "topic" in args and (stray := [option for name, option in _FILE_OPTIONS.items() if name in given]):
        args.error(f"{stray[0]} goes with --briefs")
    if "briefs" in args and (stray := [option for name, option in _BRIEF_OPTIONS.items() if name in given]):
        args.error(f"{stray[0]} goes with --topic; with --briefs, each line of the file says it")
    if "briefs" in args and "out" not in args:
        args.error("--briefs needs --out FILE")
    check_model_options(args)
    try:
        return _write_one(args) if "topic" in args else write_file(args)
    except UsageError as error:
        print(f"postopt write: {error}", file=sys.stderr)
        return 2


def _write_one(args: argparse.Namespace) -> int:
    fields = {name: value for name, value in vars(args).items() if name in {"topic", *_BRIEF_OPTIONS}}
    names = [name for name, _ in fields.get("facts", [])]
    if len(set(names)) < len(names):
        raise UsageError(f"--fact names {max(names, key=names.count)!r} twice")
    try:
        brief = Brief(**{**fields, "facts": dict(fields.get("facts", []))})
    except BriefError as error:
        option = "--topic" if error.field == "topic" else _BRIEF_OPTIONS.get(error.field.partition("[")[0], error.field)
        raise UsageError(f"{option}: {error}") from error
    spending = make_spending(args)
    writer = make_writer(args, spending)
    try:
        posts = asyncio.run(_write(args, writer, brief))
    except GenerationError as error:
        print(f"not written: {error}", file=sys.stderr)
        _say_how_it_went(args, (), spending)
        return 1
    _say_how_it_went(args, posts, spending)
    if args.json:
        with LineFile.open(Path("-")) as out:
            out.write([post_line("command-line", post) for post in posts])
    elif posts:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(layout(posts, width))
    for rejection in posts.rejections:
        print(f"not written: {' '.join(rejection.reasons)}", file=sys.stderr)
    return 1 if posts.rejections else 0


def _say_how_it_went(args: argparse.Namespace, posts: Sequence[Post], spending: Spending | None) -> None:
    if "base_url" in args:
        for number, post in enumerate(posts, 1):
            print(f"{number} of {len(posts)}: {post.trace.summary()}", file=sys.stderr)
    if spending and spending.exceeds(sum(post.trace.cost_usd for post in posts)):
        print(f"spent: {spending.text()}", file=sys.stderr)


async def _write(args: argparse.Namespace, writer: PostWriter, brief: Brief) -> Posts:
    async with writer:
        return await writer.write(brief, args.n, deadline=deadline_of(args))


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_POSTS:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MAX_POSTS}")
    return int(text)


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = 2**63
    if not -(2**63) <= seed < 2**63:  # what any JSON reader can hold
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at most 64 bits")
    return seed


def _fact(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE, such as price=€5")
    return name, value
