"""`postopt score`: what is right and wrong with posts that are written already."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postopt.backends.json import JSON
from postopt.cli.layout import columns, printable
from postopt.cli.posts import add_post_options, read_posts_of
from postopt.cli.refusal import refuse
from postopt.errors import BriefError, PostDataError
from postopt.judgement import QualityReport
from postopt.types import PLATFORMS, Brief

if TYPE_CHECKING:
    from postopt.quality import QualityScorer

_DESCRIPTION = """\
Say what is right and wrong with posts: what their platform's rules, their
brief and their language have against them, axis by axis. There is no total
score: what forbids publishing a post is called a hard failure."""

_EPILOG = """\
example:
  postopt write --topic "Sourdough weekend" --json > posts.jsonl
  postopt score posts.jsonl --platform facebook_ad

exit status: 0 all posts may be published; 1 some may not; 2 the arguments,
files or some posts cannot be used: the others were scored all the same."""


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
    from postopt.quality import QualityScorer  # noqa: PLC0415 - only where it is needed
    from postopt.quality.platform import profile  # noqa: PLC0415

    try:
        brief = None if args.brief is None else _brief(args.brief)
        scorer = QualityScorer(profile=None if args.platform is None else profile(args.platform))
        scored = _Scored(args, scorer, brief)
        for post in read_posts_of(args, on_fault=scored.leave_out):
            scored.add(post)
    except (PostDataError, OSError, ValueError) as error:
        return refuse("score", error)
    scored.end()
    return 2 if scored.unreadable else 1 if scored.unfit else 0


class _Scored:
    """Prints what is said of each post, and counts."""

    def __init__(self, args: argparse.Namespace, scorer: QualityScorer, brief: Brief | None) -> None:
        self._args = args
        self._scorer = scorer
        self._brief = brief
        self.fit = self.unfit = self.unreadable = 0

    def add(self, post: Mapping[str, Any]) -> None:
        """Score one post."""
        report = self._scorer.score(post["text"], self._brief, language=post.get("language") or None)
        self.fit += report.fit
        self.unfit += not report.fit
        print(json.dumps({"id": post["id"], **_record(report)}) if self._args.json else _page(post, report))

    def leave_out(self, name: str, error: PostDataError) -> None:
        """Say what is wrong with a row that holds no post."""
        self.unreadable += 1
        if self._args.json:
            print(json.dumps({"id": name, "error": str(error)}))
        else:
            refuse("score", error)

    def end(self) -> None:
        """Say how many there were of each kind, or that there were none."""
        n = self.fit + self.unfit + self.unreadable
        if not n:
            print(f"postopt score: no posts in {self._args.file}", file=sys.stderr)
        elif not self._args.json:
            unreadable = f", {self.unreadable:,} unreadable" if self.unreadable else ""
            print(
                f"{n:,} post{'' if n == 1 else 's'}: {self.fit:,} may be published, {self.unfit:,} may not{unreadable}"
            )


def _brief(path: Path) -> Brief:
    try:
        return Brief.from_mapping(JSON.loads(path.read_bytes()))
    except BriefError as error:
        raise PostDataError(f"{path}: {error}") from error
    except ValueError as error:
        raise PostDataError(f"{path} is not JSON: {error}") from error


def _page(post: Mapping[str, Any], report: QualityReport) -> str:
    from postopt.quality.display import table  # noqa: PLC0415 - only where it is needed

    title = f"── {printable(str(post['id']))}: {'may be published' if report.fit else 'may not be published'}"
    if not report.findings:
        return f"{title}, nothing found"
    return f"{title}\n\n{printable(table(report, post['text'], width=columns()))}\n"


def _record(report: QualityReport) -> dict[str, object]:
    return {
        "fit": report.fit,
        "axes": {name: {"value": axis.value, "says": axis.says} for name, axis in report.axes.items()},
        "findings": [asdict(finding) for finding in report.findings],
        "acceptance": report.acceptance,
        "calibration": report.calibration,
    }
