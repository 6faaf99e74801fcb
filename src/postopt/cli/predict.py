"""`postopt predict`: learn from past posts how a post may do, see how well that works, and what it says of new ones."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from postopt.cli.posts import add_post_options, read_posts_of
from postopt.cli.table import table
from postopt.errors import MissingDependencyError, ModelError, PostDataError

if TYPE_CHECKING:
    from postopt.engagement import EngagementPredictor
    from postopt.judgement import Prediction

_DESCRIPTION = """\
Learn from past posts how a post may do. `fit` learns and writes a model;
`evaluate` goes through later posts in the order of time, predicts each before
its outcome is known (a day after it was published) and says how well that
went; `explain` predicts posts and says why."""

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
            command.add_argument("--limit", type=_whole(1), default=10, metavar="N", help="most posts (default 10)")
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
        hint = getattr(error, "hint", "")
        print(f"postopt predict {args.action}: {error}" + (f"\n{hint}" if hint else ""), file=sys.stderr)
        return 2
    return 0


def _fit(args: argparse.Namespace) -> None:
    from postopt.engagement import EngagementPredictor  # noqa: PLC0415 - it loads numpy

    posts = list(read_posts_of(args))
    predictor = EngagementPredictor(seed=args.seed).fit(posts)
    predictor.save(args.out)
    pages = len({post.get("page") for post in posts})
    if args.json:
        print(json.dumps({"posts": len(posts), "pages": pages, "model": str(args.out)}))
    else:
        print(f"Learned from {len(posts):,} posts of {pages:,} pages; the model is in {args.out}.")


def _evaluate(args: argparse.Namespace) -> None:
    evaluation = _load(args.model).evaluate(read_posts_of(args))
    if args.plot is not None:
        from postopt.engagement.evaluating.matplotlib import draw  # noqa: PLC0415 - needs an optional library

        draw(evaluation).savefig(args.plot)
    print(json.dumps(evaluation.to_dict(), indent=2) if args.json else evaluation)


def _explain(args: argparse.Namespace) -> None:
    posts = list(islice(read_posts_of(args), args.limit))
    predictor = _load(args.model)
    predictions = [predictor.predict(post) for post in posts]
    if args.json:
        for post, prediction in zip(posts, predictions, strict=True):
            print(json.dumps({"id": post["id"], **_record(prediction)}))
        return
    head = ("post", "median", "interval", "above the page's usual", "why")
    rows = [(str(post["id"]), *_cells(prediction)) for post, prediction in zip(posts, predictions, strict=True)]
    print(table([head, *rows]))
    if predictions:
        said = predictions[0]
        recent = said.coverage_recent
        lately = "" if math.isnan(recent) else f"; lately {recent:.0%} did"
        print(f"\nOf 100 outcomes, {100 * said.coverage_target:.0f} are to lie within their intervals{lately}.")
        print("Reasons are associations: they do not say what a change of the text would do.")


def _load(folder: Path) -> EngagementPredictor:
    from postopt.engagement import EngagementPredictor  # noqa: PLC0415 - it loads numpy

    return EngagementPredictor.load(folder)


def _record(prediction: Prediction) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(prediction).items()
    }


def _cells(prediction: Prediction) -> tuple[str, ...]:
    interval = f"{prediction.low:,.0f} to {prediction.high:,.0f}"
    known = any(reason.startswith(prediction.basis) for reason in prediction.reasons)
    further = (
        *(() if known else (prediction.basis,)),
        *(() if prediction.in_range else ("unlike what was learned from",)),
    )
    why = "; ".join((*prediction.reasons, *further))
    return f"{prediction.median:,.0f}", interval, f"{prediction.p_above_baseline:.0%}", why
