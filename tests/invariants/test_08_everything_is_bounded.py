"""8. Every queue, log, history and cache is bounded in items or bytes; a soak of 1e6 calls has a flat memory slope.

The soak is tests/caching/memory/test_endurance.py, the queues of events are in tests/events.
"""

from __future__ import annotations

import ast
from random import Random

import pytest

from postopt.caching import MemoryStore
from postopt.caching.eviction import GDSF, LFU, LRU, S3FIFO, Density
from postopt.testing import ScriptedClock

MOST_BYTES, MOST_ENTRIES = 50_000, 100

# Queues that nobody bounds where they are made, and what bounds them.
BOUNDED_ELSEWHERE = {
    "blocking.py:asked": "one turn at a time",
    "blocking.py:given": "one turn at a time",
    "caching/flights/guard.py:_overdue": "the objects that die while a lock is held",
    "caching/prefetching/forecasts.py:_queue": "the horizon, in requests",
    "caching/prefetching/ledger.py:_queue": "the horizon, in requests",
    "caching/prefetching/successors.py:_misses": "its capacity",
    "caching/remote/link.py:_outbox": "the calls that wait, each until its deadline",
    "caching/remote/wire.py:sent": "the calls that wait, each until its deadline",
    "engine/process.py:_lines": "the lines that one worker writes until it is ended",
    "events/inbox.py:queue": "the limit of the inbox",
    "resilience/bulkhead.py:_waiting": "its max_waiting",
    "scheduling/batching.py:_lanes": "its max_waiting",
    "scheduling/ordered.py:started": "the number of tasks that may run",
    "scheduling/priority.py:_awake": "the calls that wait, each until it is woken",
    "scheduling/priority.py:_gone": "the calls that wait, each until it is cancelled",
    "scheduling/priority.py:_late": "the calls that wait, each until its deadline",
    "scheduling/slots.py:free": "the number of slots",
}
QUEUES = {"collections.deque": "maxlen", "asyncio.Queue": "maxsize", "queue.Queue": "maxsize", "queue.SimpleQueue": ""}


def test_queues_have_a_limit_or_somebody_who_keeps_it(package):
    found = {
        f"{module.path}:{name_of(node)}"
        for module in package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and makes_endless(module, node.value)
    }
    assert found == set(BOUNDED_ELSEWHERE)


def makes_endless(module, value):
    """Whether an expression makes a queue without its limit."""
    calls = {name: {word.arg for word in call.keywords} for name, call in module.calls(value) if name in QUEUES}
    return any(QUEUES[name] not in words for name, words in calls.items())


def name_of(assignment):
    target = assignment.targets[0] if isinstance(assignment, ast.Assign) else assignment.target
    return target.attr if isinstance(target, ast.Attribute) else target.id


def test_what_is_remembered_of_calls_has_a_limit(package):
    """But for functions without arguments, which have one result."""
    endless = {
        f"{module.path}:{node.name}"
        for module in package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.args
        for decorator in node.decorator_list
        if module.full_name(decorator) in ("functools.cache", "functools.lru_cache")
    }
    assert endless == {"engine/race.py:_sign_test"}  # counts of rounds, of which a race has a few dozen


@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
def test_a_level_in_memory_never_holds_more_than_it_may(policy):
    clock, draw = ScriptedClock(1_000.0), Random(1)
    store = MemoryStore(max_bytes=MOST_BYTES, max_entries=MOST_ENTRIES, policy=policy(), clock=clock)
    for number in range(3_000):
        store.set_nowait(
            f"key {draw.randrange(500)}",
            "x" * draw.randrange(2_000),
            cost=draw.expovariate(1),
            priority=draw.randrange(8),
            ttl=draw.choice([None, 5.0]),
            tags=(f"tag {number}",),
        )
        store.get_nowait(f"key {draw.randrange(500)}")
        clock.advance(draw.random())
        stats = store.stats()
        assert stats.bytes <= MOST_BYTES
        assert stats.entries <= MOST_ENTRIES


@pytest.mark.parametrize("policy", [Density, LRU, LFU, S3FIFO, GDSF])
def test_what_is_known_of_entries_is_bounded_by_their_number(policy):
    """Tags, details and columns of what has gone go, too."""
    store = MemoryStore(max_entries=MOST_ENTRIES, policy=policy())
    for number in range(5_000):
        store.set_nowait(number, number, tags=(f"tag {number}", "all"))
    shelf, entries = store._shelf, store._entries
    assert entries.slots == len(entries.weights) == len(entries.costs) == len(entries.priorities) <= MOST_ENTRIES + 1
    assert len(shelf._details) <= MOST_ENTRIES
    assert len(shelf._tagged) <= MOST_ENTRIES + 1
    assert len(shelf._tagged["all"]) <= MOST_ENTRIES
