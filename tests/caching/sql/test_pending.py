"""The buffer of what is not in the database yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.caching.database.pending import GROUP_BYTES, ROW_BYTES, Pending
from postopt.caching.database.rows import Row
from postopt.errors import StoreError

SIZE = ROW_BYTES + GROUP_BYTES
"""Of a row without name and data."""


def row(name="a", data=b"x", epoch=1):
    return Row(name.encode(), data, epoch, (1,))


def names(rows):
    return [row.name.decode() for row in rows]


class TestRows:
    def test_the_newest_of_a_name_counts_and_keeps_the_place(self):
        pending = Pending(10_000)
        for name, data in (("a", b"1"), ("b", b"2"), ("a", b"3")):
            pending.put(row(name, data))
        assert pending.get(b"a").data == b"3"
        assert names(pending.batch(10, 10_000)) == ["a", "b"]
        assert len(pending) == 2

    def test_a_batch_holds_those_that_waited_longest(self):
        pending = Pending(100_000)
        for name in "abcde":
            pending.put(row(name, b"x" * 1000))
        assert names(pending.batch(2, 100_000)) == ["a", "b"]
        assert names(pending.batch(9, 3 * (1001 + SIZE))) == ["a", "b", "c"]
        assert names(pending.batch(9, 1)) == ["a"]  # else it would never be written
        assert Pending(1).batch(9, 9) == []

    def test_what_is_written_goes_but_not_what_came_meanwhile(self):
        pending = Pending(10_000)
        pending.put(row("a", b"old"))
        pending.put(row("b"))
        batch = pending.batch(10, 10_000)
        pending.put(row("a", b"new"))
        pending.put(row("c"))
        pending.written(batch)
        pending.written(batch)
        assert pending.get(b"a").data == b"new"
        assert pending.get(b"b") is None
        assert names(pending.batch(10, 10_000)) == ["c", "a"]
        assert pending.row_bytes == 2 * SIZE + len(b"a" + b"new" + b"c" + b"x")

    def test_a_row_that_finds_no_room_is_refused(self):
        pending = Pending(2 * SIZE + 10)
        pending.put(row("a", b"x" * 5))
        with pytest.raises(StoreError, match="no room") as caught:
            pending.put(row("b", b"x" * (SIZE + 5)))
        assert "max_pending" in caught.value.hint
        assert names(pending.batch(9, 9_000)) == ["a"]
        pending.put(row("b", b"xxx"))

    def test_in_place_of_a_refused_row_no_older_one_is_left(self):
        pending = Pending(2 * SIZE)
        pending.put(row("a", b"old"))
        with pytest.raises(StoreError):
            pending.put(row("a", b"x" * 2 * SIZE))
        assert pending.get(b"a").data is None
        assert pending.row_bytes == SIZE + 1


class TestDeletions:
    def test_a_deleted_row_waits_no_more(self):
        pending = Pending(10_000)
        pending.put(row("a"))
        pending.forget(b"a")
        assert pending.get(b"a") is None
        assert pending.row_bytes == 0
        assert pending
        assert pending.hides(b"a")
        assert not pending.hides(b"b", (7,))

    def test_groups(self):
        pending = Pending(10_000)
        pending.forget(7)
        assert pending.hides(b"a", (6, 7))
        assert not pending.hides(b"a", (6,))

    def test_what_was_asked_for_again_stays(self):
        pending = Pending(10_000)
        pending.forget(b"a")
        pending.forget(7)
        begun = pending.deletions()
        pending.forget(b"a")
        pending.forgotten(begun)
        assert list(pending.deletions()) == [b"a"]
        pending.forgotten(pending.deletions())
        assert not pending

    def test_more_than_can_be_remembered_is_everything(self):
        pending = Pending(3 * ROW_BYTES)
        for number in range(4):
            pending.forget(number)
        assert list(pending.deletions()) == [None]
        assert pending.hides(b"any", ())
        begun = pending.deletions()
        pending.forget(b"b")
        pending.forgotten(begun)
        assert pending.hides(b"any", ())
        pending.forgotten(pending.deletions())
        assert not pending.hides(b"any", ())
        pending.forget(b"c")
        assert list(pending.deletions()) == [b"c"]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcd"), st.binary(max_size=800)),
        st.tuples(st.just("forget"), st.sampled_from([b"a", b"b", b"c", b"d", 1, 2, 3])),
        st.tuples(st.just("batch"), st.integers(1, 4)),
        st.tuples(st.just("written")),
        st.tuples(st.just("forgotten")),
        st.tuples(st.just("clear")),
    )
)


class Checked:
    """A buffer beside a model of its rows."""

    def __init__(self, max_bytes):
        self.pending = Pending(max_bytes)
        self.model = {}
        self.batched, self.begun = [], {}

    def put(self, name, data):
        new = row(name, data)
        try:
            self.pending.put(new)
            self.model[new.name] = new
        except StoreError:
            if new.name in self.model:
                self.model[new.name] = self.pending.get(new.name)
                assert self.model[new.name].data is None

    def forget(self, target):
        self.pending.forget(target)
        self.model.pop(target, None)

    def batch(self, rows):
        self.batched = self.pending.batch(rows, 1_000)
        self.begun = self.pending.deletions()

    def written(self):
        self.pending.written(self.batched)
        for written in self.batched:
            if self.model.get(written.name) is written:
                del self.model[written.name]

    def forgotten(self):
        self.pending.forgotten(self.begun)

    def clear(self):
        assert self.pending.clear() == len(self.model)
        self.model.clear()


@given(actions, st.integers(1, 3_000))
def test_it_is_bounded_and_keeps_count(steps, max_bytes):
    checked = Checked(max_bytes)
    pending, model = checked.pending, checked.model
    for kind, *arguments in steps:
        getattr(checked, kind)(*arguments)
        assert {waits.name: waits for waits in pending.batch(9, 9_000)} == model
        assert pending.row_bytes == sum(SIZE + len(waits.name) + len(waits.data or b"") for waits in model.values())
        assert pending.row_bytes <= max_bytes
        assert len(pending.deletions()) * ROW_BYTES <= max(max_bytes, ROW_BYTES)
        assert bool(pending) == bool(model or pending.deletions())
