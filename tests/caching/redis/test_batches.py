"""How calls travel: together, in order, within their deadline, and past a breaker."""

import asyncio
from collections import Counter
from contextlib import nullcontext, suppress

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Codec, Entry
from postopt.caching.cooldown import Cooldown
from postopt.caching.redis import RedisStore
from postopt.caching.remote.batches import MAX_KEYS
from postopt.caching.remote.naming import Names
from postopt.errors import CacheValueError, StoreError
from postopt.testing import ScriptedClock

NAMES = Names("postopt")
KINDS = ("get", "set", "tagged set", "fenced set", "delete", "invalidate_tag", "tagged get")


class Open:
    """A breaker that refuses, with an error of its own."""

    async def acall(self, function, *args):
        raise RuntimeError("open")


class Counting:
    """A breaker that lets everything through and knows what came of it."""

    def __init__(self):
        self.outcomes = Counter()

    async def acall(self, function, *args):
        try:
            result = await function(*args)
        except BaseException as error:
            self.outcomes[type(error).__name__] += 1
            raise
        self.outcomes["fine"] += 1
        return result


def run(server, story, **settings):
    async def main():
        store = RedisStore(server.url, **{"deadline": 10, **settings})
        try:
            async with asyncio.timeout(60):
                return await story(store)
        finally:
            server.thaw()
            await store.aclose()

    return asyncio.run(main())


def call(store, kind, key="key", value="new"):
    return {
        "get": lambda: store.get(key),
        "set": lambda: store.set(key, Entry(value=value)),
        "tagged set": lambda: store.set(key, Entry(value=value, tags=("t", "u"))),
        "fenced set": lambda: store.set(key, Entry(value=value), fence=5),
        "delete": lambda: store.delete(key),
        "invalidate_tag": lambda: store.invalidate_tag("t"),
        "tagged get": lambda: store.get("tagged"),
    }[kind]()


async def value(store, key="key"):
    found = await store.get(key)
    return None if found is None else found.value


class TestTogether:
    def test_reads_of_one_tick_are_one_command(self, server):
        async def story(store):
            await asyncio.gather(*(store.get(f"{n}") for n in range(MAX_KEYS)))

        run(server, story)
        assert server.calls("mget") == 1

    def test_more_than_fit_are_cut(self, server):
        async def story(store):
            await asyncio.gather(*(store.set(f"{n}", Entry(value=n)) for n in range(2 * MAX_KEYS + 1)))
            assert store.stats().batches == 3
            found = await asyncio.gather(*(value(store, f"{n}") for n in range(2 * MAX_KEYS + 1)))
            assert found == list(range(2 * MAX_KEYS + 1))
            assert store.stats().batches == 6

        run(server, story)
        assert server.calls("mget") == 3

    def test_large_writes_are_cut_by_their_size(self, server):
        async def story(store):
            await asyncio.gather(*(store.set(f"{n}", Entry(value=bytes(400_000))) for n in range(10)))
            assert store.stats().batches == 4  # three make more than 1 MiB

        run(server, story, codec=Codec(compression="none"))

    def test_all_kinds_of_calls_in_one_tick(self, server):
        async def story(store):
            await store.set("tagged", Entry(value=1, tags=("t",)))
            calls = [
                call(store, kind, key=f"{kind} {n}") for n in range(20) for kind in KINDS if kind != "invalidate_tag"
            ]
            await asyncio.gather(*calls)
            for kind in ("set", "tagged set", "fenced set"):
                assert [await value(store, f"{kind} {n}") for n in range(20)] == ["new"] * 20

        run(server, story)

    def test_calls_of_the_next_tick_do_not_wait_for_those_of_the_last(self, server):
        async def story(store):
            await store.get("warm")
            server.freeze()
            first = asyncio.ensure_future(store.get("one"))
            for _ in range(5):
                await asyncio.sleep(0)
            second = asyncio.ensure_future(store.get("two"))
            for _ in range(5):
                await asyncio.sleep(0)
            assert store.stats().batches == 3
            server.thaw()
            assert await asyncio.gather(first, second) == [None, None]

        run(server, story)


