"""`postopt experiments`: what the experiments in a store are about, how they stand, and what they say."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from postopt.cli.refusal import refuse
from postopt.cli.table import table
from postopt.errors import ExperimentError, MissingDependencyError, UnknownExperimentError
from postopt.experiments import Experiment, ExperimentStore

if TYPE_CHECKING:
    from postopt.experiments import Decision

_DESCRIPTION = """\
Look at the experiments in a store, as often as you like. A look does what a
look from a program does: what has become certain (a winner, a breached
guardrail) is written down, and stays so."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `experiments` with its sub-commands."""
    parser = subparsers.add_parser(
        "experiments",
        help="list, show or decide experiments",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="list|show|decide")
    for name, what in (
        ("list", "one line for each experiment"),
        ("show", "arms, counts and what can be said so far"),
        ("decide", "the verdict and its reasons; exit status 0 with a winner, 3 without one yet"),
    ):
        command = commands.add_parser(name, help=what, description=f"Print {what}.")
        command.add_argument("store", type=Path, metavar="STORE", help="file of an ExperimentStore")
        if name != "list":
            command.add_argument("name", metavar="NAME", help="name of the experiment")
            command.add_argument("--plot", type=Path, metavar="FILE.png", help="write a picture of it, too")
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Do what `args.action` says; return 0 (decide: 3 without a winner), or 2 if the store cannot be read."""
    try:
        if not args.store.is_file():
            raise UnknownExperimentError(f"there is no store {args.store}")  # opening it would make one
        with ExperimentStore(args.store) as store:
            if args.action == "list":
                return _list(store, as_json=args.json)
            return _show(Experiment.reopen(args.name, store=store), args)
    except (ExperimentError, MissingDependencyError, OSError, ValueError) as error:
        return refuse(f"experiments {args.action}", error)


def _list(store: ExperimentStore, *, as_json: bool) -> int:
    decisions = {name: Experiment.reopen(name, store=store).decide() for name in store.experiments()}
    if as_json:
        print(json.dumps({name: _record(decision) for name, decision in decisions.items()}, indent=2))
    elif not decisions:
        print("The store holds no experiment.")
    else:
        rows = [("experiment", "state", "winner", "lift", "n")]
        rows += [(name, *_cells(decision)) for name, decision in decisions.items()]
        print(table(rows))
    return 0


def _show(experiment: Experiment, args: argparse.Namespace) -> int:
    decision = experiment.decide()
    if args.plot is not None:
        experiment.plot().savefig(args.plot)
    if args.json:
        print(json.dumps(_record(decision), indent=2))
    else:
        print(decision if args.action == "decide" else f"{decision}\n\n{_arms(decision)}")
    return 0 if args.action == "show" or decision.winner is not None else 3


def _arms(decision: Decision) -> str:
    rows = [("arm", "status", "outcomes", "mean", "share", "against the control")]
    for arm in decision.arms:
        bounds = f"{arm.lift:+.1%} [{arm.interval.low:+.1%}, {arm.interval.high:+.1%}]"
        control = arm.arm == decision.arms[0].arm
        rows.append(
            (arm.arm, arm.status, f"{arm.n:,}", f"{arm.mean:.4g}", f"{arm.share:.1%}", "" if control else bounds)
        )
    return table(rows)


def _record(decision: Decision) -> dict[str, object]:
    interval = decision.interval
    lift, low, high = (
        number if math.isfinite(number) else None for number in (decision.lift, interval.low, interval.high)
    )
    return {
        "state": str(decision.state),
        "winner": None if decision.winner is None else str(decision.winner),
        "lift": lift,
        "interval": [low, high],
        "level": interval.level,
        "n": decision.n,
        "reasons": list(decision.reasons),
    }


def _cells(decision: Decision) -> tuple[str, str, str, str]:
    return str(decision.state), str(decision.winner or ""), f"{decision.lift:+.1%}", f"{decision.n:,}"
