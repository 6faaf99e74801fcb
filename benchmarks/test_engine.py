"""What the engine's measuring costs and how often its pick is wrong. Prints tables; asserts no time.

    python -m pytest benchmarks/test_engine.py -s -p no:randomly

Everything is measured on live functions, in this run: no recordings. Set POSTOPT_BENCH_TRIALS for more or fewer
repetitions (default 100 a cell).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.metadata
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from itertools import repeat
from pathlib import Path

import pytest

from postopt.engine import race
from postopt.engine.catalog import CATALOG, CELLS, contenders
from postopt.engine.payloads import complete
from postopt.engine.probe import examine
from postopt.engine.sweep import sweep
from postopt.engine.workload import work

TRIALS = int(os.environ.get("POSTOPT_BENCH_TRIALS", "100"))
ROUNDS_OF_TRUTH = 4  # after each trial, so that truth and trials see the same machine
EQUAL = 1.05
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def neighbour():
    """Spin on the core that this process is bound to meanwhile; where binding is impossible, spin on every core."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {min(before)})
    spin = [sys.executable, "-I", "-c", "while True: pass"]
    spinning = [subprocess.Popen(spin) for _ in range(1 if before else os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()
        if before:
            os.sched_setaffinity(0, before)


def backend_of(candidate):
    module, _, attribute = candidate.target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def contested():
    """The functions of each cell in which at least two light candidates work here."""
    verdicts = {(v.role, v.name): v for v in examine(CATALOG).verdicts}
    payloads = complete({})
    for cell in CELLS:
        racing = [c for c in contenders(cell) if verdicts[c.key].state == "working" and not c.heavy]
        works = {c.name: work(cell, backend_of(c), payloads) for c in racing}
        if cell.goal == "size":
            works = {name: works[name] for name in race.smallest({n: w.bytes_out for n, w in works.items()})}
        if len(works) > 1:
            yield cell, {name: w.run for name, w in works.items()}


def bursts(function, calls, n=1):
    """Return `n` bursts of `calls` calls, as (wall, processor) seconds per call."""
    taken = []
    for _ in range(n):
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in repeat(None, calls):
            function()
        taken.append(((time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls))
    return taken


def first_within(costs):
    least = min(costs.values())
    return next(name for name, cost in costs.items() if cost <= EQUAL * least)


def one_race(functions, seed):
    return race.race(
        functions,
        order=list(functions),
        clock=time.perf_counter,
        cpu_clock=time.process_time,
        rng=random.Random(seed),
    ).winner


def one_after_another(functions, calls, mean):
    return first_within({
        name: mean([wall for wall, _ in bursts(function, calls[name], 5)]) for name, function in functions.items()
    })  # fmt: skip


def trials(functions, seed):
    """Return each way's picks, and the long careful measurement they are judged by."""
    rng = random.Random(seed)
    for function in functions.values():
        function()
    calls = {name: max(1, round(100e-6 / min(w for w, _ in bursts(f, 1, 9)))) for name, f in functions.items()}
    picks = {"race": [], "one after another, mean of 5": [], "one after another, median of 5": []}
    truth = {name: [] for name in functions}
    milliseconds = []
    for trial in range(TRIALS):
        start = time.perf_counter()
        picks["race"].append(one_race(functions, seed + trial))
        milliseconds.append((time.perf_counter() - start) * 1e3)
        picks["one after another, mean of 5"].append(one_after_another(functions, calls, statistics.fmean))
        picks["one after another, median of 5"].append(one_after_another(functions, calls, statistics.median))
        for _ in range(ROUNDS_OF_TRUTH):
            for name in rng.sample(list(functions), len(functions)):
                truth[name] += bursts(functions[name], calls[name])
    gc.collect()
    costs = {name: statistics.median(cpu for _, cpu in series) for name, series in truth.items()}
    return picks, costs, statistics.median(milliseconds)


@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "busy neighbour"])
def test_wrong_picks(busy):
    print(f"\n\n{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs, ", end="")
    print(f"{'a process spins on the same core' if busy else 'no neighbour of ours'}, {TRIALS} trials a cell")
    wrong, slower, n, total = {}, {}, 0, 0.0
    with neighbour() if busy else contextlib.nullcontext():
        for index, (cell, functions) in enumerate(contested()):
            picks, costs, milliseconds = trials(functions, 1000 * index)
            right, least = first_within(costs), min(costs.values())
            ratios = ", ".join(f"{name} {cost / least:.3f}" for name, cost in costs.items())
            missed = sum(pick != right for pick in picks["race"])
            shown = f"{cell.role} {cell.goal} {cell.size}"
            print(f"  {shown:28} {milliseconds:6.2f} ms  wrong {missed:3}  {ratios}")
            for way, chosen in picks.items():
                wrong[way] = wrong.get(way, 0) + sum(pick != right for pick in chosen)
                slower[way] = slower.get(way, 0) + sum(costs[pick] > EQUAL * least for pick in chosen)
            n += TRIALS
            total += milliseconds
    print(f"  all contested cells: {total:.0f} ms")
    for way, count in wrong.items():
        print(f"  {way:32} wrong {count / n:7.2%}   more than 5 % slower {slower[way] / n:7.2%}   (n = {n})")
    assert n > 0


@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "busy neighbour"])
def test_whole_examination(busy):
    print(f"\n\nwhole examinations, {len(CELLS)} cells, each in a process of its own")
    winners, measuring, total = {}, [], []
    with neighbour() if busy else contextlib.nullcontext():
        for seed in range(11):
            start = time.perf_counter()
            result = examine(CATALOG, cells=CELLS, seed=seed)
            total.append((time.perf_counter() - start) * 1e3)
            measuring.append(result.measuring_seconds * 1e3)
            for found in result.races:
                winners.setdefault(found.cell, []).append(found.winner)
    print(f"  measuring {statistics.median(measuring):6.1f} ms [{min(measuring):.1f}, {max(measuring):.1f}]")
    print(f"  in all    {statistics.median(total):6.1f} ms [{min(total):.1f}, {max(total):.1f}]")
    same = [statistics.multimode(names)[0] for names in winners.values()]
    agree = sum(names.count(most) for names, most in zip(winners.values(), same, strict=True))
    print(f"  the same winner as in most of the other runs: {agree} of {11 * len(winners)}")
    for cell, names in winners.items():
        if len(set(names)) > 1:
            print(f"    {cell.role} {cell.goal} {cell.size}: { {name: names.count(name) for name in set(names)} }")
    assert set(winners) == set(CELLS)


