"""What every level of a cache promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from postopt.caching.base import Entry, Store
from postopt.clock import Clock
from postopt.errors import CacheValueError
from postopt.testing.clock import ScriptedClock
from postopt.testing.laws import require, run_here

EMPTY_VALUES: tuple[Any, ...] = (None, False, 0, 0.0, "", b"", [], {})
VALUES: tuple[Any, ...] = (
    *EMPTY_VALUES,
    True,
    -1,
    2**63 - 1,
    0.1,
    "ñ 🙂 \u2028",
    bytes(range(256)),
    [1, [2.0, None], "x"],
    {"text": "Bread for €3.50", "n": {"": []}},
)
KEYS = ("k", "K", "k ", "é", "e\u0301", "a/b", "a:b", "a*", "", "\x00", "🙂", "x" * 2**20, "x" * 2**20 + "y")


class StoreContract:
    """The laws of `postopt.caching.Store`, as tests.

    Subclass it and say how to make yours::

        class TestMine(StoreContract):
            async def make(self, clock):
                return MyStore(clock=clock)

    Works under pytest, under unittest with `unittest.TestCase` as second base, and inside a running loop (a notebook);
    a broken law is an AssertionError that names it. `make` is called once a test, inside a running event loop; the
    store has to be empty and to keep at least 100 entries of 1 KB, two of them under keys of 1 MB, and is closed with
    `aclose()` if it has that. The test moves `clock`: a store reads it to know what time it is.
    """

    patience = 30.0
    """Seconds after which a call counts as hanging."""

    async def make(self, clock: Clock) -> Store:
        """Return a new store that reads the time from `clock`."""
        raise NotImplementedError("a StoreContract needs make(): return a new store")

    def test_a_key_that_was_never_set_is_a_miss(self) -> None:
        """The answer is None."""

        async def law(store: Store, _: ScriptedClock) -> None:
            require(await store.get("absent") is None, "a key that was never set is a miss")

        self._check(law)

    def test_what_was_set_is_returned(self) -> None:
        """The value comes back equal and of the same type."""

        async def law(store: Store, _: ScriptedClock) -> None:
            for number, value in enumerate(VALUES):
                await store.set(f"key {number}", Entry(value=value))
            for number, value in enumerate(VALUES):
                found = await _value(store, f"key {number}")
                require(found == value and type(found) is type(value), f"what was set is returned: {value!r:.40}")

        self._check(law)

    def test_an_empty_value_is_a_hit(self) -> None:
        """None, zero and empty texts are values."""

        async def law(store: Store, _: ScriptedClock) -> None:
            for value in EMPTY_VALUES:
                await store.set("empty", Entry(value=value))
                require(await store.get("empty") is not None, f"an empty value is a hit: {value!r}")

        self._check(law)

    def test_what_is_known_about_a_value_is_kept(self) -> None:
        """Cost, priority, times and seconds come back with it, and so do tags where they are taken."""

        async def law(store: Store, clock: ScriptedClock) -> None:
            tags = ("campaign 7", "ñ") if hasattr(store, "invalidate_tag") else ()
            entry = Entry(
                value="v",
                cost=0.25,
                priority=3,
                tags=tags,
                expires_at=clock() + 50,
                stale_until=clock() + 90,
                compute_seconds=1.5,
            )
            await store.set("known", entry)
            found = await store.get("known")
            for name in ("cost", "priority", "tags", "expires_at", "stale_until", "compute_seconds"):
                kept = found is not None and getattr(found, name) == getattr(entry, name)
                require(kept, f"what is known about a value is kept: {name}")

        self._check(law)

    def test_the_last_value_counts(self) -> None:
        """Setting a key again replaces value, times and tags."""

        async def law(store: Store, clock: ScriptedClock) -> None:
            await store.set("key", Entry(value="first", expires_at=clock() + 10))
            await store.set("key", Entry(value="second"))
            clock.advance(20)
            require(await _value(store, "key") == "second", "the last value counts, and its end with it")

        self._check(law)

    def test_a_deleted_key_is_gone(self) -> None:
        """Deleting what is not there is no error, and a deleted key can be set again."""

        async def law(store: Store, _: ScriptedClock) -> None:
            await store.delete("key")
            await store.set("key", Entry(value=1))
            await store.delete("key")
            require(await store.get("key") is None, "a deleted key is gone")
            await store.set("key", Entry(value=2))
            require(await _value(store, "key") == 2, "a deleted key can be set again")

        self._check(law)

    def test_a_value_dies_at_its_end(self) -> None:
        """To the moment: just before its end it is there, from its end on it is not."""

        async def law(store: Store, clock: ScriptedClock) -> None:
            start = clock()
            await store.set("plain", Entry(value=1, expires_at=start + 10))
            await store.set("stale", Entry(value=2, expires_at=start + 10, stale_until=start + 30))
            await store.set("dead", Entry(value=3, expires_at=start))
            await store.set("gone", Entry(value=4))
            await store.set("gone", Entry(value=4, expires_at=start - 5))
            require(await store.get("dead") is None, "what has ended when it is set is not returned")
            require(await store.get("gone") is None, "what has ended when it is set replaces what was there")
            clock.set(start + 9.5)
            require(await _value(store, "plain") == 1, "a value lives until its end")
            clock.set(start + 10)
            require(await store.get("plain") is None, "a value dies at its end")
            require(await _value(store, "stale") == 2, "a value that may be served stale lives until that end")
            clock.set(start + 30)
            require(await store.get("stale") is None, "a value that may be served stale dies at that end")

        self._check(law)

    def test_a_clock_that_is_put_back_raises_nobody_from_the_dead(self) -> None:
        """Nor does it make a call fail."""

        async def law(store: Store, clock: ScriptedClock) -> None:
            start = clock()
            await store.set("key", Entry(value=1, expires_at=start + 10))
            clock.set(start + 11)
            require(await store.get("key") is None, "a value dies at its end")
            clock.set(start - 1000)
            found = await store.get("key")
            require(found is None or found.value == 1, "a clock that is put back changes no value")
            await store.set("key", Entry(value=2, expires_at=clock() + 10))
            require(await _value(store, "key") == 2, "a clock that is put back stops nobody")

        self._check(law)

    def test_keys_are_told_apart(self) -> None:
        """Any text is a key, however long, and to the code point."""

        async def law(store: Store, _: ScriptedClock) -> None:
            for number, key in enumerate(KEYS):
                await store.set(key, Entry(value=number))
            for number, key in enumerate(KEYS):
                require(await _value(store, key) == number, f"keys are told apart: {key!r:.40}")

        self._check(law)

    def test_a_value_is_whole_or_missing(self) -> None:
        """A large one may be refused or forgotten, and then no older value is returned in its place."""

        async def law(store: Store, _: ScriptedClock) -> None:
            large = "🙂".join(map(str, range(200_000)))
            await store.set("key", Entry(value="small"))
            with suppress(CacheValueError):
                await store.set("key", Entry(value=large))
            found = await store.get("key")
            require(found is None or found.value == large, "a value is whole or missing")

        self._check(law)

    def test_concurrent_calls(self) -> None:
        """Each key has a value that was set for it, and in the end the last one."""

        async def law(store: Store, _: ScriptedClock) -> None:
            async def use(number: int) -> None:
                key = f"key {number % 10}"
                await store.set(key, Entry(value=[key, number]))
                found = await store.get(key)
                require(found is None or found.value[0] == key, "a key has a value that was set for it")

            await asyncio.gather(*(use(number) for number in range(100)))
            await asyncio.gather(*(store.set(f"key {number}", Entry(value=number)) for number in range(10)))
            found = await asyncio.gather(*(_value(store, f"key {number}") for number in range(10)))
            require(found == list(range(10)), "what was set last is what is returned")

        self._check(law)

    def test_cancellation_leaves_the_store_in_order(self) -> None:
        """A cancelled call ends, and what it set is there entirely or not at all."""

        async def law(store: Store, _: ScriptedClock) -> None:
            await store.set("key", Entry(value="old"))
            for steps in range(4):
                for call in (store.set("key", Entry(value="new")), store.get("key"), store.delete("other")):
                    task = asyncio.ensure_future(call)
                    for _step in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait({task})
                found = await store.get("key")
                require(found is None or found.value in ("old", "new"), "a cancelled call changes all or nothing")
            await store.set("key", Entry(value="last"))
            require(await _value(store, "key") == "last", "a cancelled call leaves the store in order")

        self._check(law)

    def test_a_tag_invalidates_its_entries(self) -> None:
        """All that had it when it was invalidated, and nothing else; for stores that take tags."""

        async def law(store: Store, _: ScriptedClock) -> None:
            invalidate = getattr(store, "invalidate_tag", None)
            if invalidate is None:
                return
            for number in range(6):
                await store.set(
                    f"key {number}", Entry(value=number, tags=("even", "all") if number % 2 == 0 else ("all",))
                )
            await store.set("bare", Entry(value="bare"))
            await invalidate("even")
            await invalidate("never used")
            found = [await store.get(f"key {number}") for number in range(6)]
            require(not any(found[::2]), "an invalidated tag takes its entries with it")
            require(all(found[1::2]) and await store.get("bare") is not None, "a tag invalidates no others")
            await store.set("key 0", Entry(value="again", tags=("even",)))
            require(await _value(store, "key 0") == "again", "an invalidated tag can be used again")
            await store.set("key 1", Entry(value="bare"))
            await invalidate("all")
            require(await _value(store, "key 1") == "bare", "a value set anew has the tags it was set with")

        self._check(law)

    def _check(self, law: Callable[[Store, ScriptedClock], Awaitable[None]]) -> None:
        async def check() -> None:
            clock = ScriptedClock(1_800_000_000.0)
            store = await self.make(clock)
            try:
                async with asyncio.timeout(self.patience):
                    await law(store, clock)
            except TimeoutError:
                raise AssertionError(f"broken law: a call ends; {self.patience} s were not enough") from None
            finally:
                aclose = getattr(store, "aclose", None)
                if aclose is not None:
                    await aclose()

        run_here(check())


async def _value(store: Store, key: str) -> Any:
    found = await store.get(key)
    entry: object = found
    require(found is None or isinstance(entry, Entry), "what is returned is an Entry or None")
    require(found is not None, f"what was set is returned: {key!r:.40}")
    assert found is not None  # noqa: S101 - for the type checker
    return found.value
