"""13. Time, randomness and measurements come in as arguments; a seed replays a run byte for byte; no test sleeps."""

from __future__ import annotations

import asyncio

from postopt import Brief
from postopt.generation.templates import TemplateGenerator
from postopt.testing import FaultPlan, ScriptedClock
from postopt.writer import PostWriter

CLOCKS = {
    *(f"time.{clock}{unit}" for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time")
      for unit in ("", "_ns")),
    *(f"datetime.{call}" for call in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")),
}  # fmt: skip
# Where reading a clock is the job itself: the engine times backends, and ends a process that takes too long.
READS_A_CLOCK = {
    "engine/probe.py": {"time.monotonic"},
    "engine/process.py": {"time.monotonic"},
    "engine/progress.py": {"time.monotonic"},
    "engine/worker.py": {"time.perf_counter", "time.process_time"},
}
CHANCE = ("random.", "numpy.random.", "secrets.", "uuid.uuid", "os.urandom")
# Names that nobody else may have: what they are decides nothing, and each can be passed in.
UNIQUE = {
    ("experiments/storefile.py", "secrets.token_bytes"),
    ("generation/choosing.py", "secrets.token_hex"),
    ("selection/choice.py", "secrets.token_hex"),
}
SEEDED = {"random.Random", "numpy.random.default_rng"}
SLEEPS = {"time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep"}


def test_no_clock_is_read_that_was_not_passed_in(package):
    read = {module.path: {name for name, _ in module.calls()} & CLOCKS for module in package}
    assert {path: names for path, names in read.items() if names} == READS_A_CLOCK


def test_no_chance_is_taken_without_a_seed(package):
    found = [
        f"{module.path}:{call.lineno} {name}"
        for module in package
        for name, call in module.calls()
        if name.startswith(CHANCE)
        and not (name in SEEDED and (call.args or call.keywords))
        and (module.path, name) not in UNIQUE
    ]
    assert found == []


def test_no_test_sleeps(tests):
    """`asyncio.sleep(0)` yields to the loop and waits for nothing."""
    found = [
        f"{module.path}:{call.lineno} {name}"
        for module in tests
        for name, call in module.calls()
        if name in SLEEPS and [getattr(argument, "value", None) for argument in call.args[:1]] != [0]
    ]
    assert found == []


def test_a_seed_replays_a_run():
    def run(seed):
        clock = ScriptedClock(100.0)
        faulty = FaultPlan.drawn(TemplateGenerator(seed=seed), seed=seed, calls=8, error=0.2, garbage=0.2)
        writer = PostWriter(faulty, clock=clock, wall_clock=clock, concurrency=1)
        brief = Brief(topic="our new bakery", facts={"price": "3.50"})
        posts = asyncio.run(writer.write(brief, n=8))
        return list(posts), posts.rejections

    assert run(1) == run(1)
    assert run(1) != run(2)
