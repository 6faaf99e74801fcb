"""When what waits is written, and what happens where the database fails or hangs.

The database is a dictionary that fails and hangs as told, and the loop's time passes only when nothing else is left to
do, so that spans are exact and no test waits for them.
"""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from postopt.caching import Codec, Entry
from postopt.caching.database.attachment import FIRST_PAUSE, OPENING_SECONDS
from postopt.caching.database.rows import BusyError
from postopt.caching.database.writebehind import BATCH_BYTES, BATCH_ROWS, PATIENCE, RETRY_SECONDS, WriteBehindStore
from postopt.errors import CacheValueError, StoreError
from postopt.testing import ScriptedClock


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time goes on to the next timer when nothing else is left to do."""

    now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if timers and not self._ready:
            self.now = max(self.now, min(timers))
        super()._run_once()


class ScriptedRows:
    """Rows in a dictionary. `log` says when what was called; the next calls raise what stands in `failures`."""

    def __init__(self):
        self.rows = {}
        self.invalidations = {}
        self.epoch = 1
        self.made_at = 0.0
        self.seconds = 0.0
        self.log = []
        self.failures = []
        self.written = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.closed = 0

    async def _call(self, name, *details):
        self.log.append((asyncio.get_running_loop().time(), name, *details))
        await self.hold.wait()
        if self.seconds and name == "write":
            await wait(self.seconds)
        if self.failures:
            raise self.failures.pop(0)

    def times(self, name):
        return [time for time, call, *_ in self.log if call == name]

    async def open(self):
        await self._call("open")
        return self.epoch, self.made_at

    async def read(self, name):
        await self._call("read")
        return self.epoch, *self.rows.get(name, (None, 0))

    async def invalidated(self, groups):
        return max((self.invalidations.get(group, 0) for group in groups), default=0)

    async def write(self, rows):
        await self._call("write", len(rows))
        self.written.append((asyncio.get_running_loop().time(), [row.name for row in rows]))
        for row in rows:
            self.rows[row.name] = row.data, self.epoch
        return self.epoch, len(rows)

    async def forget(self, names, groups):
        await self._call("forget", len(names))
        self.epoch += 1
        self.invalidations |= dict.fromkeys(groups, self.epoch)
        for name in names:
            self.rows.pop(name, None)
        return self.epoch

    async def cull(self, now, incoming):
        return 0

    async def close(self):
        self.closed += 1


def scripted(law, **options):
    """Run `law(store, rows)` in a loop whose time is virtual."""

    async def main():
        rows = ScriptedRows()
        defaults = {
            "codec": Codec(), "flush_seconds": 0.5, "max_pending": 10**8, "max_bytes": 10**8, "deadline": 1.0,
            "clock": ScriptedClock(),
        }  # fmt: skip
        store = WriteBehindStore(lambda: rows, **defaults | options)
        try:
            return await law(store, rows)
        finally:
            rows.hold.set()
            await store.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


async def wait(seconds):
    """Let virtual time pass."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


def entry(size=10):
    return Entry(value=b"x" * size)


