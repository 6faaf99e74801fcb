"""`postopt predict`: learn from past posts how a post may do, see how well that works, and what it says of new ones."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postopt.cli.layout import columns, printable
from postopt.cli.posts import add_post_options, read_posts_of
from postopt.cli.refusal import refuse
from postopt.errors import MissingDependencyError, ModelError, PostDataError

if TYPE_CHECKING:
    from postopt.engagement import EngagementPredictor
    from postopt.judgement import Prediction

_DESCRIPTION = """\
Learn from past posts how a post may do. `fit` learns and writes a model;
`evaluate` goes through later posts in the order of time, predicts each before
its outcome is known (a day after it was published) and says how well that
went; `explain` predicts posts and says why."""

SHOWN = 10
"""Posts of a table, unless told otherwise; arbitrary."""
_INDENT = "    "
_LONGEST_ID = 20
_OF_THE_PAST = ("published", "outcome")

_EPILOG = """\
example, with columns of other names:
  postopt predict fit past.csv --out model --column text=message --outcome likes+shares
  postopt predict evaluate later.csv --model model --column text=message --outcome likes+shares
  postopt predict explain drafts.jsonl --model model

A post has id, text, title, page, type, language and published (a time with its
zone); what is learned from has an outcome, too. What a prediction says is an
association: it is no promise of what an edit would do."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `predict` with its sub-commands."""
    parser = subparsers.add_parser(
        "predict",
        help="learn from past posts how a post may do",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="fit|evaluate|explain")
    for name, what, function in (
        ("fit", "Learn from past posts and write a model", _fit),
        ("evaluate", "Say how well a model predicts later posts", _evaluate),
        ("explain", "Predict posts, and say why", _explain),
    ):
        command = commands.add_parser(name, help=f"{what[0].lower()}{what[1:]}", description=f"{what}.")
        add_post_options(command, outcome=name != "explain")
        command.set_defaults(func=run, step=function)
        if name == "fit":
            command.add_argument("--out", type=Path, required=True, metavar="MODEL", help="folder for the model")
            command.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of all chance (default 0)")
        else:
            command.add_argument("--model", type=Path, required=True, metavar="MODEL", help="folder of a model")
        if name == "evaluate":
            command.add_argument("--plot", type=Path, metavar="FILE.png", help="write a picture of it, too")
        if name == "explain":
            most = f"most posts (default {SHOWN}; with --json all)"
            command.add_argument("--limit", type=_whole(1), metavar="N", help=most)
        command.add_argument("--json", action="store_true", help="print JSON")


def _whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more")
        return int(text)

    return number


def run(args: argparse.Namespace) -> int:
    """Do the step; return 0, or 2 if posts or model cannot be read or used."""
    step: Callable[[argparse.Namespace], None] = args.step
    try:
        step(args)
    except (PostDataError, ModelError, MissingDependencyError, OSError, ValueError) as error:
        return refuse(f"predict {args.action}", error)
    return 0


def _fit(args: argparse.Namespace) -> None:
    from postopt.engagement import EngagementPredictor  # noqa: PLC0415 - it loads numpy

    posts = list(read_posts_of(args, needed=_OF_THE_PAST))
    predictor = EngagementPredictor(seed=args.seed).fit(posts)
    predictor.save(args.out)
    pages = len({post.get("page") for post in posts})
    if args.json:
        print(json.dumps({"posts": len(posts), "pages": pages, "model": str(args.out)}))
    else:
        of = f"{pages:,} page{'' if pages == 1 else 's'}"
        print(f"Learned from {len(posts):,} posts of {of}; the model is in {args.out}.")


def _evaluate(args: argparse.Namespace) -> None:
    evaluation = _load(args.model).evaluate(read_posts_of(args, needed=_OF_THE_PAST))
    if args.plot is not None:
        from postopt.engagement.evaluating.matplotlib import draw  # noqa: PLC0415 - needs an optional library

        draw(evaluation).savefig(args.plot)
    if args.json:
        print(json.dumps(evaluation.to_dict(), indent=2))
    else:
        print("\n".join(_wrapped(line, columns()) for line in str(evaluation).splitlines()))


def _wrapped(line: str, width: int) -> str:
    """Wrap a sentence, or a row of a table below its last cell."""
    cell = re.match(r"\S+( \S+)*  +", line)
    return textwrap.fill(line, width, subsequent_indent=" " * (cell.end() if cell else 0))


def _explain(args: argparse.Namespace) -> None:
    posts = read_posts_of(args)
    predictor = _load(args.model)
    n = 0
    if args.json:
        for post in islice(posts, args.limit):
            print(json.dumps({"id": post["id"], **_record(predictor.predict(post))}))
            n += 1
    else:
        shown = list(islice(posts, args.limit or SHOWN))
        n = len(shown)
        print("\n".join(_lines(shown, [predictor.predict(post) for post in shown], columns())))
    if not n:
        print(f"postopt predict explain: no posts in {args.file}", file=sys.stderr)
    elif _goes_on(posts):
        print(f"The first {n:,} posts; --limit N says how many are predicted.", file=sys.stderr)


def _goes_on(posts: Iterator[object]) -> bool:
    try:
        return next(posts, None) is not None
    except PostDataError:  # it is not asked for
        return True


def _load(folder: Path) -> EngagementPredictor:
    from postopt.engagement import EngagementPredictor  # noqa: PLC0415 - it loads numpy

    return EngagementPredictor.load(folder)


def _record(prediction: Prediction) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(prediction).items()
    }


def _lines(posts: Sequence[Mapping[str, Any]], predictions: Sequence[Prediction], width: int) -> Iterator[str]:
    """Give the table, line by line: each post's figures and the begin of its text, and below them what they rest on."""
    head = ("post", "median", "interval", "above", "text")
    rows = [
        (_short(str(post["id"]), _LONGEST_ID), *_figures(said)) for post, said in zip(posts, predictions, strict=True)
    ]
    widths = [max(map(len, cells)) for cells in zip(head[:-1], *rows, strict=True)]
    left = max(width - sum(widths) - 2 * len(widths), len(head[-1]))
    yield _line(head[:-1], widths, head[-1])
    for post, row, said in zip(posts, rows, predictions, strict=True):
        yield _line(row, widths, _short(post["text"], left)).rstrip()
        yield textwrap.fill(printable(_why(said)), width, initial_indent=_INDENT, subsequent_indent=_INDENT)
    if predictions:
        recent = predictions[0].coverage_recent
        lately = "" if math.isnan(recent) else f"; lately {recent:.0%} did"
        target = f"{100 * predictions[0].coverage_target:.0f}"
        yield ""
        yield from textwrap.wrap(f"Of 100 outcomes, {target} are to lie within their intervals{lately}.", width)
        yield from textwrap.wrap("Above: the probability that it does better than the page's usual.", width)
        yield from textwrap.wrap("Reasons are associations: they do not say what a change of the text would do.", width)


def _short(text: str, most: int) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _line(cells: Sequence[str], widths: Sequence[int], last: str) -> str:
    post, *figures = (
        f"{cell:<{n}}" if not place else f"{cell:>{n}}"
        for place, (cell, n) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((post, *figures, last))


def _figures(said: Prediction) -> tuple[str, ...]:
    return f"{said.median:,.0f}", f"{said.low:,.0f} to {said.high:,.0f}", f"{said.p_above_baseline:.0%}"


def _why(said: Prediction) -> str:
    known = any(reason.startswith(said.basis) for reason in said.reasons)
    further = (*(() if known else (said.basis,)), *(() if said.in_range else ("unlike what was learned from",)))
    return "; ".join((*said.reasons, *further))
