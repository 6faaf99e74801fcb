"""Which of a few functions is fastest, decided in milliseconds on a machine that is not quiet.

Timing one after another ("timeit", then compare) is wrong often, and more samples do not help: what disturbs a
measurement (another process, a change of clock speed) lasts longer than one contender's turn and so hits one of
them only. Here contenders take turns:

1. In each round every contender still in the race runs one burst, of about 100 us and at least one call, in an
   order shuffled anew. Whatever lasts longer than a round disturbs all of them alike.
2. Who is clearly slower leaves early, so that time is spent where the decision is close: after 3 rounds whoever
   took twice as long as the leader, best burst against best burst; from 5 rounds on by a sign test against the
   leader, round by round.
3. A contender's cost is the mean of the fastest third of its bursts. Disturbances only ever add time, so the fast
   end repeats best; a third of them, because a single fastest burst repeats less well than several.
4. Costs that differ by less than the tie count as equal, and the order given decides: the same machine gives the
   same answer twice. The sign test knows this: who precedes the leader leaves only if it is slower by more than
   the tie, who follows it leaves unless it is faster by more than the tie.

Both the wall clock and the processor time of the whole process are kept. Processor time decides, because a
neighbour on the same core does not lengthen it, unless the clocks disagree by more than half in the typical burst
of any contender: then it runs threads of its own, waits for something, or the processor clock is too coarse, and
the wall clock decides for all.

The thresholds, what else was tried, and how often the pick is wrong: docs/design/0003-race.md.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import NamedTuple

from postopt.clock import Clock
from postopt.engine.records import Cell, Timing


@dataclass(frozen=True, slots=True)
class Rules:
    """When a race ends.

    Attributes:
        burst_seconds: how long one burst takes, unless a single call takes longer.
        hopeless_rounds: rounds after which contenders leave whose fastest burst took `hopeless` times the leader's.
        hopeless: that multiple.
        sign_rounds: rounds from which the sign test may send contenders away.
        alpha: its level, one-sided.
        settle_rounds: rounds after which the race ends if all left are within 1.05 of each other.
        shown_rounds: rounds the winner runs at least, so that its spread can be reported.
        most_rounds: rounds after which the race ends in any case.
        most_seconds: wall time after which no further round starts, once three are done.
    """

    burst_seconds: float = 100e-6
    hopeless_rounds: int = 3
    hopeless: float = 2.0
    sign_rounds: int = 5
    alpha: float = 0.04
    settle_rounds: int = 15
    shown_rounds: int = 7
    most_rounds: int = 31
    most_seconds: float = 0.25


MEASURE = Rules()
PATIENT = Rules(sign_rounds=9, alpha=0.005, settle_rounds=45, shown_rounds=31, most_rounds=151, most_seconds=2.0)

TIE = 0.04
"""Relative difference below which costs count as equal: 5 %, less what an estimate of a few bursts may be off."""

_EQUAL = 0.05
_DISAGREE = 1.5


class Outcome(NamedTuple):
    """Everybody's bursts, in seconds per call, and the name of the winner."""

    timings: dict[str, Timing]
    winner: str


class _Burst(NamedTuple):
    wall: float
    cpu: float


def race(
    functions: Mapping[str, Callable[[], object]],
    *,
    order: Sequence[str],
    clock: Clock,
    cpu_clock: Clock,
    rng: random.Random,
    rules: Rules = MEASURE,
) -> Outcome:
    """Time the functions against each other and return all bursts with the winner.

    The garbage collector is off meanwhile, so that none of them pays for another's garbage. Whatever a function
    raises is passed on.

    Args:
        functions: what to call, by name; at least one.
        order: the same names, whoever wins a tie first.
        clock: wall time in seconds, monotonic.
        cpu_clock: processor time of this process in seconds.
        rng: shuffles each round.
        rules: when to stop.
    """
    bursts: dict[str, list[_Burst]] = {name: [] for name in order}
    running = list(order)
    collecting = gc.isenabled()
    gc.disable()
    try:
        calls = {name: _calls(functions[name], clock, rules.burst_seconds) for name in order}
        start = clock()
        for rounds in range(1, rules.most_rounds + 1):
            for name in rng.sample(running, len(running)):
                bursts[name].append(_burst(functions[name], calls[name], clock, cpu_clock))
            running = _survivors(_costs_by_round(bursts, running), running, rules)
            if rounds >= rules.shown_rounds and _decided(_costs_by_round(bursts, running), running, rules):
                break
            if rounds >= rules.hopeless_rounds and clock() - start > rules.most_seconds:
                break
    finally:
        if collecting:
            gc.enable()
    timings = {
        name: Timing(tuple(b.wall for b in series), tuple(b.cpu for b in series)) for name, series in bursts.items()
    }
    return Outcome(timings, pick(timings, order))


def winner(cell: Cell, timings: Mapping[str, Timing], order: Sequence[str]) -> str:
    """Return who wins the cell: the fastest; for the goal "size" the fastest of those with the smallest output."""
    if cell.goal != "size":
        return pick(timings, order)
    near = smallest({name: timings[name].bytes_out for name in order})
    return pick({name: timings[name] for name in near}, near)