def milliseconds_of(function, n=21):
    taken = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def test_sweep_and_probe():
    libraries = sorted({candidate.library for candidate in CATALOG if candidate.library})
    installed = [v.library for v in sweep(CATALOG).values() if v.state == "present"]
    distributions = len(list(importlib.metadata.distributions()))
    known = examine(CATALOG).verdicts
    bare = [sys.executable, "-I", "-c", "pass"]

    def find_specs():
        importlib.invalidate_caches()  # as in a process that has not looked yet
        return [importlib.machinery.PathFinder.find_spec(name) for name in libraries]

    rows = {
        "sweep": milliseconds_of(lambda: sweep(CATALOG)),
        "find_spec of each library": milliseconds_of(find_specs),
        "metadata.version of those installed": milliseconds_of(
            lambda: [importlib.metadata.version(name) for name in installed]
        ),
        "probe, nothing known": milliseconds_of(lambda: examine(CATALOG), 11),
        "probe, all known": milliseconds_of(lambda: examine(CATALOG, known=known), 11),
        "a bare interpreter": milliseconds_of(lambda: subprocess.run(bare, check=True), 11),
    }
    print(f"\n\n{len(libraries)} libraries, {len(installed)} installed, {distributions} distributions on the path")
    for what, milliseconds in rows.items():
        print(f"  {what:36} {milliseconds:8.3f} ms")
    assert installed


def test_dispatch():
    orjson = pytest.importorskip("orjson")
    from postopt.engine import OptimizedEngine

    engine = OptimizedEngine(wisdom=None, overrides={"json": "orjson"})
    value = {"a": 1}
    engine.json.dumps(value)

    def through_the_engine(n):
        for _ in repeat(None, n):
            engine.json.dumps(value)

    def directly(n):
        for _ in repeat(None, n):
            orjson.dumps(value)

    differences = []
    for _ in range(301):
        taken = {}
        for function in random.sample([through_the_engine, directly], 2):
            start = time.perf_counter_ns()
            function(1000)
            taken[function] = (time.perf_counter_ns() - start) / 1000
        differences.append(taken[through_the_engine] - taken[directly])
    low, _, high = statistics.quantiles(differences, n=4)
    print(
        f"\n\nengine.json.dumps over orjson.dumps: {statistics.median(differences):+.1f} ns [{low:+.1f}, {high:+.1f}]"
    )
    assert engine.json.name == "orjson"


def test_broken_installs():
    drill = ROOT / "tests" / "engine" / "test_broken_installs.py"
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:randomly", "-p", "no:cacheprovider", str(drill)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    print("\n\nbroken installs")
    for name, outcome in re.findall(r"::([^:\n]*?(?:\[[^\n]*\])?) (PASSED|FAILED|ERROR|SKIPPED)", done.stdout):
        print(f"  {outcome:8} {name}")
    print(f"  {done.stdout.splitlines()[-1]}")
    assert done.returncode == 0