class TestOrder:
    def test_what_one_task_does_happens_in_that_order(self, server):
        async def use(store, name):
            for n in range(30):
                await store.set(name, Entry(value=n))
                assert await value(store, name) == n
                if n % 3 == 0:
                    await store.delete(name)
                    assert await store.get(name) is None
                if n % 5 == 0:
                    await store.set(name, Entry(value=-n, tags=(name,)))
                    assert await value(store, name) == -n
                    await store.invalidate_tag(name)
                    assert await store.get(name) is None

        async def story(store):
            await asyncio.gather(*(use(store, f"task {n}") for n in range(20)))

        run(server, story)

    def test_writes_of_one_tick_happen_in_the_order_of_their_calls(self, server):
        async def story(store):
            for _ in range(10):
                await asyncio.gather(*(store.set("key", Entry(value=n)) for n in range(50)))
                assert await value(store) == 49
                await asyncio.gather(store.set("key", Entry(value=1)), store.delete("key"))
                assert await store.get("key") is None

        run(server, story)

    def test_of_one_tick_writes_come_before_reads(self, server):
        async def story(store):
            for n in range(10):
                found, _ = await asyncio.gather(value(store), store.set("key", Entry(value=n)))
                assert found == n

        run(server, story)

    @pytest.mark.parametrize("steps", range(8))
    def test_a_cancelled_write_never_comes_after_a_later_one(self, server, steps):
        async def story(store):
            for n in range(30):
                task = asyncio.ensure_future(store.set("key", Entry(value="cancelled")))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await store.set("key", Entry(value=n))
                assert await value(store) == n
                await asyncio.wait({task})
                assert await value(store) == n

        run(server, story)

    def test_also_while_the_connection_is_being_opened(self, server):
        async def main():
            for steps in range(60):
                store = RedisStore(server.url, deadline=10)
                task = asyncio.ensure_future(store.set("key", Entry(value="cancelled")))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await store.set("key", Entry(value=steps))
                assert await value(store) == steps
                await store.aclose()

        asyncio.run(main())


class TestCancellation:
    @pytest.mark.parametrize("kind", KINDS)
    def test_at_every_step_it_leaves_the_others_alone(self, server, kind):
        async def story(store):
            await store.set("tagged", Entry(value=1, tags=("other",)))
            for steps in range(40):
                task = asyncio.ensure_future(call(store, kind, key="cancelled"))
                others = [asyncio.ensure_future(call(store, other)) for other in ("set", "get", "tagged get")]
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                await asyncio.gather(*others)
                assert (await others[2]).value == 1
                assert await value(store) == "new"
            assert store.stats().errors == store.stats().timeouts == 0

        run(server, story)

    def test_readers_of_one_key_do_not_share_a_cancellation(self, server):
        async def story(store):
            await store.set("key", Entry(value=1))
            tasks = [asyncio.ensure_future(value(store)) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks)
            assert [task.result() for task in tasks[1::2]] == [1] * 5
            assert all(task.cancelled() for task in tasks[::2])

        run(server, story)

    def test_what_is_cancelled_before_it_leaves_is_not_sent(self, server):
        async def story(store):
            tasks = [asyncio.ensure_future(call(store, kind)) for kind in ("set", "get", "delete")]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert store.stats().batches == 0

        run(server, story)

    def test_nothing_is_left_behind(self, server):
        async def story(store):
            for n in range(50):
                task = asyncio.ensure_future(asyncio.gather(*(call(store, kind) for kind in KINDS)))
                for _ in range(n):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
            await store.get("key")
            # This one, and the one that looks after the connection.
            await server.eventually(lambda: len(asyncio.all_tasks()) == 2)

        run(server, story)


