"""`postopt doctor`: what is installed here, what the engine chooses, how good that is, and what would be better."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from postopt.cli.refusal import refuse
from postopt.engine import OptimizedEngine
from postopt.engine.catalog import ROLES
from postopt.engine.overrides import all_candidates
from postopt.engine.report import wrapped
from postopt.engine.sweep import sweep
from postopt.engine.wisdom import Wisdom, locate
from postopt.errors import BackendError, WisdomError

if TYPE_CHECKING:
    from postopt.engine import EngineReport


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `doctor`."""
    parser = subparsers.add_parser(
        "doctor",
        help="show what is installed, which backends are chosen and why",
        description="Show what is installed, which backends the engine chooses and why. Without --measure nothing is "
        "measured: only what earlier runs kept is shown. Environment variables (POSTOPT_JSON=orjson, "
        "POSTOPT_WISDOM=off) count as they do for a program.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--measure", action="store_true", help="measure what is not known yet, and keep it")
    parser.add_argument(
        "--calls-per-second", type=float, metavar="N", help="how often you call a role, to judge what is worth it"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the diagnosis; return 0, or 1 if an explicit choice in the environment cannot be honoured."""
    try:
        engine = OptimizedEngine(rigor="measure" if args.measure else "wisdom_only")
        report = _report(engine, args)
    except BackendError as error:
        return refuse("doctor", error, status=1)
    facts = _facts(engine)
    if args.json:
        print(json.dumps({**facts, **report.to_dict(), "notes": list(report.notes)}, indent=2))
    else:
        print(_text(facts, report, measured=args.measure))
    return 0


def _report(engine: OptimizedEngine, args: argparse.Namespace) -> EngineReport:
    if not args.measure:
        for role in ROLES:
            try:
                engine.prepare([role])
            except WisdomError:  # not measured yet: the report says so by leaving it out
                continue
    return engine.report(measure=args.measure, calls_per_second=args.calls_per_second)


def _facts(engine: OptimizedEngine) -> dict[str, Any]:
    wisdom = _wisdom()
    return {
        "versions": {
            "postopt": _postopt_version(),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "platform": platform.platform(),
        },
        "libraries": {
            verdict.library: verdict.version or verdict.state
            for verdict in sweep(all_candidates()).values()
            if verdict.library
        },
        "wisdom": {
            "path": str(wisdom.path) if wisdom else None,
            "exists": bool(wisdom and wisdom.path.exists()),
            "readonly": bool(wisdom and wisdom.readonly),
        },
        "device": asdict(engine.device),
    }


def _wisdom() -> Wisdom | None:
    try:
        return locate(os.environ.get("POSTOPT_WISDOM") or "default")
    except WisdomError:  # no home folder: the report's notes say so
        return None


def _postopt_version() -> str:
    try:
        return version("postopt")
    except PackageNotFoundError:  # run from a source tree
        return "(source tree)"


def _text(facts: dict[str, Any], report: EngineReport, *, measured: bool) -> str:
    versions, wisdom, device = facts["versions"], facts["wisdom"], facts["device"]
    libraries = (f"{name} {found}" for name, found in facts["libraries"].items() if found != "absent")
    kept = wisdom["path"] or "neither read nor kept"
    if wisdom["path"]:
        kept += (" (read-only)" if wisdom["readonly"] else "") + ("" if wisdom["exists"] else " (nothing kept yet)")
    place = f"{device['device']}, {device['dtype']}, batches of {device['batch_size']} ({device['reason']})"
    lines = [
        f"postopt {versions['postopt']}, {versions['python']}, {versions['platform']}",
        *wrapped(f"Libraries: {', '.join(libraries) or 'none'}", " " * 11),
        f"Wisdom: {kept}",
        *wrapped(f"Device: {place}", " " * 11),
    ]
    lines += ["", str(report)]
    if not measured and report.score.coverage < 1:
        lines += ["", "To measure what is missing, type: postopt doctor --measure"]
    return "\n".join(lines)
