"""`postopt learn`: what a policy would have earned in your own past tests."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from postopt.cli.refusal import refuse
from postopt.errors import MissingDependencyError, ReplayError

if TYPE_CHECKING:
    from postopt.experiments.replay import ReplayReport

POLICIES = ("uniform", "thompson", "top-two", "hierarchical", "sharpened", "explore-then-commit", "earn")
"""Those of `experiments.bandit`, said here so that other commands need not load numpy."""

_DESCRIPTION = """\
Replay past tests: what would each policy have earned in them? The first part
of the tests teaches what tests are like (how far arms differ, which wording
does better), the rest is replayed in worlds drawn around what was measured.

FILE is CSV with a header, plain or compressed (.xz, .gz), and one arm a line:
test_id, headline (or text), impressions, clicks; test_week and
randomization_risk are used if they are there."""

_EPILOG = """\
example:
  postopt learn replay tests.csv.gz --policy thompson earn --late

A gain share of .60 means: 60 % of the extra clicks that somebody would have won
over an even split who knew the best arm from the start. Worlds are stationary
and drawn from a model, so absolute lifts are upper bounds; ranks should hold."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `learn` with its sub-commands."""
    parser = subparsers.add_parser("learn", help="learn from past tests", description="Learn from past tests.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "replay",
        help="compare policies on tests that were measured",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the tests")
    command.add_argument(
        "--policy",
        nargs="+",
        choices=POLICIES,
        default=["uniform", "thompson", "earn"],
        metavar="NAME",
        help=f"one or more of {', '.join(POLICIES)} (default: uniform thompson earn)",
    )
    command.add_argument("--worlds", type=int, default=3, metavar="N", help="worlds for each test (default 3)")
    command.add_argument("--late", action="store_true", help="batches of 1,000, each known one batch late")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="decides split and worlds (default 0)")
    command.add_argument("--plot", type=Path, metavar="FILE.png", help="write a picture of it, too")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print how each policy does; return 0, or 2 if the file is nothing that can be replayed."""
    # Here, because it loads numpy, which no other command needs at its start.
    from postopt.experiments.replay import CAVEAT, replay  # noqa: PLC0415
    from postopt.experiments.replaytests import read_tests  # noqa: PLC0415

    batch, late = (1000, 1) if args.late else (200, 0)
    try:
        tests = read_tests(args.file)
        reports = [
            replay(tests, policy, worlds=args.worlds, batch=batch, late=late, seed=args.seed)
            for policy in dict.fromkeys(args.policy)
        ]
        if args.plot is not None:
            from postopt.experiments.matplotlib import draw_replay  # noqa: PLC0415 - needs an optional library

            draw_replay(reports).savefig(args.plot)
    except (ReplayError, MissingDependencyError, OSError, ValueError) as error:
        return refuse("learn replay", error)
    if args.json:
        print(json.dumps([report.to_dict() for report in reports], indent=2))
    else:
        print(f"{_text(reports)}\n{CAVEAT}")
    return 0


def _text(reports: Sequence[ReplayReport]) -> str:
    first = reports[0]
    late = f", known {first.late} batch late" if first.late else ""
    lines = [
        f"{first.tests:,} tests replayed in {first.worlds} worlds each, with priors from {first.past:,} other tests;",
        f"batches of {first.batch:,} units{late}, {first.floor:.0%} of them spread evenly;",
        f"worlds of concentration {first.kappa:,.0f}.",
        "",
        (
            f"{'policy':20}  {'gain share':>15}  {'where arms differ':>17}  {'clicks':>7}  "
            f"{'names best':>10}  {'regret':>6}"
        ),
    ]
    lines += [
        f"{report.policy[:20]:20}  {report.gain_share:6.3f} +- {report.error:5.3f}  {report.real_gain_share:17.3f}  "
        f"{report.extra:+7.1%}  {report.names_best:10.0%}  {report.regret:6.1%}"
        for report in reports
    ]
    lines += [
        "",
        "Gain share: extra clicks over even shares, as a share of what the best arm would bring (+- standard error).",
        f"Where arms differ: the same of the {first.real_tests:,} tests whose arms differ truly (chi-square, 5 % FDR).",
        "Regret: by how much less than the best the arm earns that is named best in the end.",
    ]
    return "\n".join(lines)