class TestDeadline:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_frozen_server_ends_no_call_late(self, own_server, kind):
        async def story(store):
            await store.set("tagged", Entry(value=1, tags=("t",)))
            own_server.freeze()
            with pytest.raises(StoreError, match=r"0\.2 s"):
                await call(store, kind)
            assert store.stats().timeouts == 1
            assert (store.stats().errors, store.stats().refused) == (0, 0)

        run(own_server, story, deadline=0.2)

    @pytest.mark.parametrize("kind", ["tagged set", "tagged get", "invalidate_tag"])
    def test_a_call_of_several_trips_has_one_deadline(self, own_server, kind):
        """The relay answers each trip just in time, so only all of them together are too late."""

        async def story(store):
            await store.set("tagged", Entry(value=1, tags=("t",)))

            class Slow:
                async def acall(self, function, *args):
                    await function(*args)
                    loop = asyncio.get_running_loop()
                    done = loop.create_future()
                    loop.call_later(0.15, done.set_result, None)
                    await done

            store._batches.get()._breaker = Slow()
            with pytest.raises(StoreError, match=r"0\.2 s"):
                await call(store, kind)
            assert store.stats().timeouts == 1

        run(own_server, story, deadline=0.2)

    def test_a_thousand_calls_in_flight(self, own_server):
        async def story(store):
            await store.get("warm")
            own_server.freeze()
            calls = [call(store, KINDS[n % len(KINDS)], key=f"{n}") for n in range(1000)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(result, StoreError) for result in results)
            stats = store.stats()
            assert (stats.timeouts + stats.refused, stats.errors) == (1000, 0)

        run(own_server, story, deadline=0.2)

    def test_what_comes_late_is_never_given_to_somebody_else(self, own_server):
        keys = [f"key {n}" for n in range(50)]

        async def story(store):
            await asyncio.gather(*(store.set(key, Entry(value=key)) for key in keys))
            for _ in range(5):
                own_server.freeze()
                late = await asyncio.gather(*(store.get(key) for key in keys), return_exceptions=True)
                assert all(isinstance(result, StoreError) for result in late)
                own_server.thaw()
                found = await asyncio.gather(*(value(store, key) for key in reversed(keys)), return_exceptions=True)
                for one, key in zip(found, reversed(keys), strict=True):
                    assert one == key or isinstance(one, StoreError)
                await recovered(store)
                assert await asyncio.gather(*(value(store, key) for key in keys)) == keys

        run(own_server, story, deadline=0.2, breaker=Counting())

    def test_a_reply_that_is_cut_in_the_middle_is_never_taken_up_by_another_call(self, own_server):
        """The server is frozen while it sends: half of a large reply is there, the rest comes after the deadline."""
        large = bytes(range(256)) * 4_000
        codec = Codec(compression="none")

        async def fill(store):
            await asyncio.gather(*(store.set(f"large {n}", Entry(value=large)) for n in range(6)))
            await store.set("key", Entry(value="small"))

        async def story(store):
            await store.get("warm")
            for turns in (0, 2, 4, 6, 8, 12, 20):
                calls = [asyncio.ensure_future(store.get(f"large {n}")) for n in range(6)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                own_server.freeze()
                results = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(one, StoreError) or one.value == large for one in results)
                own_server.thaw()
                for _ in range(10):
                    found = await asyncio.gather(value(store), value(store, "absent"), return_exceptions=True)
                    assert found[0] == "small" or isinstance(found[0], StoreError)
                    assert found[1] is None or isinstance(found[1], StoreError)
                await recovered(store)

        run(own_server, fill, codec=codec)
        run(own_server, story, deadline=0.2, breaker=Counting(), codec=codec)

    def test_a_loop_that_was_busy_is_no_reason_to_give_up_an_answer_that_is_there(self, server):
        """The deadline has passed when the loop gets to look, but the answer had come before."""

        async def story(store):
            await store.set("key", Entry(value=1))
            task = asyncio.ensure_future(value(store))
            for _ in range(5):
                await asyncio.sleep(0)
            end = asyncio.get_running_loop().time() + 0.1
            while asyncio.get_running_loop().time() < end:
                server.ask("PING")  # blocks the loop, and when it is answered, so is the read
            assert await task == 1

        run(server, story, deadline=0.1)


async def recovered(store):
    """Return when calls succeed again, which they do by themselves."""
    while True:
        try:
            await store.get("anything")
        except StoreError:
            await asyncio.sleep(0)
        else:
            return