def smallest(sizes: Mapping[str, float]) -> list[str]:
    """Return the names whose output, in bytes, is within 5 % of the smallest."""
    limit = min(sizes.values(), default=0) * (1 + _EQUAL)
    return [name for name, size in sizes.items() if size <= limit]


def pick(timings: Mapping[str, Timing], order: Sequence[str]) -> str:
    """Return the first name in `order` whose cost is within the tie of the least cost."""
    seconds = costs(timings)
    limit = min(seconds.values()) * (1 + TIE)
    return next(name for name in order if seconds[name] <= limit)


def costs(timings: Mapping[str, Timing]) -> dict[str, float]:
    """Return everybody's cost in seconds per call, comparable also for those who left early.

    All start together, so a series of n bursts belongs to the first n rounds: it is compared with the leader's
    first n, and given on the scale of the leader's whole series.
    """
    series = deciding_bursts(timings)
    most = max(len(bursts) for bursts in series.values())
    leader = min((bursts for bursts in series.values() if len(bursts) == most), key=cost)
    return {name: cost(bursts) * cost(leader) / cost(leader[: len(bursts)]) for name, bursts in series.items()}


def deciding_bursts(timings: Mapping[str, Timing]) -> dict[str, tuple[float, ...]]:
    """Return the bursts by the clock that decides: processor time, or wall time where the two disagree."""
    if any(_clocks_disagree(timing) for timing in timings.values()):
        return {name: timing.wall for name, timing in timings.items()}
    return {name: timing.cpu for name, timing in timings.items()}


def cost(bursts: Sequence[float]) -> float:
    """Return the mean of the fastest third of the bursts, in their unit."""
    fastest = sorted(bursts)[: max(1, len(bursts) // 3)]
    return math.fsum(fastest) / len(fastest)


def _clocks_disagree(timing: Timing) -> bool:
    shares = [cpu / wall for cpu, wall in zip(timing.cpu, timing.wall, strict=True) if wall > 0]
    # A single burst of no processor time at all shows a clock too coarse for any of them.
    return bool(shares) and (min(shares) <= 0 or not 1 / _DISAGREE <= statistics.median(shares) <= _DISAGREE)


def _costs_by_round(bursts: Mapping[str, Sequence[_Burst]], names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    return deciding_bursts(
        {name: Timing(tuple(b.wall for b in bursts[name]), tuple(b.cpu for b in bursts[name])) for name in names}
    )


def _survivors(series: Mapping[str, Sequence[float]], running: Sequence[str], rules: Rules) -> list[str]:
    """Return who stays in the race, in the same order; the leader always does.

    Args:
        series: seconds per call of each runner, one entry a round, all of the same length.
        running: the runners, whoever wins a tie first.
        rules: when somebody leaves.
    """
    leader = _leader(series, running)
    rounds = len(series[leader])
    lead = running.index(leader)
    staying = []
    for position, name in enumerate(running):
        allowed = 1 + TIE if position < lead else 1 / (1 + TIE)
        if name != leader and rounds >= rules.hopeless_rounds:
            if min(series[name]) > rules.hopeless * min(series[leader]):
                continue
            slower = _rounds_above(series[name], series[leader], allowed)
            if rounds >= rules.sign_rounds and _sign_test(slower, rounds) <= rules.alpha:
                continue
        staying.append(name)
    return staying


def _decided(series: Mapping[str, Sequence[float]], running: Sequence[str], rules: Rules) -> bool:
    """Whether another round would hardly change the pick."""
    leader = _leader(series, running)
    rounds = len(series[leader])
    costs = [cost(series[name]) for name in running]
    if rounds >= rules.settle_rounds and max(costs) <= min(costs) * (1 + _EQUAL):
        return True
    # Whoever precedes the leader is surely within the tie, and nobody is left that would have to beat it.
    return running[-1] == leader and all(
        _sign_test(rounds - _rounds_above(series[name], series[leader], 1 + TIE), rounds) <= rules.alpha
        for name in running[:-1]
    )


def _leader(series: Mapping[str, Sequence[float]], running: Sequence[str]) -> str:
    return min(running, key=lambda name: cost(series[name]))


def _rounds_above(series: Sequence[float], other: Sequence[float], factor: float) -> int:
    return sum(a > factor * b for a, b in zip(series, other, strict=True))


@cache
def _sign_test(successes: int, n: int) -> float:
    """Return the chance of at least as many heads in `n` throws of a fair coin."""
    return float(sum(math.comb(n, k) for k in range(successes, n + 1)) / 2**n)


def _calls(function: Callable[[], object], clock: Clock, burst_seconds: float) -> int:
    """Return how many calls fill a burst, after one call that is not timed (caches, lazy set-up)."""
    function()
    calls = 1
    while True:
        start = clock()
        for _ in repeat(None, calls):
            function()
        elapsed = clock() - start
        if elapsed >= burst_seconds / 4:
            return max(1, round(calls * burst_seconds / elapsed))
        calls *= 2


def _burst(function: Callable[[], object], calls: int, clock: Clock, cpu_clock: Clock) -> _Burst:
    cpu = cpu_clock()
    wall = clock()
    for _ in repeat(None, calls):
        function()
    wall = clock() - wall
    return _Burst(wall / calls, (cpu_clock() - cpu) / calls)
