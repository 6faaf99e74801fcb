"""A level that has to be awaited: what it fails to take over is not served, and it holds nobody up."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter

import pytest

from postopt.caching import owed
from postopt.caching.base import Entry
from postopt.caching.far_level import FarLevel
from postopt.caching.memory import MemoryStore
from postopt.caching.owed import MOST_OWED, Owed
from postopt.caching.portal import Portal
from postopt.caching.tiered import TieredCache
from postopt.errors import StoreError
from postopt.testing import FaultyStore, ScriptedClock

ENTRY = Entry(value="v")


class Direct(FarLevel):
    """A level whose changes begin and end in one call."""

    def __init__(self, store, number=1, *, deadline=1.0):
        super().__init__(store, number, deadline=deadline, portal=Portal(), timer=time.monotonic)

    async def change(self, key, entry=None):
        change = self.begin(key, entry.tags if entry else ())
        try:
            await (self.set(change, entry) if entry else self.delete(change))
        finally:
            self.end(change)
        await asyncio.sleep(0)  # a change whose call is over ends in a moment

    async def invalidate(self, tag):
        await self.invalidate_tag(tag, self.begin_tag(tag))

    async def caught_up(self):
        await asyncio.wrap_future(self._catching_up)


def run(coroutine):
    return asyncio.run(coroutine)


async def settled(*levels):
    """Return when nothing is changing any more."""
    while any(level._changing for level in levels):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0)


def test_faults_are_logged_at_each_doubling(remote, caplog):
    async def use():
        level = Direct(remote, 2)
        for _ in range(20):
            await level.get("k")

    remote.fault = "garbage"
    with caplog.at_level(logging.WARNING, "postopt.caching"):
        run(use())
    assert len(caplog.records) == 5  # 1, 2, 4, 8, 16


class TestAChangeThatWasMissed:
    """Nothing is served that has changed meanwhile, and the level catches up."""

    @pytest.mark.parametrize("fault", ["error", "hang"])
    @pytest.mark.parametrize("entry", [Entry(value="new"), None], ids=["set", "delete"])
    def test_a_key(self, remote, behind, fault, entry):
        async def use():
            level = Direct(remote, deadline=0.01)
            await level.change("k", Entry(value="old"))
            await level.change("other", ENTRY)
            remote.fault = fault
            await level.change("k", entry)
            remote.fault = "ok"
            assert await level.get("k") is None
            assert (await level.get("other")).value == "v"
            await level.caught_up()
            assert (len(level.owed), "k" in behind) == (0, False)
            await level.change("k", Entry(value="newest"))
            assert (await level.get("k")).value == "newest"

        run(use())

    def test_a_tag(self, remote, behind):
        async def use():
            level = Direct(remote)
            await level.change("k", Entry(value="v", tags=("t",)))
            remote.fault = "error"
            await level.invalidate("t")
            remote.fault = "ok"
            assert (len(level.owed), await level.get("k")) == (1, None)
            await level.caught_up()
            assert (len(level.owed), "k" in behind) == (0, False)

        run(use())

    def test_a_later_change_that_succeeds_settles_it(self, remote):
        async def use():
            level = Direct(remote)
            remote.fault = "error"
            await level.change("k", Entry(value="old"))
            remote.fault = "ok"
            await level.change("k", Entry(value="new"))
            assert (len(level.owed), (await level.get("k")).value) == (0, "new")

        run(use())

    def test_it_fails_again_while_it_catches_up(self, remote):
        async def use():
            level = Direct(remote)
            for key in "ab":
                await level.change(key, Entry(value="old"))
            remote.fault = "error"
            for key in "ab":
                await level.change(key)
            remote.fault = "ok"
            await level.get("other")
            remote.fault = "error"
            await level.caught_up()
            assert len(level.owed) == 2

        run(use())

    def test_closing_stops_catching_up(self, remote):
        async def use():
            level = Direct(remote)
            remote.fault = "error"
            await level.change("k")
            remote.fault = "ok"
            await level.get("other")
            await level.aclose()
            assert level._catching_up.cancelled()

        run(use())


class TestOrder:
    """Of two changes that go on at once nobody knows which came last, so neither is believed."""

    def test_two_that_overlap(self, remote):
        async def use():
            level = Direct(remote)
            remote.fault = "hang"
            changes = [asyncio.ensure_future(level.change("k", Entry(value=value))) for value in ("old", "new")]
            await asyncio.sleep(0)
            assert await level.get("k") is None
            remote.fault = "ok"
            await asyncio.gather(*changes)
            assert await level.get("k") is None
            await level.caught_up()
            await level.change("k", Entry(value="newest"))
            assert (await level.get("k")).value == "newest"

        run(use())

    def test_a_tag_that_is_invalidated_meanwhile(self, remote):
        async def use():
            level = Direct(remote)
            remote.fault = "hang"
            setting = asyncio.ensure_future(level.change("k", Entry(value="v", tags=("t",))))
            await asyncio.sleep(0)
            invalidating = asyncio.ensure_future(level.invalidate("t"))
            await asyncio.sleep(0)
            remote.fault = "ok"
            await asyncio.gather(setting, invalidating)
            assert await level.get("k") is None

        run(use())

    def test_a_change_begins_before_anything_is_awaited(self, remote):
        async def use():
            level = Direct(remote)
            await level.change("k", ENTRY)
            change = level.begin("k")
            assert await level.get("k") is None
            level.end(change)
            level.end(change)
            assert await level.get("k") is None  # it was never carried out
            assert remote.calls == ["set"]

        run(use())

    def test_a_change_whose_caller_is_cancelled_goes_on(self, remote, behind):
        async def use():
            level = Direct(remote)
            await level.change("k", Entry(value="old"))
            remote.fault = "hang"
            task = asyncio.ensure_future(level.change("k", Entry(value="new")))
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            assert await level.get("k") is None
            remote.fault = "ok"
            await settled(level)
            assert (await level.get("k")).value == "new"

        run(use())


class TestBadManners:
    """Stores that do what no store should."""

    class Sync:
        """One whose methods raise before there is anything to await."""

        def get(self, *arguments):
            raise RuntimeError("secret")

        set = delete = get

    class Cancelling:
        """One that cancels its own calls."""

        async def get(self, key):
            raise asyncio.CancelledError

        async def set(self, key, entry):
            raise asyncio.CancelledError

        delete = get

    class Stubborn:
        """One that cannot be cancelled, until it is told to end."""

        def __init__(self):
            self.end = asyncio.Event()

        async def get(self, key):
            while not self.end.is_set():
                try:
                    await self.end.wait()
                except asyncio.CancelledError:
                    continue
            return Entry(value="too late")

        async def set(self, key, entry):
            await self.get(key)

        delete = get

    @pytest.mark.parametrize(("kind", "fault"), [(Sync, "RuntimeError"), (Cancelling, "StoreError")])
    def test_it_is_a_level_that_has_nothing(self, memory, clock, kind, fault):
        async def use():
            cache = TieredCache(memory, kind(), clock=clock)
            assert await cache.get("k") is None
            await cache.set("k", ENTRY)
            await cache.delete("k")
            assert cache.stats().levels[1].faults == {fault: 3}
            await cache.aclose()

        run(use())

    def test_it_is_not_waited_for_beyond_the_deadline(self, memory, clock):
        async def use():
            store = self.Stubborn()
            cache = TieredCache(memory, store, clock=clock, deadline=0.01)
            async with asyncio.timeout(10):
                assert await cache.get("k") is None
                await cache.set("k", Entry(value="new"))
            memory.clear()
            assert await cache.get("k") is None  # the set may still arrive
            assert cache.stats().levels[1].faults == {"TimeoutError": 2}
            store.end.set()
            await settled(*cache._stack.far)
            assert cache.stats().levels[1].owed == 0  # it did arrive

        run(use())

    def test_one_that_raises_when_it_is_closed_lets_the_others_close(self, clock):
        closed = []

        class Closing(FaultyStore):
            async def aclose(self):
                closed.append(self)
                raise OSError("disk full")

        async def use():
            cache = TieredCache(*(Closing(MemoryStore(clock=clock)) for _ in range(2)), clock=clock)
            await cache.aclose()
            assert [level.faults for level in cache.stats().levels] == [{"OSError": 1}] * 2

        run(use())
        assert len(closed) == 2


class TestClosing:
    @pytest.mark.parametrize("fault", ["ok", "error"])
    def test_it_is_no_call_with_a_deadline_and_no_breaker_refuses_it(self, memory, behind, clock, fault):
        """A level may have to write what waited."""
        written = []

        class WriteBehind(FaultyStore):
            async def aclose(self):
                for _ in range(100):
                    await asyncio.sleep(0)
                written.append(True)

        async def use():
            store = WriteBehind(behind, fault)
            cache = TieredCache(memory, store, clock=clock, deadline=1e-6)
            for number in range(5):
                await cache.get(str(number))
            await cache.aclose()

        run(use())
        assert written == [True]


class TestOwed:
    def test_what_is_too_much_to_remember_still_counts(self, monkeypatch):
        monkeypatch.setattr(owed, "MOST_OWED", 2)
        changes = Owed()
        assert (bool(changes), len(changes), changes.covers("a")) == (False, 0, False)
        for name in "abc":
            changes.add(name)
            changes.add_tag(name)
        assert (len(changes.keys), changes.forgotten, len(changes)) == (2, 2, 6)
        assert all(changes.covers(name) for name in "abc")
        assert all(changes.covers("other", (name,)) for name in "abc")
        assert not changes.covers("d", ("d",))

    def test_only_some_others_count_with_it(self):
        changes = Owed()
        for number in range(2 * MOST_OWED):
            changes.add(f"{number}")
        wrong = sum(changes.covers(f"other {number}") for number in range(10_000))
        assert changes.forgotten == MOST_OWED
        assert wrong < 200


class TestOneHome:
    """Threads, tasks and event loops share levels that serve one loop at a time."""

    class Bound(MemoryStore):
        """Serves the first event loop that comes, for as long as that runs; not known as a level in memory."""

        clear = None

        def __init__(self):
            super().__init__()
            self.loops = Counter()
            self._home = None

        async def _here(self):
            loop = asyncio.get_running_loop()
            self.loops[loop] += 1
            if self._home is None or not self._home.is_running():
                self._home = loop
            if self._home is not loop:
                raise StoreError("another loop")
            await asyncio.sleep(0)

        async def get(self, key):
            await self._here()
            return await super().get(key)

        async def set(self, key, entry):
            await self._here()
            await super().set(key, entry)

    class Far:
        """Any store, as one that has to be awaited."""

        def __init__(self, store):
            self.get, self.set, self.delete = store.get, store.set, store.delete

    @pytest.mark.parametrize("first", ["thread", "task"])
    def test_threads_and_tasks(self, first):
        store = self.Bound()
        cache = TieredCache(MemoryStore(), self.Far(store))

        def use_sync():
            for number in range(20):
                assert cache.get_or_compute_sync(f"sync {number}", lambda number=number: number) == number

        async def compute():
            return 1

        async def use():
            await asyncio.gather(*(cache.get_or_compute(f"task {number}", compute) for number in range(20)))
            await asyncio.to_thread(use_sync)
            await asyncio.gather(*(cache.get_or_compute(f"again {number}", compute) for number in range(20)))
            await cache.aclose()

        if first == "thread":
            use_sync()
        run(use())
        assert cache.stats().levels[1].faults == {}
        assert len(store.loops) == 1
        assert len(store) == 60

    def test_loops_in_several_threads(self):
        store = self.Bound()
        cache = TieredCache(MemoryStore(), self.Far(store), deadline=10)
        ready = threading.Barrier(3)

        async def compute():
            return 1

        async def use(name):
            ready.wait()
            for number in range(30):
                await cache.get_or_compute(f"{name} {number}", compute)
                await cache.get(f"other {number}")
            await asyncio.to_thread(ready.wait)  # all of them run until the last one is done

        threads = [threading.Thread(target=asyncio.run, args=(use(name),)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert cache.stats().levels[1].faults == {}
        assert len(store.loops) == 1
        assert len(store) == 90

    def test_the_next_loop_takes_over(self):
        store = self.Bound()
        cache = TieredCache(self.Far(store))
        for number in range(3):
            run(cache.set(str(number), ENTRY))
        assert [run(cache.get(str(number))).value for number in range(3)] == ["v"] * 3
        assert cache.stats().levels[0].faults == {}

    def test_a_home_that_ends_in_the_middle_of_a_call(self):
        class Slow:
            def __init__(self):
                self.asked = threading.Event()
                self.times = 0

            async def get(self, key):
                if key == "slow":
                    self.times += 1
                    self.asked.set()
                    if self.times == 1:
                        await asyncio.Event().wait()

            async def set(self, key, entry):
                pass

            delete = get

        store, found = Slow(), []
        cache = TieredCache(store, deadline=60)
        at_home, ended = threading.Event(), threading.Event()

        async def live():
            await cache.get("k")
            at_home.set()
            await asyncio.to_thread(ended.wait)  # then asyncio.run cancels what goes on

        home = threading.Thread(target=asyncio.run, args=(live(),))
        home.start()
        assert at_home.wait(60)
        guest = threading.Thread(target=lambda: found.append(asyncio.run(cache.get("slow"))))
        guest.start()
        assert store.asked.wait(60)
        ended.set()
        for thread in (home, guest):
            thread.join(50)
        assert found == [None]
        assert cache.stats().levels[0].faults == {}
        assert store.times >= 2  # asked again, at last in the loop that goes on

    def test_a_thread_that_blocks_the_home_goes_on_without_it(self, memory, remote):
        """What it makes is in memory; the level outside is owed the key."""
        cache = TieredCache(memory, remote)

        async def use():
            await cache.set("k", Entry(value="old"))
            memory.clear()
            assert cache.get_or_compute_sync("k", lambda: "new") == "new"
            memory.clear()
            assert await cache.get("k") is None
            assert cache.stats().counters.overdue == 2

        run(use())

    def test_time_is_an_argument_of_the_breaker_too(self, remote):
        async def use():
            timer = ScriptedClock(0.0)
            cache = TieredCache(remote, timer=timer)
            remote.fault = "error"
            for number in range(9):
                await cache.get(str(number))
            assert len(remote.calls) == 3
            timer.advance(2)
            remote.fault = "ok"
            await cache.set("k", ENTRY)
            assert (await cache.get("k")).value == "v"

        run(use())
