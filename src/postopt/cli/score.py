"""`postopt score`: what is right and wrong with posts that are written already."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from postopt.backends.json import JSON
from postopt.cli.layout import printable
from postopt.cli.posts import add_post_options, read_posts_of
from postopt.errors import BriefError, PostDataError
from postopt.judgement import QualityReport
from postopt.types import PLATFORMS, Brief

_DESCRIPTION = """\
Say what is right and wrong with posts: what their platform's rules, their
brief and their language have against them, axis by axis. There is no total
score: what forbids publishing a post is called a hard failure."""

_EPILOG = """\
example:
  postopt write --topic "Sourdough weekend" --json > posts.jsonl
  postopt score posts.jsonl --platform facebook_ad

exit status: 0 all posts may be published; 1 some may not; 2 the arguments or
files cannot be used."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `score`."""
    parser = subparsers.add_parser(
        "score",
        help="say what is right and wrong with posts",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_post_options(parser, outcome=False)
    parser.add_argument("--brief", type=Path, metavar="FILE.json", help="the brief of all of them, as one JSON object")
    parser.add_argument(
        "--platform", choices=PLATFORMS, metavar="NAME", help=f"one of {', '.join(PLATFORMS)} (default: the brief's)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a post")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print a report for each post; return 0, 1 with a hard failure, or 2 if something cannot be read."""
    fit = True
    try:
        for post, report in _reports(args):
            fit = fit and report.fit
            print(json.dumps({"id": post["id"], **_record(report)}) if args.json else _page(post, report))
    except (PostDataError, BriefError, OSError, ValueError) as error:
        print(f"postopt score: {error}", file=sys.stderr)
        return 2
    return 0 if fit else 1


def _reports(args: argparse.Namespace) -> Iterator[tuple[Mapping[str, Any], QualityReport]]:
    from postopt.quality import QualityScorer  # noqa: PLC0415 - only where it is needed
    from postopt.quality.platform import profile  # noqa: PLC0415

    brief = None if args.brief is None else Brief.from_mapping(JSON.loads(args.brief.read_bytes()))
    scorer = QualityScorer(profile=None if args.platform is None else profile(args.platform))
    for post in read_posts_of(args):
        yield post, scorer.score(post["text"], brief, language=post.get("language") or None)


def _page(post: Mapping[str, Any], report: QualityReport) -> str:
    from postopt.quality.display import table  # noqa: PLC0415

    verdict = "may be published" if report.fit else "may not be published"
    shown = printable(table(report, post["text"]))
    return f"── {printable(str(post['id']))}: {verdict}\n\n{shown}\n"


def _record(report: QualityReport) -> dict[str, object]:
    return {
        "fit": report.fit,
        "axes": {name: {"value": axis.value, "says": axis.says} for name, axis in report.axes.items()},
        "findings": [asdict(finding) for finding in report.findings],
        "acceptance": report.acceptance,
        "calibration": report.calibration,
    }
