"""What a breaker costs over the bare call.

    python benchmarks/test_breaker.py

Bare: `function()` or `await function()` in a loop, of a function that does nothing, the worst case for whatever is
around it. Protected: the same through `call` and `acall`. Refused: calls of an open circuit, beside a bare function
that raises and whose error is caught. All of a group take turns in one process, in rounds so short that few are
interrupted by another process; each round gives one ratio to the bare call of that round, and the median of the ratios
is shown with its quartiles.

Metrics are always on. The rows differ in what the breaker has to know: by default failures in a row, then their share
too; the time of each call for slow ones; the time for a window of seconds; each result for a classifier.
"""

import asyncio
import platform
from statistics import median, quantiles
from time import perf_counter_ns

from postopt.errors import CircuitOpenError
from postopt.resilience.breaker import CircuitBreaker

CALLS = 300
ROUNDS = 700
BREAKERS = {
    "failures in a row": {},
    "and their share": {"failure_rate": 0.5},
    "and slow calls": {"failure_rate": 0.5, "slow_call_seconds": 10.0, "slow_rate": 0.5},
    "share in 60 seconds": {"failure_rate": 0.5, "window_seconds": 60.0},
    "a classifier": {"failure_rate": 0.5, "classify": lambda cause, _, __: "failure" if cause else "success"},
}


def nothing():
    pass


async def anothing():
    pass


def fails():
    raise ValueError("down")


async def afails():
    raise ValueError("down")


def run(function, *args):
    start = perf_counter_ns()
    for _ in range(CALLS):
        function(*args)
    return perf_counter_ns() - start


def run_failing(function, *args):
    start = perf_counter_ns()
    for _ in range(CALLS):
        try:
            function(*args)
        except (ValueError, CircuitOpenError):
            continue
    return perf_counter_ns() - start


async def arun(function, *args):
    start = perf_counter_ns()
    for _ in range(CALLS):
        await function(*args)
    return perf_counter_ns() - start


async def arun_failing(function, *args):
    start = perf_counter_ns()
    for _ in range(CALLS):
        try:
            await function(*args)
        except (ValueError, CircuitOpenError):
            continue
    return perf_counter_ns() - start


def opened(**settings):
    breaker = CircuitBreaker("provider", open_seconds=1e6, **settings)
    run_failing(breaker.call, fails)
    assert breaker.state == "open"
    return breaker


async def take_turns(way, bare, others):
    """Return the ratios to the bare call of each of the others, and the bare call's nanoseconds."""
    ratios = {name: [] for name in others}
    base = []
    for _ in range(ROUNDS):
        spent = await as_awaited(way(bare))
        base.append(spent / CALLS)
        for name, (function, args) in others.items():
            ratios[name].append(await as_awaited(way(function, *args)) / spent)
    return ratios, median(base)


async def as_awaited(spent):
    return await spent if asyncio.iscoroutine(spent) else spent


def show(title, ratios, base):
    for name, values in ratios.items():
        low, middle, high = quantiles(values, n=4)
        print(f"{title:10}{name:24}{middle:8.2f}{low:8.2f}-{high:.2f}{base:10.0f}")


def test_protected_and_refused_calls():
    breakers = {name: CircuitBreaker("provider", **settings) for name, settings in BREAKERS.items()}
    decorated = CircuitBreaker("provider", failure_rate=0.5)
    sync = {name: (breaker.call, (nothing,)) for name, breaker in breakers.items()}
    awaited = {name: (breaker.acall, (anothing,)) for name, breaker in breakers.items()}
    shut = opened(failure_rate=0.5)
    print(f"\nPython {platform.python_version()}, {ROUNDS} rounds of {CALLS} calls; ratio to the bare call")
    print(f"{'':10}{'the breaker knows':24}{'median':>8}{'quartiles':>14}{'bare ns':>9}")
    show("sync", *asyncio.run(take_turns(run, nothing, sync | {"share, decorated": (decorated(nothing), ())})))
    show("async", *asyncio.run(take_turns(arun, anothing, awaited | {"share, decorated": (decorated(anothing), ())})))
    show("sync", *asyncio.run(take_turns(run_failing, fails, {"refused": (shut.call, (fails,))})))
    show("async", *asyncio.run(take_turns(arun_failing, afails, {"refused": (shut.acall, (afails,))})))
    assert breakers["and their share"].metrics.success == 2 * ROUNDS * CALLS


if __name__ == "__main__":
    test_protected_and_refused_calls()