class TestBreaker:
    def test_it_is_asked_once_for_a_batch(self, server):
        breaker = Counting()

        async def story(store):
            await asyncio.gather(*(store.get(f"{n}") for n in range(100)))
            await asyncio.gather(*(store.set(f"{n}", Entry(value=n)) for n in range(100)))

        run(server, story, breaker=breaker)
        assert breaker.outcomes == {"fine": 2}

    def test_what_it_raises_is_a_store_error(self, server):
        async def story(store):
            for kind in KINDS:
                with pytest.raises(StoreError, match="open") as error:
                    await call(store, kind)
                assert isinstance(error.value.__cause__, RuntimeError)
            assert store.stats().refused == len(KINDS)
            assert store.stats().errors == 0

        run(server, story, breaker=Open())
        assert server.calls("mget") == 0

    def test_it_hears_of_deadlines_and_of_lost_connections(self, own_server):
        breaker = Counting()

        async def story(store):
            await store.get("warm")
            own_server.freeze()
            for _ in range(2):
                with pytest.raises(StoreError):
                    await store.get("key")
            own_server.kill()
            with pytest.raises(StoreError):
                await store.get("key")

        run(own_server, story, deadline=0.2, breaker=breaker)
        assert breaker.outcomes == {"fine": 1, "StoreError": 3}

    def test_it_does_not_hear_of_what_only_the_caller_did_wrong(self, server):
        breaker = Counting()

        async def story(store):
            for _ in range(5):
                with pytest.raises(CacheValueError):
                    await store.set("key", Entry(value=object()))

        run(server, story, breaker=breaker)
        assert breaker.outcomes == {"fine": 5}  # the deletions

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_one_that_hangs_delays_nobody_beyond_the_deadline(self, server, when):
        class Hanging:
            async def acall(self, function, *args):
                if when == "after":
                    await function(*args)
                await asyncio.Event().wait()

        async def story(store):
            if when == "before":
                with pytest.raises(StoreError, match=r"0\.2 s"):
                    await store.get("key")
            else:
                assert await store.get("key") is None  # the answer was there

        run(server, story, breaker=Hanging(), deadline=0.2)

    @pytest.mark.parametrize("silent", [False, True])
    def test_one_with_a_time_limit_of_its_own(self, own_server, silent):
        class Impatient:
            async def acall(self, function, *args):
                with suppress(TimeoutError) if silent else nullcontext():
                    async with asyncio.timeout(0.05):
                        return await function(*args)

        async def story(store):
            await store.set("key", Entry(value=1))
            own_server.freeze()
            with pytest.raises(StoreError):
                await store.get("other")
            own_server.thaw()
            await recovered(store)
            assert await value(store) == 1
            assert store.stats().errors >= 1
            assert store.stats().timeouts == 0

        run(own_server, story, breaker=Impatient(), deadline=20)

    def test_one_that_returns_before_the_call_has_ended(self, server):
        class Hasty:
            def __init__(self):
                self.tasks = []

            async def acall(self, function, *args):
                self.tasks.append(asyncio.ensure_future(function(*args)))
                await asyncio.sleep(0)

        async def story(store):
            with pytest.raises(StoreError):
                await store.get("key")
            await asyncio.wait(store._breaker.tasks)

        run(server, story, breaker=Hasty())

    def test_one_that_makes_no_call_and_says_nothing(self, server):
        class Silent:
            async def acall(self, function, *args):
                return None

        async def story(store):
            with pytest.raises(StoreError):
                await store.get("key")
            assert store.stats().refused == 1

        run(server, story, breaker=Silent())

    def test_by_default_a_dead_server_is_left_alone_for_a_while(self, own_server):
        clock = ScriptedClock()

        async def story(store):
            own_server.kill()
            for _ in range(10):
                with pytest.raises(StoreError):
                    await store.get("key")
            stats = store.stats()
            assert (stats.errors, stats.refused) == (3, 7)
            own_server.start()
            with pytest.raises(StoreError, match="refused"):
                await store.get("key")
            clock.advance(1)
            assert await store.get("key") is None

        run(own_server, story, breaker=Cooldown(clock=clock))
