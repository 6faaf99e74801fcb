"""Two stores against dictionaries, in whatever order things happen, on both databases.

The stores share the tables. The model says exactly what each returns: what it set last, else what was written last; and
nothing, if that was deleted or invalidated since.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from postopt.caching import Codec, Entry
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

KEYS = ("a", "\x00", "x" * 300)
TAGS = ("t", "u")
TOO_LARGE = b"x" * 3000
which = st.integers(0, 1)
values = st.one_of(st.none(), st.integers(0, 9), st.text(), st.binary(), st.just(object()), st.just(TOO_LARGE))


@dataclass
class Set:
    """What waits in a store, or is written: an entry, or that there is none."""

    entry: Entry
    kept: bool
    epoch: int  # for what is written: of the writing; for what waits: at which it was outdated, or 0


class StoreMachine(RuleBasedStateMachine):
    """Needs a `database`."""

    database = None
    tables = count()

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ScriptedClock(1000.0)
        self.table = f"cache_{next(self.tables)}"
        self.stores = [self.make(), self.make()]
        self.written = {}
        self.waiting = [{}, {}]
        self.epoch = 1
        self.run()

    def make(self):
        return self.database.store(
            flush_seconds=1e9, deadline=60.0, clock=self.clock, max_pending=6000, table=self.table,
            codec=Codec(compression="none"),
        )  # fmt: skip

    def run(self, call=None):
        """Await a call; then both stores ask the database something, and so hear of all invalidations."""

        async def act():
            try:
                if call is not None:
                    await call
            finally:
                for store in self.stores:
                    await store.get("anything")

        self.loop.run_until_complete(act())

    def write(self, n):
        for key, waits in self.waiting[n].items():
            there = self.written.get(key)
            if waits.epoch:
                if there and there.epoch < waits.epoch:
                    del self.written[key]
            elif waits.kept:
                self.written[key] = Set(waits.entry, kept=True, epoch=self.epoch)
            else:
                self.written.pop(key, None)
        self.waiting[n].clear()

    @rule(n=which, key=st.sampled_from(KEYS), value=values, tags=st.sets(st.sampled_from(TAGS)),
          ttl=st.sampled_from([0, 1, 10, 1e9]))  # fmt: skip
    def set(self, n, key, value, tags, ttl):
        entry = Entry(value=value, tags=tuple(tags), expires_at=self.clock() + ttl)
        refused = type(value) is object or value == TOO_LARGE
        with pytest.raises(CacheValueError) if refused else nullcontext():
            self.run(self.stores[n].set(key, entry))
        self.waiting[n][key] = Set(entry, kept=not refused and ttl > 0, epoch=0)

    @rule(n=which, key=st.sampled_from(KEYS))
    def delete(self, n, key):
        self.run(self.stores[n].delete(key))
        self.epoch += 1
        self.written.pop(key, None)
        self.waiting[n].pop(key, None)
        if key in self.waiting[1 - n]:
            self.waiting[1 - n][key].epoch = self.epoch

    @rule(n=which, tag=st.sampled_from(TAGS))
    def invalidate(self, n, tag):
        self.run(self.stores[n].invalidate_tag(tag))
        self.epoch += 1
        for there in self.written.values():
            there.kept &= tag not in there.entry.tags
        for waits in (*self.waiting[0].values(), *self.waiting[1].values()):
            if tag in waits.entry.tags:
                waits.epoch = self.epoch

    @rule(n=which)
    def flush(self, n):
        self.run(self.stores[n].flush())
        self.write(n)

    @rule(n=which)
    def reopen(self, n):
        self.loop.run_until_complete(self.stores[n].aclose())
        self.stores[n] = self.make()
        self.run()
        self.write(n)

    @rule(seconds=st.sampled_from([1.0, 9.0, -5.0]))
    def time_passes(self, seconds):
        self.clock.set(self.clock() + seconds)

    @invariant()
    def each_returns_what_it_should(self):
        for store, waiting in zip(self.stores, self.waiting, strict=True):
            for key in KEYS:
                found = self.loop.run_until_complete(store.get(key))
                is_there = waiting.get(key) or self.written.get(key)
                outdated = key in waiting and waiting[key].epoch
                if is_there is None or outdated or not is_there.kept or self.clock() >= is_there.entry.ends_at:
                    assert found is None
                elif found is None:  # it was culled when it had ended, and then the clock was put back
                    assert is_there.entry.ends_at < 1e9
                else:
                    assert found == is_there.entry

    def teardown(self):
        for store in self.stores:
            self.loop.run_until_complete(store.aclose())
        self.loop.close()


def test_the_model(database):
    machine = type("Machine", (StoreMachine,), {"database": database})
    examples, steps = (20, 25) if database.kind == "sqlite" else (8, 25)
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps))
