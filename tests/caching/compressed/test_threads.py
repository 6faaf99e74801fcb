"""Any thread may call any method at any time, and a child process has the store as it was."""

from __future__ import annotations

import random
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from postopt.caching.compressed import _in_thread

THREADS = 4
PATIENCE = 60


def join_trainings():
    for thread in threading.enumerate():
        if thread.name == "postopt-train":
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def in_step(make_post):
    """Return a function that lets threads set, get and delete posts of eras that change, until each has had a turn."""

    def work(store, seed):
        draw = random.Random(seed)
        for turn in range(900):
            era = "bread" if turn < 450 else "wine"
            number = draw.randrange(300)
            if draw.random() < 0.1:
                store.delete_nowait(f"{era} {number}")
            else:
                store.set_nowait(f"{era} {number}", make_post(number, era), tags=[era])
            number = draw.randrange(300)
            found = store.get_nowait(f"{era} {number}")
            assert found is None or found == make_post(number, era)

    def in_step(store):
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, [store] * THREADS, range(THREADS)))

    return in_step


@pytest.mark.usefixtures("busy_switching")
def test_threads_that_do_everything_while_dictionaries_change(make, in_step, taken):
    store = make(max_bytes=2**18, start=_in_thread)
    try:
        in_step(store)
    finally:
        join_trainings()
    store.set_nowait("last", "value")
    assert store._dictionaries.current[0] >= 1
    assert taken(store) <= 2**18
    assert store.unreadable == 0


class TestFork:
    def test_a_child_has_a_store_of_its_own(self, make, fill, make_post, in_child):
        store = make(max_bytes=2**20)
        keys = fill(store, 400)

        def story():
            assert all(store.get_nowait(key) == make_post(number) for number, key in enumerate(keys))
            fill(store, 100, "of the child")
            store.clear()

        in_child(story)
        assert all(store.get_nowait(key) == make_post(number) for number, key in enumerate(keys))
        assert store.get_nowait("of the child 0") is None

    def test_a_training_that_was_left_behind_is_begun_anew(self, make, fill, in_child):
        begun = []
        store = make(max_bytes=2**20, start=begun.append)
        fill(store, 100)
        assert len(begun) == 1  # its thread will not be in the child

        def story():
            fill(store, 2)
            assert len(begun) == 2
            begun[1]()
            fill(store, 1)
            assert store._dictionaries.current[0] == 1

        in_child(story)
        assert (len(begun), store._dictionaries.current[0]) == (1, 0)

    @pytest.mark.usefixtures("untraced", "busy_switching")
    def test_a_fork_in_the_midst_of_other_threads(self, make, fill, make_post, taken, in_child):
        """No lock is left held, and nothing is half there."""
        store = make(max_bytes=2**17, start=_in_thread)
        done = threading.Event()

        def change(seed):
            number = seed
            while not done.is_set():
                store.set_nowait(f"{number % 100}", make_post(number % 100))
                number += 7

        def story():
            for number in range(100):
                assert store.get_nowait(f"{number}") in (None, make_post(number))
            fill(store, 100, "of the child")
            assert taken(store) <= 2**17

        with ThreadPoolExecutor(3) as pool:
            workers = [pool.submit(change, seed) for seed in range(3)]
            try:
                for _ in range(10):
                    in_child(story)
            finally:
                done.set()
        join_trainings()
        assert [worker.exception() for worker in workers] == [None] * 3


def test_two_threads_may_pack_with_the_dictionary_of_before(make, fill, make_post, packed):
    """Whoever took a compressor before the next was taken up: its dictionary stays."""
    store = make(max_bytes=2**20)
    fill(store, 100)
    number, compressor = store._dictionaries.current
    assert number == 1
    plain = store._codec.plain(make_post(7))[1]
    late = struct.pack("<BHI", 1, number, len(plain)) + compressor.compress(plain)
    store.clear()
    fill(store, 400)
    assert store._dictionaries.current[0] == 2
    store._store.set_nowait("late", late)
    assert store.get_nowait("late") == make_post(7)
