"""A child process has the stores as they were, whole and usable."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from postopt.caching.eviction import LRU, Density
from postopt.caching.mutex import Mutex

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.mark.parametrize("policy", [Density, LRU])
def test_a_child_has_a_store_of_its_own(store, policy, in_child):
    one = store(policy=policy(), max_entries=10)
    for number in range(10):
        one.set_nowait(number, number)

    def story():
        assert [one.get_nowait(number) for number in range(10)] == list(range(10))
        for number in range(50):
            one.set_nowait(f"of the child {number}", number)
        assert len(one) == 10
        one.clear()

    in_child(story)
    assert [one.get_nowait(number) for number in range(10)] == list(range(10))
    assert one.set_nowait(0, "after")


@pytest.mark.usefixtures("untraced", "busy_switching")
@pytest.mark.parametrize("policy", [Density, LRU])
def test_a_fork_in_the_midst_of_other_threads(store, thread, policy, in_child):
    """The child neither hangs nor sees half of a change."""
    stores = [store(policy=policy(), max_bytes=1_000, max_entries=20) for _ in range(4)]
    done = threading.Event()

    def change(seed):
        number = seed
        while not done.is_set():
            for one in stores:
                one.set_nowait(number % 50, (number % 50, number), weight=number % 90, tags=["tag"])
                one.get_nowait(number % 50)
            number += 7

    def story():
        for one in stores:
            held = [one.entry_nowait(key) for key in range(50) if key in one]
            assert all(entry.value[0] == entry.value[1] % 50 for entry in held)
            stats = one.stats()
            assert (sum(entry.weight for entry in held), len(held)) == (stats.bytes, stats.entries)
            for number in range(100):
                one.set_nowait(number, number, weight=50)
            assert one.invalidate_tag_nowait("tag") >= 0
            assert one.stats().bytes <= 1_000

    workers = [thread(change, seed) for seed in range(3)]
    try:
        for _ in range(15):
            in_child(story)
    finally:
        done.set()
    for worker in workers:
        worker.outcome()


@pytest.mark.usefixtures("untraced", "busy_switching")
def test_two_threads_that_fork_at_once(store, thread, in_child):
    stores = [store() for _ in range(20)]

    def fork(seed):
        for _ in range(10):
            in_child(lambda: [one.set_nowait(seed, 1) for one in stores])
            stores.append(store())

    for worker in [thread(fork, seed) for seed in range(3)]:
        worker.outcome()


def test_a_fork_out_of_a_change(store, thread, in_child):
    """A finalizer, or the comparison of two keys, that forks: the child is in the midst of that change as well."""

    class Key:
        forks = False

        def __hash__(self):
            return 1

        def __eq__(self, other):
            if self.forks or getattr(other, "forks", False):
                Key.forks = False
                in_child(lambda: other_store.set_nowait("key", 1))
            return self is other

    one, other_store = store(), store()

    def story():
        one.set_nowait(Key(), 1)
        Key.forks = True
        one.set_nowait(Key(), 2)

    thread(story).outcome()
    assert len(one) == 2


@pytest.mark.usefixtures("untraced", "busy_switching")
def test_a_fork_while_other_threads_make_stores(thread, monkeypatch, in_child):
    """Whatever goes wrong in the preparation of a fork, Python only prints."""
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", failures.append)
    stores = [Mutex() for _ in range(200)]
    done = threading.Event()

    def make():
        while not done.is_set():
            [Mutex() for _ in range(50)]

    makers = [thread(make) for _ in range(2)]
    try:
        for _ in range(20):
            in_child(lambda: [store.__enter__() for store in stores])
    finally:
        done.set()
    for maker in makers:
        maker.outcome()
    assert failures == []
