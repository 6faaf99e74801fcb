"""Dictionaries are trained on what the store holds, and stay as long as an entry needs them."""

from __future__ import annotations

import struct
import threading

import pytest

from postopt.caching.compressed import LARGE, _in_thread
from postopt.caching.dictionary import FIRST, KEPT, MOST, SAMPLES, Dictionaries, ZlibLibrary
from postopt.caching.zlib import Zlib

ROOM = 2**21


@pytest.fixture
def numbers(packed):
    """Return a function that says which dictionaries the values of some keys were compressed with."""
    return lambda store, keys: {struct.unpack_from("<BHI", packed(store, key))[1] for key in keys}


class TestTraining:
    def test_it_begins_after_ten_bytes_of_samples_for_each_of_the_first_dictionary(self, make, make_post):
        begun = []
        store = make(max_bytes=ROOM, start=begun.append)
        sampled = 0
        while not begun:
            sampled += len(store._codec.plain(make_post(sampled))[1])
            store.set_nowait("key", make_post(sampled))
        wanted = min(ROOM // 32, store._dictionaries._library.largest)
        assert 0 <= sampled - SAMPLES * wanted // FIRST < 2_000

    def test_a_small_one_is_followed_by_a_large_one(self, make, fill, numbers):
        store = make(max_bytes=ROOM)
        keys = fill(store, 1_500)
        largest = min(ROOM // 32, store._dictionaries._library.largest)
        assert store._dictionaries.current[0] == 2
        assert 0.9 * largest < store._dictionaries._sizes[2] <= largest
        assert 0 < store._dictionaries._sizes[1] <= largest // FIRST
        assert numbers(store, keys) == {0, 1, 2}
        assert store.unreadable == 0

    def test_the_store_goes_on_while_it_runs(self, make, fill, make_post, numbers):
        begun = []
        store = make(max_bytes=ROOM, start=begun.append)
        keys = fill(store, 1_000)
        assert len(begun) == 1
        assert numbers(store, keys) == {0}
        [train] = begun
        train()
        assert store._dictionaries.weight == 0  # until there is a set, which makes the room
        store.set_nowait("next", make_post(1))
        assert store._dictionaries.weight > 0
        assert numbers(store, fill(store, 10)) == {1}

    def test_nothing_is_sampled_when_it_is_done(self, make, fill):
        store = make(max_bytes=ROOM)
        fill(store, 1_500)
        assert store._dictionaries._samples == []

    def test_a_large_value_is_no_sample(self, make):
        """Training on a single one of 64 MiB would take half a minute."""
        begun = []
        store = make(max_bytes=ROOM, start=begun.append)
        store.set_nowait("key", "bread " * LARGE)
        assert (begun, store._dictionaries._samples) == ([], [])

    @pytest.mark.parametrize("max_bytes", [1, 10, 100, 1_000, 10_000])
    def test_a_store_without_room_for_one_works(self, make, fill, taken, max_bytes):
        store = make(max_bytes=max_bytes)
        fill(store, 200)
        assert taken(store) <= max_bytes

    def test_a_thread_of_its_own_runs_it(self, make, fill, numbers):
        store = make(max_bytes=ROOM, start=_in_thread)
        fill(store, 300)
        for thread in threading.enumerate():
            if thread.name == "postopt-train":
                thread.join(60)
        assert 1 in numbers(store, fill(store, 5, "after"))  # the first of these takes it up at the latest


class TestDrift:
    def test_other_values_get_another_dictionary_and_the_old_ones_are_read(self, make, fill, make_post, numbers):
        store = make(max_bytes=ROOM)
        fill(store, 1_500)
        fill(store, 1_500, "wine")
        assert store._dictionaries.current[0] == 3
        kept = [f"bread {number}" for number in range(1_500)]
        assert numbers(store, kept) == {0, 1, 2}
        for number, key in enumerate(kept):
            assert store.get_nowait(key) == make_post(number)

    def test_the_same_values_get_no_other(self, make, fill):
        store = make(max_bytes=ROOM)
        fill(store, 5_000)
        assert store._dictionaries.current[0] == 2

    def test_one_that_no_entry_needs_is_dropped(self, make, fill):
        store = make(max_bytes=ROOM)
        for key in fill(store, 1_500):
            store.delete_nowait(key)
        fill(store, 1_500, "wine")
        dictionaries = store._dictionaries
        assert dictionaries.compressor(1) is None
        assert dictionaries.compressor(2) is not None  # the one before: a thread may have begun with it
        assert set(dictionaries._sizes) == {0, 2, 3}
        assert dictionaries.weight == sum(dictionaries._sizes.values())

    def test_no_more_are_taken_up_than_there_is_room_for(self, make, fill, make_post, taken):
        store = make(max_bytes=ROOM // 2)
        pinned = {}
        for era in map(str, range(8)):
            fill(store, 1_000, era)
            pinned[f"pinned {era}"] = make_post(0, era)
            store.set_nowait(f"pinned {era}", pinned[f"pinned {era}"], priority=7)
            assert len(store._dictionaries._sizes) <= 1 + KEPT
            assert store._dictionaries.weight <= ROOM // 2 // 8
            assert taken(store) <= ROOM // 2
        assert {key: store.get_nowait(key) for key in pinned} == pinned
        assert store.unreadable == 0


class Scripted(ZlibLibrary):
    """Trains as it is told."""

    largest = 800

    def __init__(self, *answers):
        self.answers = list(answers)

    def train(self, samples, size):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def observe_until(dictionaries, done):
    for _ in range(2_000):
        dictionaries.observe(b"bread and butter" * 10, 40)
        if done():
            return
    raise AssertionError("nothing came of it")


class TestFailures:
    def test_a_thread_that_cannot_be_started_leaves_all_as_it_is(self):
        """As at the interpreter's end: a set is no place to be told of that."""
        tried = []

        def start(work):
            tried.append(work)
            raise RuntimeError("can't start new thread")

        dictionaries = Dictionaries(Scripted(), 800, start)
        observe_until(dictionaries, lambda: len(tried) == 2)
        for _ in range(2_000):
            dictionaries.observe(b"bread", 4)
        assert len(tried) == 2  # once for the small, once for the large
        assert dictionaries._samples == []
        assert dictionaries.current[0] == 0

    def test_a_training_that_fails_is_not_the_last(self):
        begun = []
        dictionaries = Dictionaries(Scripted(MemoryError(), b"butter"), 800, begun.append)
        observe_until(dictionaries, lambda: begun)
        with pytest.raises(MemoryError):
            begun.pop()()
        assert not dictionaries.is_trained
        observe_until(dictionaries, lambda: begun)
        begun.pop()()
        dictionaries.adopt([])
        assert dictionaries.current[0] == 1
        assert dictionaries.weight == len(b"butter")

    def test_samples_that_make_none(self):
        dictionaries = Dictionaries(Scripted(b"", b""), 800, lambda work: work())
        observe_until(dictionaries, lambda: not dictionaries._wanted)
        assert not dictionaries.is_trained
        assert dictionaries.current[0] == 0

    def test_numbers_are_never_used_again(self):
        dictionaries = Dictionaries(Scripted(b"one", b"two"), 800, lambda work: work())
        dictionaries.current = MOST - 1, Zlib()
        observe_until(dictionaries, lambda: dictionaries.is_trained)
        dictionaries.adopt([])
        assert dictionaries.current[0] == MOST
        observe_until(dictionaries, lambda: dictionaries.is_trained)
        dictionaries.adopt([])
        assert dictionaries.current[0] == MOST
        assert not dictionaries.is_trained

    def test_two_threads_that_take_up_the_same_one(self):
        dictionaries = Dictionaries(Scripted(b"one"), 800, lambda work: work())
        observe_until(dictionaries, lambda: dictionaries.is_trained)
        dictionaries.adopt([])
        dictionaries.adopt([])
        assert dictionaries.current[0] == 1

    def test_while_it_is_decided_who_needs_what_the_next_may_be_trained(self):
        """The numbers are those of a moment ago; what is current now stays."""
        begun = []
        dictionaries = Dictionaries(Scripted(b"one", b"two"), 800, begun.append)
        observe_until(dictionaries, lambda: begun)
        begun.pop()()

        def numbers():
            observe_until(dictionaries, lambda: begun)
            begun.pop()()
            dictionaries.adopt([])  # another thread
            yield 0

        dictionaries.adopt(numbers())
        number, compressor = dictionaries.current
        assert dictionaries.compressor(number) is compressor


class TestLibraries:
    def test_zlib_remembers_the_ends_of_some_samples(self):
        samples = [bytes([number]) * 100 for number in range(50)]
        dictionary = ZlibLibrary().train(samples, 1_000)
        assert len(dictionary) == 1_000
        assert {dictionary.count(sample) for sample in samples} <= {0, 1}
        assert dictionary == ZlibLibrary().train(samples, 1_000)

    def test_zstandard_makes_none_of_too_little(self):
        pytest.importorskip("zstandard")
        from postopt.caching.zstandard import ZstandardLibrary

        library = ZstandardLibrary()
        assert library.train([b"bread"], 1_000) == library.train([], 1_000) == b""
        assert library.train([b"bread %d" % number for number in range(500)], 1) == b""
