"""`postopt bench cache`: how good an eviction policy is on your own requests."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from postopt.caching.replay.compare import Comparison, compare
from postopt.caching.replay.trace import Trace, read_tokens, read_trace
from postopt.cli.refusal import refuse
from postopt.errors import CacheValueError

OURS = "density"
CLAIRVOYANT = "(knows the future)"

_DESCRIPTION = """\
Replay recorded requests through each eviction policy, and show how near it
comes to one that knows the future. A trace is CSV with a header and a column
"key", plain or compressed (.xz, .gz), one request a line. Columns "weight"
(bytes) and "cost" are used if they are there."""

_EPILOG = """\
example:
  postopt bench cache --trace requests.csv.xz --sizes 0.01,0.1

rows:
  density               the policy of a MemoryStore, unless told otherwise
  GDSF, all history     remembers how often all was asked for that has left
  W-TinyLFU, 1 %        with a window of 1 %; the other one lets it grow
  (knows the future)    the most hits that there can be; of the cost saved, the
                        usual measure, which a policy may exceed

With --tokens, keys get weights and costs as of texts from language models, and
what counts is the cost saved."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `bench` with its sub-commands."""
    parser = subparsers.add_parser("bench", help="measure on your own data", description="Measure on your own data.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
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
        return refuse("bench cache", error)
    if tokens:
        traces = [trace.with_tokens(tokens, seed=args.seed) for trace in traces]
    results = [(trace, list(_comparisons(trace, args.sizes, quiet=args.json))) for trace in traces]
    if args.json:
        print(json.dumps({"traces": [_as_json(*result) for result in results]}, indent=2))
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
        raise argparse.ArgumentTypeError(
            f"{text!r} are no shares; numbers above 0 and up to 1 with commas between are needed"
        )
    return sizes


def _comparisons(trace: Trace, sizes: Sequence[float], *, quiet: bool) -> Iterator[Comparison]:
    if not quiet:
        print(f"{trace.name}: {len(trace.keys):,} requests of {len(trace.weights):,} keys\n", flush=True)
    for size in sizes:
        comparison = compare(trace, size)
        if not quiet:
            print(_table(trace, comparison), flush=True)
        yield comparison


def _asked(trace: Trace) -> tuple[str, float]:
    """Return what counts, and how much of it a cache would reach that had everything from the start."""
    if trace.is_uniform:
        return "hits", float(len(trace.keys))
    return "cost saved", sum(trace.costs[key] for key in trace.keys)


def _table(trace: Trace, comparison: Comparison) -> str:
    gain, everything = _asked(trace)
    unit, whole = ("entries", "of the keys") if trace.is_uniform else ("bytes", "of what all keys weigh")
    lines = [
        f"  room for {comparison.capacity:,} {unit}, {_percent(comparison.size)} {whole}",
        f"  {'policy':20}{gain:>12}{'of the best':>14}",
    ]
    reached = comparison.reached | {CLAIRVOYANT: comparison.best}
    shares = comparison.shares()
    lines += [
        f"  {name:20}{reached[name] / everything:>12.1%}{shares.get(name, 1.0):>14.3f}"
        for name in (*sorted(shares, key=lambda name: -shares[name]), CLAIRVOYANT)
    ]
    return "\n".join((*lines, ""))


def _as_json(trace: Trace, comparisons: Sequence[Comparison]) -> dict[str, object]:
    gain, everything = _asked(trace)
    return {
        "trace": trace.name,
        "requests": len(trace.keys),
        "keys": len(trace.weights),
        "counted": gain,
        "everything": everything,
        "sizes": [asdict(comparison) for comparison in comparisons],
    }


def _summary(size: float, comparisons: Sequence[Comparison]) -> str:
    shares = [comparison.shares() for comparison in comparisons]
    # ARC and W-TinyLFU are left out where keys differ.
    names = [name for name in shares[0] if all(name in share for share in shares)]
    means = {name: fmean(share[name] for share in shares) for name in names}
    others = [max(value for name, value in share.items() if name != OURS) for share in shares]
    worst = min(_over_lru(comparison) for comparison in comparisons)
    lines = [f"mean of {len(comparisons)} traces, room for {_percent(size)}", f"  {'policy':20}{'of the best':>14}"]
    lines += [f"  {name:20}{means[name]:>14.3f}" for name in sorted(means, key=lambda name: -means[name])]
    lines.append(f"  {'best other of each':20}{fmean(others):>14.3f}")
    lines.append(f"  {OURS} against LRU, where it does worst: {worst:+.1%}\n")
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _over_lru(comparison: Comparison) -> float:
    ours, lru = comparison.reached[OURS], comparison.reached["LRU"]
    return ours / lru - 1 if lru else math.inf if ours else 0.0
