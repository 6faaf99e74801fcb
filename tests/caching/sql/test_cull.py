"""What has ended goes, what finds no room goes, both in small steps, and never what was just written."""

import asyncio
from itertools import pairwise

import pytest

from postopt.caching import Codec, Entry
from postopt.errors import CacheValueError
from postopt.testing import ScriptedClock

KB = Entry(value=b"x" * 1000)


def with_store(law, database, **options):
    async def main():
        clock = ScriptedClock(1000.0)
        defaults = {"flush_seconds": 1e9, "deadline": 30.0, "clock": clock, "codec": Codec(compression="none")}
        store = database.store(**defaults | options)
        try:
            return await law(store, clock)
        finally:
            await store.aclose()

    return asyncio.run(main())


async def count(database):
    ((rows, size),) = await asyncio.to_thread(
        database.sql, "SELECT count(*), cast(coalesce(sum(size), 0) as bigint) FROM postopt_cache"
    )
    return rows, size


class TestEnded:
    def test_what_has_ended_is_deleted_by_later_flushes_a_part_at_a_time(self, database):
        async def law(store, clock):
            for number in range(2500):
                await store.set(f"key {number}", Entry(value=1, expires_at=1010.0, stale_until=1020.0))
            await store.set("lives", Entry(value=1))
            await store.flush()
            clock.set(1010.0)
            await store.flush()
            left = [(await count(database))[0]]
            clock.set(1020.0)
            while left[-1] > 1:
                await store.flush()
                left.append((await count(database))[0])
            assert (await store.get("lives")).value == 1
            return left, store.stats().culled

        assert with_store(law, database) == ([2501, 1501, 501, 1], 2500)

    def test_it_cannot_pile_up(self, database):
        """What ends is deleted at least as fast as it can be written."""

        async def law(store, clock):
            most = 0
            for generation in range(8):
                for number in range(500):
                    await store.set(f"key {generation} {number}", Entry(value=1, expires_at=clock() + 10))
                await store.flush()
                clock.advance(10)
                most = max(most, (await count(database))[0])
            return most

        assert with_store(law, database) <= 1000

    def test_large_ones_are_fewer_at_a_time(self, database):
        async def law(store, clock):
            for number in range(30):
                await store.set(f"key {number}", Entry(value=b"x" * 400_000, expires_at=1010.0))
            await store.flush()
            clock.set(1010.0)
            await store.flush()
            return (await count(database))[0]

        assert with_store(law, database, max_pending=10**8) == 24  # of 2 MiB, begun

    def test_what_was_set_anew_stays(self, database):
        async def law(store, clock):
            await store.set("key", Entry(value=1, expires_at=1010.0))
            await store.flush()
            clock.set(1010.0)
            await store.set("key", Entry(value=2, expires_at=1050.0))
            await store.flush()
            await store.flush()
            return (await store.get("key")).value

        assert with_store(law, database) == 2


class TestRoom:
    def test_the_bound_holds_and_the_oldest_go(self, database):
        async def law(store, clock):
            for number in range(300):
                await store.set(f"key {number}", KB)
                clock.advance(1)
                if number % 10 == 9:
                    await store.flush()
                    assert (await count(database))[1] <= 100_000
                    assert await store.get(f"key {number}") is not None
            there = [number for number in range(300) if await store.get(f"key {number}")]
            assert there == list(range(there[0], 300))
            return len(there)

        assert with_store(law, database, max_bytes=100_000) >= 80

    def test_lower_priorities_go_first(self, database):
        async def law(store, clock):
            for number in range(80):
                await store.set(f"key {number}", Entry(value=b"x" * 900, priority=7 - number % 8))
                await store.flush()
                clock.advance(1)
            there = [number for number in range(80) if await store.get(f"key {number}")]
            return [sum(7 - number % 8 == priority for number in there) for priority in range(8)]

        # Ten of each were set, and half of all find room. One that was just written stays until the next comes.
        counts = with_store(law, database, max_bytes=40_000)
        assert counts[5:] == [10, 10, 10]
        assert sum(counts[:4]) <= 4

    @pytest.mark.parametrize("seconds", [-500.0, 500.0])
    def test_never_what_was_just_written(self, database, seconds):
        """Not if it is the least of all, and not if the clock says that it is the oldest."""

        async def law(store, clock):
            for number in range(90):
                await store.set(f"key {number}", Entry(value=b"x" * 1000, priority=7))
            await store.flush()
            clock.set(1000.0 + seconds)
            for number in range(20):
                await store.set(f"new {number}", Entry(value=b"x" * 1000, priority=0))
                await store.flush()
                assert await store.get(f"new {number}") is not None
            return (await count(database))[1]

        assert with_store(law, database, max_bytes=100_000) <= 100_000

    def test_no_more_goes_than_has_to(self, database):
        async def law(store, clock):
            culled = [0]
            for number in range(200):
                await store.set(f"key {number}", KB)
                clock.advance(1)
                await store.flush()
                culled.append(store.stats().culled)
            assert culled[-1] > 80
            return max(later - earlier for earlier, later in pairwise(culled))

        assert with_store(law, database, max_bytes=100_000) <= 100_000 // 16 // 1000 + 2

    def test_several_processes_exceed_it_by_their_eighths_at_most(self, database):
        async def law(store, clock):
            others = [
                database.store(max_bytes=80_000, flush_seconds=1e9, clock=clock, codec=Codec(compression="none"))
                for _ in range(3)
            ]
            most = 0
            for number in range(300):
                await others[number % 3].set(f"key {number}", KB)
                await others[number % 3].flush()
                if number % 7 == 0:
                    most = max(most, (await count(database))[1])
            assert most > 80_000 * 3 / 4
            for other in others:
                await other.aclose()
            return most

        assert with_store(law, database) <= 80_000 * (1 + 3 / 8) + 3 * 1100

    def test_replacing_the_same_keys_drops_none(self, database):
        """What is replaced takes no room, although it is counted until the next look."""

        async def law(store, clock):
            for number in range(1000):
                await store.set(f"key {number % 50}", KB)
                if number % 25 == 24:
                    await store.flush()
            assert (await count(database))[0] == 50
            return store.stats().culled

        assert with_store(law, database, max_bytes=100_000) == 0

    def test_a_batch_that_is_larger_than_all_of_it_is_written_and_makes_room_next_time(self, database):
        async def law(store, clock):
            for number in range(20):
                await store.set(f"key {number}", KB)
            await store.flush()
            assert (await count(database))[0] == 20
            await store.set("last", KB)
            await store.flush()
            assert await store.get("last") is not None
            return (await count(database))[1]

        assert with_store(law, database, max_bytes=5000) <= 5000

    def test_an_entry_larger_than_all_of_it_is_refused(self, database):
        async def law(store, clock):
            await store.set("key", KB)
            await store.flush()
            with pytest.raises(CacheValueError, match="too large"):
                await store.set("key", Entry(value=b"x" * 5000))
            return await store.get("key")

        assert with_store(law, database, max_bytes=5000) is None


def test_a_bytes_key_of_a_megabyte(database):
    async def law(store, clock):
        keys = ["x" * 2**20, "x" * 2**20 + "y"]
        for number, key in enumerate(keys):
            await store.set(key, Entry(value=number))
        await store.flush()
        values = [(await store.get(key)).value for key in keys]
        await store.delete(keys[0])
        return values, await store.get(keys[0]), (await store.get(keys[1])).value

    assert with_store(law, database) == ([0, 1], None, 1)
