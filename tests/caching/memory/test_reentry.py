"""Callers that come back while a store is at work, or out of it: nobody waits for himself."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from postopt.caching import Entry
from postopt.caching.eviction import LRU, Density
from postopt.caching.mutex import Mutex
from postopt.errors import ReentrantError


@pytest.fixture
def here(thread):
    """Run a story in a thread, so that one that hangs is noticed."""
    return lambda story: thread(story).outcome()


def test_whoever_is_told_of_an_eviction_may_use_the_store(store, here):
    def story():
        told = []

        def on_evict(key, entry):
            told.append((key, entry.value))
            one.get_nowait(key)
            one.delete_nowait("absent")
            if key != "told":
                one.set_nowait("told", key, priority=7)

        one = store(max_entries=3, policy=LRU(), on_evict=on_evict)
        for number in range(6):
            one.set_nowait(number, number)
        assert len(one) == 3
        return told

    assert here(story)[0] == (0, 0)


def test_what_it_raises_the_caller_gets_and_the_store_has_changed(store):
    def on_evict(key, entry):
        raise ZeroDivisionError(key)

    one = store(max_bytes=30, on_evict=on_evict, policy=LRU())
    for number in range(3):
        one.set_nowait(number, number, weight=10)
    with pytest.raises(ZeroDivisionError):
        one.set_nowait("new", 1, weight=20)
    assert one.get_nowait("new") == 1
    assert len(one) == 2
    with pytest.raises(ZeroDivisionError):
        one.shrink(0)
    assert len(one) == 0
    one.on_evict = None
    for number in range(9):
        one.set_nowait(number, number, weight=10)
    assert len(one) == 3


def test_it_is_told_what_was_known(store):
    told = []
    one = store(max_entries=1, policy=LRU())
    one.set_nowait("unnoticed", 1)
    one.set_entry_nowait(
        "key", Entry(value="v", weight=5, cost=2.0, priority=1, tags=("t",), stale_until=9.0, compute_seconds=3.0)
    )
    one.on_evict = lambda *left: told.append(left)
    one.set_nowait("other", 1, weight=6)
    one.delete_nowait("other")
    one.clear()
    assert told == [
        ("key", Entry(value="v", weight=5, cost=2.0, priority=1, tags=("t",), stale_until=9.0, compute_seconds=3.0))
    ]


@pytest.mark.parametrize("policy", [Density, LRU])
def test_a_value_may_use_the_store_when_it_dies(store, here, policy):
    """A cache of cleaners: each value takes others with it when it leaves."""

    class Dying:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            seen.append((self.name, one.get_nowait("other")))
            one.set_nowait(f"last words of {self.name}", 1, weight=1)
            one.delete_nowait(f"friend of {self.name}")

    def story():
        for leave in (
            lambda: one.set_nowait("key", "replaced", weight=10),
            lambda: one.set_nowait("key", "larger", weight=900),
            lambda: one.delete_nowait("key"),
            lambda: one.invalidate_tag_nowait("tag"),
            lambda: one.shrink(0),
            one.clear,
        ):
            one.set_nowait("other", "there", weight=1, priority=7)
            one.set_nowait("friend of key", 1, weight=1)
            one.set_nowait("key", Dying("key"), weight=10, tags=("tag",))
            leave()
            assert "last words of key" in one
            assert "friend of key" not in one
            one.clear()

    one = store(max_bytes=1_000, policy=policy())
    seen = []
    here(story)
    assert len(seen) == 6


def test_a_finalizer_in_the_midst_of_a_change_gets_an_error(store, here, monkeypatch):
    """A collection may begin anywhere. Waiting would be for ever, going on would find half a change."""
    errors = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: errors.append(unraisable.exc_type))

    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            gc.collect()
            return self is other

    class Garbage:
        def __init__(self):
            self.me = self

        def __del__(self):
            assert one.get_nowait("key") == "value"  # which takes no lock
            one.delete_nowait("key")

    one = store()
    one.set_nowait("key", "value")
    one.set_nowait(Key(), 1)

    def story():
        gc.disable()
        try:
            Garbage()
            one.set_nowait(Key(), 2)
        finally:
            gc.enable()

    here(story)
    assert errors == [ReentrantError]
    assert one.get_nowait("key") == "value"
    assert len(one) == 3


@pytest.mark.parametrize("policy", [Density, LRU])
def test_a_key_that_uses_the_store_when_it_is_compared_gets_an_error(store, here, policy):
    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            return one.set_nowait("from a comparison", 1)

    one = store(policy=policy())
    one.set_nowait(Key(), 1)

    def story():
        with pytest.raises(ReentrantError):
            one.set_nowait(Key(), 2)
        with pytest.raises(ReentrantError):
            one.delete_nowait(Key())

    here(story)
    assert len(one) == 1
    assert one.set_nowait("after", 1)


def test_a_store_is_freed_with_what_it_holds(store):
    class Thing:
        pass

    for policy in (Density, LRU):
        one, thing = store(policy=policy()), Thing()
        one.set_nowait("key", thing)
        gone = weakref.ref(thing), weakref.ref(one)
        del one, thing
        gc.collect()
        assert [ref() for ref in gone] == [None, None]


def test_a_block_and_a_function_exclude_each_other(here):
    mutex = Mutex()

    def story():
        with mutex:
            for again in (lambda: mutex.run(int), mutex.__enter__):
                with pytest.raises(ReentrantError):
                    again()
        with pytest.raises(ReentrantError):
            mutex.run(mutex.run, int)
        with pytest.raises(ReentrantError):
            mutex.run(mutex.__enter__)
        return mutex.run(str, "free again")

    assert here(story) == "free again"
    with mutex:
        assert here(lambda: mutex._inside)