class TestWhen:
    def test_an_entry_is_written_when_it_has_waited_so_long(self):
        async def law(store, rows):
            await store.set("a", entry())
            await wait(0.3)
            await store.set("b", entry())
            await wait(5)
            await store.set("c", entry())
            await wait(5)
            return rows.log

        assert scripted(law) == [(0, "open"), (0.5, "write", 2), (5.8, "write", 1)]

    def test_a_stream_of_entries_is_written_in_time(self):
        """However often the same key is set: none waits longer than `flush_seconds`."""

        async def law(store, rows):
            now = asyncio.get_running_loop().time
            sets = []
            for number in range(100):
                for key in ("hot", f"key {number}"):
                    sets.append((now(), f"={key}".encode()))
                    await store.set(key, entry())
                await wait(0.07)
            await wait(1)
            for set_at, name in sets:
                assert any(name in names and set_at <= at <= set_at + 0.5 + 1e-9 for at, names in rows.written)
            return len(rows.written)

        assert scripted(law) < 7 / 0.5

    @pytest.mark.parametrize(("count", "size"), [(BATCH_ROWS, 10), (20, BATCH_BYTES // 20)])
    def test_a_full_batch_is_written_at_once(self, count, size):
        async def law(store, rows):
            for number in range(count):
                await store.set(f"key {number}", entry(size))
            await wait(0.1)
            return sum(details[0] for _, name, *details in rows.log if name == "write")

        assert scripted(law, codec=Codec(compression="none")) == count

    def test_what_is_set_while_others_are_written_waits_for_its_own_turn(self):
        async def law(store, rows):
            await store.set("a", entry())
            await store.set("b", Entry(value="old"))
            await wait(0.4)
            rows.hold.clear()
            await wait(0.2)
            await store.set("b", Entry(value="new"))
            await store.set("c", entry())
            rows.hold.set()
            await wait(0.1)
            assert store.stats().pending == 2
            assert (await store.get("b")).value == "new"
            await wait(1)
            assert (await store.get("b")).value == "new"
            return [details for _, name, *details in rows.log if name == "write"], store.stats().flushed

        assert scripted(law) == ([[2], [2]], 4)

    def test_no_task_is_left_when_nothing_waits(self):
        async def law(store, rows):
            await store.set("a", entry())
            assert len(asyncio.all_tasks()) == 2
            await wait(1)
            assert len(asyncio.all_tasks()) == 1

        scripted(law)

    def test_flush_writes_at_once(self):
        async def law(store, rows):
            for number in range(2 * BATCH_ROWS + 1):
                await store.set(f"key {number}", entry())
            await store.flush()
            assert asyncio.get_running_loop().time() == 0
            return [details for _, name, *details in rows.log if name == "write"], store.stats().pending

        assert scripted(law) == ([[BATCH_ROWS], [BATCH_ROWS], [1]], 0)

    def test_flush_writes_all_that_was_set_before_also_if_some_is_set_again_meanwhile(self):
        async def law(store, rows):
            for key in "abcd":
                await store.set(key, entry(BATCH_BYTES // 2))
            rows.hold.clear()
            flush = asyncio.ensure_future(store.flush())
            for _ in range(20):
                await asyncio.sleep(0)
                await store.set("a", entry(BATCH_BYTES // 2 + 1))
            rows.hold.set()
            await flush
            return {name for _, names in rows.written for name in names}

        assert scripted(law, codec=Codec(compression="none")) == {b"=a", b"=b", b"=c", b"=d"}

    def test_nothing_happens_before_the_first_call(self):
        async def law(store, rows):
            assert store.stats().pending == 0
            await wait(10)
            return rows.log

        assert scripted(law) == []


class TestOpening:
    def test_goes_on_when_all_have_given_up(self):
        """Else a database that takes longer to connect to than a call has would never be reached."""

        async def law(store, rows):
            rows.hold.clear()
            for _ in range(3):
                with pytest.raises(StoreError, match="did not answer"):
                    await store.set("a", entry())
            rows.hold.set()
            await store.set("a", entry())
            return rows.times("open")

        assert scripted(law) == [0]

    def test_is_begun_anew_when_it_takes_too_long(self):
        async def law(store, rows):
            rows.hold.clear()
            task = asyncio.ensure_future(store.flush())
            await wait(OPENING_SECONDS + 0.5)
            with pytest.raises(StoreError, match="did not answer"):
                await task
            with pytest.raises(StoreError, match="did not answer"):
                await store.get("a")
            rows.hold.set()
            assert await store.get("a") is None
            return rows.times("open")

        assert scripted(law) == [0, OPENING_SECONDS + 0.5]

    def test_says_when_it_takes_too_long(self):
        async def law(store, rows):
            rows.hold.clear()
            with pytest.raises(StoreError, match=r"could not be opened within 7\.0 s"):
                await store._attach().call(lambda rows: rows.read(b""), 100)

        scripted(law, deadline=7.0)

    def test_is_over_when_the_store_closes(self):
        async def law(store, rows):
            rows.hold.clear()
            get = asyncio.ensure_future(store.get("a"))
            for _ in range(10):
                await asyncio.sleep(0)
            await store.aclose()
            with pytest.raises(StoreError):
                await get
            return asyncio.get_running_loop().time()

        assert scripted(law, deadline=30.0) == 0


class TestOtherTables:
    """Found in place of those that were there."""

    @staticmethod
    def replace(rows, epoch):
        rows.rows, rows.invalidations, rows.epoch, rows.made_at = {}, {}, epoch, rows.made_at + 1
        rows.failures = [BusyError("other tables")]

    def test_what_was_set_after_the_last_known_invalidation_is_kept(self):
        async def law(store, rows):
            await store.set("doubtful", entry())
            await store.invalidate_tag("t")
            await store.set("kept", entry())
            self.replace(rows, 1000)
            assert (await store.get("doubtful"), await store.get("kept")) == (None, entry())
            await store.flush()
            return sorted(rows.rows), store.stats().outdated

        assert scripted(law, flush_seconds=1e9) == ([b"=kept"], 1)

    def test_nothing_is_kept_if_the_clock_was_put_back(self):
        async def law(store, rows):
            rows.epoch = 50
            await store.set("doubtful", entry())
            self.replace(rows, 7)
            assert await store.get("doubtful") is None
            await store.set("later", entry())
            await store.flush()
            assert await store.get("later") == entry()
            return sorted(rows.rows), store.stats().outdated

        assert scripted(law, flush_seconds=1e9) == ([b"=later"], 1)


class TestFailures:
    def test_what_could_not_be_written_waits_and_is_tried_again(self, caplog):
        async def law(store, rows):
            await store.set("a", entry())
            rows.failures = [StoreError("full")] * 3
            await wait(10)
            assert (await store.get("a")).value == entry().value
            return rows.times("write"), store.stats()

        with caplog.at_level(logging.WARNING, "postopt.caching"):
            times, stats = scripted(law)
        # The tables are looked at again after each failure, and then the fault is met there.
        assert times == [0.5, 2.0]
        assert (stats.flush_failures, stats.flushed, stats.pending) == (3, 1, 0)
        assert len(caplog.records) == 2  # the first, then each time they have doubled

    def test_a_database_that_fails_at_once_is_not_asked_all_the_time(self):
        async def law(store, rows):
            await store.set("a", entry())
            rows.failures = [StoreError("gone")] * 1000
            await wait(10)
            rows.failures.clear()
            return store.stats().flush_failures

        assert scripted(law, flush_seconds=0) == 10 / RETRY_SECONDS

    def test_a_busy_database_is_asked_again_within_the_deadline(self):
        async def law(store, rows):
            await store.get("a")
            rows.log.clear()
            rows.failures = [BusyError("locked")] * 4
            await store.get("a")
            rows.failures = [BusyError("locked")] * 100
            with pytest.raises(BusyError, match="locked"):
                await store.get("a")
            assert asyncio.get_running_loop().time() < 2
            return rows.times("open")[:2] + rows.times("read")[:1]

        assert scripted(law) == [FIRST_PAUSE, 3 * FIRST_PAUSE, 0]

    @pytest.mark.parametrize(
        "call", [lambda store: store.get("a"), lambda store: store.delete("a"), lambda store: store.invalidate_tag("t"),
                 lambda store: store.flush(), lambda store: store.set("a", entry())]
    )  # fmt: skip
    def test_a_call_ends_at_its_deadline(self, call):
        async def law(store, rows):
            rows.hold.clear()
            with pytest.raises(StoreError, match=r"did not answer within 1\.0 s"):
                await call(store)
            return asyncio.get_running_loop().time()

        assert scripted(law) == 1

    def test_a_set_never_waits_for_a_database_that_was_there_once(self):
        async def law(store, rows):
            await store.set("a", entry())
            rows.hold.clear()
            for number in range(100):
                await store.set(f"key {number}", entry())
            return asyncio.get_running_loop().time()

        assert scripted(law) == 0

    def test_writing_behind_is_given_up_when_nobody_would_wait_that_long(self):
        async def law(store, rows):
            await store.set("a", entry())
            rows.hold.clear()
            await wait(0.5 + PATIENCE + 0.1)
            assert store.stats().flush_failures == 1
            rows.hold.set()
            await wait(1)
            return store.stats().flushed

        assert scripted(law) == 1

    def test_sets_are_refused_while_too_much_waits(self):
        async def law(store, rows):
            await store.set("key 0", Entry(value="old"))
            await store.flush()
            rows.hold.clear()
            for taken in range(1000):
                try:
                    await store.set(f"key {taken}", entry(100))
                except StoreError:
                    break
            assert store.stats().pending == taken
            assert store.stats().pending_bytes <= 100_000
            assert store.stats().refused == 1
            rows.hold.set()
            await wait(1)
            await store.set("more", entry(100))
            await store.flush()
            # None that was taken in is missing.
            return [await store.get(f"key {number}") for number in range(taken)].count(None)

        assert scripted(law, max_pending=100_000) == 0

    def test_a_value_that_cannot_be_kept_leaves_no_older_one(self):
        async def law(store, rows):
            for bad in (object(), b"x" * 20_000):
                await store.set("a", Entry(value="old"))
                await store.flush()
                with pytest.raises(CacheValueError):
                    await store.set("a", Entry(value=bad))
                assert await store.get("a") is None
                await store.flush()
                assert rows.rows[b"=a"][0] is None
                assert await store.get("a") is None

        scripted(law, max_pending=30_000, codec=Codec(compression="none"))


class TestDeletions:
    def test_many_at_once_share_a_transaction(self):
        async def law(store, rows):
            for number in range(1000):
                await store.set(f"key {number}", entry())
            await asyncio.gather(*(store.delete(f"key {number}") for number in range(1000)))
            return sum(details[0] for _, name, *details in rows.log if name == "forget"), len(rows.times("forget"))

        deleted, transactions = scripted(law)
        assert deleted == 1000
        assert transactions <= 2

    def test_one_that_comes_while_the_same_is_being_deleted_is_deleted_again(self):
        """Another process may have written the key in between."""

        async def law(store, rows):
            await store.get("a")
            rows.hold.clear()
            first = asyncio.ensure_future(store.delete("a"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            second = asyncio.ensure_future(store.delete("a"))
            await asyncio.sleep(0)
            rows.hold.set()
            await asyncio.gather(first, second)
            return len(rows.times("forget"))

        assert scripted(law) == 2

    @pytest.mark.parametrize("tag", [False, True])
    def test_one_that_failed_is_not_served_and_tried_again(self, tag):
        async def law(store, rows):
            await store.set("a", Entry(value=1, tags=("t",)))
            await store.flush()
            rows.failures = [StoreError("full")]
            with pytest.raises(StoreError, match="full"):
                await (store.invalidate_tag("t") if tag else store.delete("a"))
            assert await store.get("a") is None
            assert rows.epoch == 1
            await wait(1)
            assert await store.get("a") is None
            return rows.epoch

        assert scripted(law) == 2

    def test_when_more_failed_than_can_be_remembered_nothing_older_is_served(self):
        async def law(store, rows):
            await store.set("kept", entry())
            for number in range(100):
                await store.set(f"key {number}", entry())
                await store.flush()
            rows.failures = [StoreError("full")] * 100
            for number in range(100):
                with pytest.raises(StoreError):
                    await store.delete(f"key {number}")
            rows.failures.clear()
            assert await store.get("kept") is None
            await wait(1)
            assert [found for number in range(100) if (found := await store.get(f"key {number}"))] == []
            assert await store.get("kept") is None
            await store.set("new", entry())
            await store.flush()
            return (await store.get("new")).value

        assert scripted(law, max_pending=20_000) == entry().value

    def test_a_cancelled_one_is_carried_out_all_the_same(self):
        async def law(store, rows):
            await store.set("a", entry())
            await store.flush()
            rows.hold.clear()
            task = asyncio.ensure_future(store.delete("a"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            rows.hold.set()
            assert await store.get("a") is None
            await wait(1)
            return rows.rows

        assert scripted(law) == {}


class TestEnds:
    def test_closing_writes_and_lets_go(self):
        async def law(store, rows):
            await store.set("a", entry())
            await asyncio.gather(store.aclose(), store.aclose())
            await store.aclose()
            assert rows.closed == 1
            calls = (store.get, store.delete, store.invalidate_tag, partial(store.set, entry=entry()))
            for call in calls:
                with pytest.raises(StoreError, match="closed"):
                    await call("a")
            with pytest.raises(StoreError, match="closed"):
                await store.flush()
            return list(rows.rows)

        assert scripted(law) == [b"=a"]

    def test_what_the_database_does_not_take_at_closing_is_lost_and_counted(self, caplog):
        async def law(store, rows):
            await store.set("a", entry())
            await store.set("b", entry())
            rows.hold.clear()
            await store.aclose()
            # As long as the deadline for the rows, for the calls under way, and for letting go.
            assert asyncio.get_running_loop().time() <= 3
            return store.stats()

        with caplog.at_level(logging.WARNING, "postopt.caching"):
            stats = scripted(law)
        assert (stats.lost, stats.pending, stats.flush_failures) == (2, 0, 1)
        assert "2 entries were lost" in caplog.text

    @pytest.mark.parametrize("at_the_end_of_the_loop", [True, False])
    def test_a_slow_database_takes_all_that_waits_at_closing(self, at_the_end_of_the_loop):
        """However much longer than the deadline that is, as long as each batch is written within it."""

        async def law(store, rows):
            for number in range(10 * BATCH_ROWS):
                await store.set(f"key {number}", entry())
            rows.seconds = 0.9
            if at_the_end_of_the_loop:
                await store._attachment.aclose()
            else:
                await store.aclose()
            assert asyncio.get_running_loop().time() >= 9
            return len(rows.rows), store.stats().lost, store.stats().flush_failures

        assert scripted(law, flush_seconds=1e9) == (10 * BATCH_ROWS, 0, 0)

    def test_a_cancelled_closing_lets_go_all_the_same(self):
        async def law(store, rows):
            await store.set("a", entry())
            rows.hold.clear()
            closing = asyncio.ensure_future(store.aclose())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait({closing})
            assert rows.closed == 1
            rows.hold.set()
            await store.aclose()

        scripted(law)

    def test_a_call_under_way_ends_before_the_connections_close(self):
        async def law(store, rows):
            await store.set("a", entry())
            rows.hold.clear()
            get = asyncio.ensure_future(store.get("a"))
            await asyncio.sleep(0)
            closing = asyncio.ensure_future(store.aclose())
            for _ in range(10):
                await asyncio.sleep(0)
            rows.hold.set()
            assert (await get).value == entry().value
            await closing

        scripted(law)

    def test_what_a_fork_inherited_is_the_parents(self):
        """Here the child is this process, which takes itself for another; `test_processes.py` has real ones."""

        async def law(store, rows):
            await store.set("a", entry())
            inherited = store._attachment
            inherited.pid = 0
            assert await store.get("a") is None
            assert store._attachment is not inherited
            await store.aclose()
            assert rows.closed == 1
            inherited.pid = os.getpid()
            await inherited.aclose()
            return store.stats().lost

        assert scripted(law) == 0

    def test_two_loops_at_once_are_refused(self):
        async def law(store, rows):
            await store.get("a")

            def elsewhere():
                with pytest.raises(StoreError, match="another event loop") as caught:
                    asyncio.run(store.get("a"))
                return caught.value.hint

            with ThreadPoolExecutor(1) as pool:
                return pool.submit(elsewhere).result()

        assert "a store for each" in scripted(law)
