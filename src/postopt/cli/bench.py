"""`postopt bench cache`: how good an eviction policy is on your own requests."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from postopt.caching.replay.compare import Comparison, compare
from postopt.caching.replay.trace import Trace, read_tokens, read_trace
from postopt.errors import CacheValueError

OURS = "density"

_DESCRIPTION = """\
Replay recorded requests through each eviction policy, and show how near it
comes to one that knows the future. A trace is CSV with a header and a column
"key", plain or compressed (.xz, .gz), one request a line."""

_EPILOG = """\
example:
  postopt bench cache --trace requests.csv.xz --sizes 0.01,0.1

With --tokens, keys get weights and costs as of texts from language models, and
what counts is the cost saved."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `bench` with its sub-commands."""
    parser = subparsers.add_parser("bench", help="measure on your own data", description="Measure on your own data.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="cache")
    cache = commands.add_parser(
        "cache",
        help="compare eviction policies on traces of requests",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cache.add_argument(
        "--trace", type=Path, required=True, nargs="+", metavar="FILE", help="one or more recordings of requests"
    )
    cache.add_argument(
        "--sizes",
        type=_sizes,
        default=(0.01, 0.1),
        metavar="SHARES",
        help="sizes of the cache, as shares of all keys or bytes (default: 0.01,0.1)",
    )
    cache.add_argument(
        "--tokens", type=Path, metavar="FILE", help='draw weights and costs from CSV with "in_tokens" and "out_tokens"'
    )
    cache.add_argument("--seed", type=int, default=0, metavar="N", help="decides which key draws which (default: 0)")
    cache.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables; return 0, or 2 if a file is nothing that can be replayed."""
    try:
        tokens = read_tokens(args.tokens) if args.tokens else None
        traces = [read_trace(path) for path in args.trace]
    except (CacheValueError, OSError) as error:
        print(f"postopt bench cache: {error}", file=sys.stderr)
        return 2
    if tokens:
        traces = [trace.with_tokens(tokens, seed=args.seed) for trace in traces]
    results = [(trace, [_compared(trace, size, quiet=args.json) for size in args.sizes]) for trace in traces]
    if args.json:
        print(json.dumps({trace.name: list(map(asdict, comparisons)) for trace, comparisons in results}, indent=2))
    elif len(traces) > 1:
        for number, size in enumerate(args.sizes):
            print(_summary(size, [comparisons[number] for _, comparisons in results]))
    return 0


def _sizes(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or not all(0 < size <= 1 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} are no shares; numbers up to 1 with commas between are needed")
    return sizes


def _compared(trace: Trace, size: float, *, quiet: bool) -> Comparison:
    comparison = compare(trace, size)
    if not quiet:
        print(_table(trace, comparison), flush=True)
    return comparison


def _table(trace: Trace, comparison: Comparison) -> str:
    requests = len(trace.keys)
    asked = f"{trace.name}: {requests:,} requests of {len(trace.weights):,} keys"
    if trace.is_uniform:
        room = f"{comparison.capacity:,} entries ({comparison.size:.3g} of the keys)"
        all_of_it, gain = float(requests), "hits"
    else:
        room = f"{comparison.capacity:,} bytes ({comparison.size:.3g} of all)"
        all_of_it, gain = sum(trace.costs[key] for key in trace.keys), "cost saved"
    best = f"{comparison.best / all_of_it:.1%}"
    lines = [f"{asked}, {room}", f"  {'policy':20}{gain:>12}{'of the best':>14}"]
    shares = comparison.shares()
    lines += [
        f"  {name:20}{comparison.reached[name] / all_of_it:>12.1%}{shares[name]:>14.3f}"
        for name in sorted(shares, key=lambda name: -shares[name])
    ]
    lines.append(f"  {'(knows the future)':20}{best:>12}{1:>14.3f}\n")
    return "\n".join(lines)


def _summary(size: float, comparisons: Sequence[Comparison]) -> str:
    shares = [comparison.shares() for comparison in comparisons]
    means = {name: fmean(share[name] for share in shares) for name in shares[0]}
    others = [max(value for name, value in share.items() if name != OURS) for share in shares]
    worst = min(_over_lru(comparison) for comparison in comparisons)
    lines = [f"mean of {len(comparisons)} traces at {size:.3g}", f"  {'policy':20}{'of the best':>14}"]
    lines += [f"  {name:20}{means[name]:>14.3f}" for name in sorted(means, key=lambda name: -means[name])]
    lines.append(f"  {'best other of each':20}{fmean(others):>14.3f}")
    lines.append(f"  {OURS} against LRU, where it does worst: {worst:+.1%}\n")
    return "\n".join(lines)


def _over_lru(comparison: Comparison) -> float:
    lru = comparison.reached["LRU"]
    return comparison.reached[OURS] / lru - 1 if lru else 0.0
