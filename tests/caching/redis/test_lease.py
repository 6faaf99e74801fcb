"""One computation a key, among tasks and among processes."""

import asyncio
import math

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Entry
from postopt.caching.lease import RedisLeases
from postopt.caching.redis import RedisStore
from postopt.caching.remote.naming import Names
from postopt.errors import CacheValueError, StoreError

NAMES = Names("postopt")
LONG = 1000
"""Seconds that nobody waits here: what ends earlier was woken."""


def run(server, story, **settings):
    async def main():
        store = RedisStore(server.url, **{"deadline": 10, **settings})
        leases = RedisLeases(store)
        try:
            async with asyncio.timeout(60):
                return await story(leases, store)
        finally:
            server.thaw()
            await leases.aclose()
            await store.aclose()

    return asyncio.run(main())


async def waiting(leases, key="key", seconds=LONG):
    """Return a task that waits, once it does: it has asked whether there is something to wait for, and been told."""
    asked = asyncio.Event()
    ask = leases._store.send

    async def noting(*commands):
        replies = await ask(*commands)
        asked.set()
        return replies

    leases._store.send = noting
    task = asyncio.ensure_future(leases.wait(key, seconds))
    await asked.wait()
    leases._store.send = ask
    await asyncio.sleep(0)
    return task


class TestLeases:
    def test_one_holder_at_a_time(self, server):
        async def story(leases, store):
            tokens = await asyncio.gather(*(leases.acquire("key", 60) for _ in range(50)))
            [token] = [token for token in tokens if token is not None]
            assert await leases.acquire("other", 60) > token
            await leases.release("key", token)
            assert await leases.acquire("key", 60) > token

        run(server, story)

    def test_only_the_holder_gives_it_back(self, server):
        async def story(leases, store):
            token = await leases.acquire("key", 60)
            for other in (token - 1, token + 1, 0):
                await leases.release("key", other)
            assert await leases.acquire("key", 60) is None
            await leases.release("key", token)
            await leases.release("key", token)
            assert await leases.acquire("key", 60) is not None

        run(server, story)

    def test_it_ends_by_itself(self, server):
        async def story(leases, store):
            first = await leases.acquire("key", 0.05)
            await leases.wait("key", LONG)
            second = await leases.acquire("key", 60)
            assert second > first
            await leases.release("key", first)  # which is nobody's any more
            assert await leases.acquire("key", 60) is None

        run(server, story)

    def test_tokens_keep_rising_whatever_redis_loses(self, server):
        async def story(leases, store):
            tokens = []
            for loss in (
                ("PING",),
                ("FLUSHALL",),
                ("DEL", NAMES.counter),
                ("SET", NAMES.counter, "garbage"),
                ("PING",),
            ):
                server.ask(*loss)
                tokens.append(await leases.acquire(f"{loss}", 60))
                await leases.release(f"{loss}", tokens[-1])
            server.ask("SET", NAMES.counter, tokens[-1] + 10**9)  # as if the clock had been put back
            tokens += [await leases.acquire("a", 60), await leases.acquire("b", 60)]
            assert tokens == sorted(set(tokens))

        run(server, story)

    def test_what_is_no_lease_is_nobodys(self, server):
        server.ask("SET", NAMES.lease("key"), "garbage")
        server.ask("LPUSH", NAMES.lease("list"), "garbage")

        async def story(leases, store):
            await leases.release("list", 5)
            assert await leases.acquire("key", 60) is not None
            assert await leases.acquire("list", 60) is not None

        run(server, story)

    @pytest.mark.parametrize("wrong", [None, 3, object()])
    def test_a_store_is_needed(self, wrong):
        with pytest.raises(CacheValueError, match="a RedisStore is needed"):
            RedisLeases(wrong)

    @pytest.mark.parametrize("wrong", [None, b"key", 5.5])
    def test_what_is_no_key_token_or_time_is_refused(self, server, wrong):
        async def story(leases, store):
            for call in (leases.acquire(wrong, 1), leases.release(wrong, 1), leases.wait(wrong, 1)):
                with pytest.raises(CacheValueError, match="a key is"):
                    await call
            with pytest.raises(CacheValueError, match="token is"):
                await leases.release("key", wrong)
            for seconds in ("x", None, -1):
                with pytest.raises(CacheValueError, match="seconds is"):
                    await leases.wait("key", seconds)

        run(server, story)

    @pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, "x", None])
    def test_a_lease_lasts_for_a_while(self, server, seconds):
        async def story(leases, store):
            with pytest.raises(CacheValueError, match="lease"):
                await leases.acquire("key", seconds)

        run(server, story)

    def test_keys_of_any_length_and_namespaces_are_told_apart(self, server):
        async def story(leases, store):
            other = RedisStore(server.url, namespace="other", deadline=10)
            keys = ["", "k" * 200, "k" * 300, "k" * 301]
            for holder in (leases, RedisLeases(other)):
                assert None not in [await holder.acquire(key, 60) for key in keys]
                assert [await holder.acquire(key, 60) for key in keys] == [None] * 4
            await other.aclose()

        run(server, story)


class TestNobodyKnowsOfIt:
    """The holder is gone before it hears that it has the lease."""

    def test_cancelled_at_every_step(self, server):
        async def story(leases, store):
            await leases.wait("key", LONG)
            store.deadline = 0.02  # from here on only what a lease nobody knows of is measured by
            for steps in range(25):
                task = asyncio.ensure_future(leases.acquire("key", LONG))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled() and task.result() is not None:
                    await leases.release("key", task.result())
                while (token := await leases.acquire("key", LONG)) is None:
                    await leases.wait("key", LONG)
                await leases.release("key", token)

        run(server, story)

    def test_given_up_because_the_answer_came_too_late(self, own_server):
        class Always:
            async def acall(self, function, *args):
                return await function(*args)

        async def story(leases, store):
            await leases.acquire("other", LONG)
            own_server.freeze()
            with pytest.raises(StoreError):
                await leases.acquire("key", LONG)
            own_server.thaw()
            while True:
                try:
                    if await leases.acquire("key", LONG) is not None:
                        break
                    await leases.wait("key", LONG)
                except StoreError:
                    pass

        run(own_server, story, deadline=0.2, breaker=Always())

    def test_lost_before_it_was_confirmed(self, server):
        async def story(leases, store):
            send = store.send

            async def losing(*commands):
                replies = await send(*commands)
                server.ask("DEL", NAMES.lease("key"))
                return replies

            store.send = losing
            assert await leases.acquire("key", LONG) is None
            store.send = send
            assert await leases.acquire("key", LONG) is not None

        run(server, story)

    def test_once_it_is_known_it_lasts(self, server):
        async def story(leases, store):
            await leases.acquire("key", 100)
            assert 99_000 < server.ask("PTTL", NAMES.lease("key")) <= 100_000

        run(server, story)


class TestWaiting:
    def test_all_are_woken_when_it_is_given_back(self, server):
        async def story(leases, store):
            token = await leases.acquire("key", LONG)
            others = [await waiting(leases) for _ in range(20)]
            bystander = await waiting(leases, "other") if await leases.acquire("other", LONG) else None
            await leases.release("key", token)
            await asyncio.gather(*others)
            assert not bystander.done()
            bystander.cancel()

        run(server, story)

    def test_nobody_asks_while_waiting(self, server):
        async def story(leases, store):
            token = await leases.acquire("key", LONG)
            task = await waiting(leases)
            server.ask("CONFIG", "RESETSTAT")
            await asyncio.wait({task}, timeout=0.3)
            commands = set(server.ask("INFO", "commandstats")) - {"cmdstat_config|resetstat", "cmdstat_info"}
            assert commands <= {"cmdstat_ping", "cmdstat_select", "cmdstat_client|setinfo", "cmdstat_hello"}
            assert server.calls("ping") <= 1  # of the connection for messages, at its heartbeat
            await leases.release("key", token)
            await task

        run(server, story, heartbeat=10)

    def test_what_nobody_holds_is_not_waited_for(self, server):
        async def story(leases, store):
            await leases.wait("key", LONG)
            token = await leases.acquire("key", LONG)
            await leases.release("key", token)
            await leases.wait("key", LONG)

        run(server, story)

    def test_a_wait_ends_after_its_seconds(self, server):
        async def story(leases, store):
            await leases.acquire("key", LONG)
            await leases.wait("key", 0.05)
            await leases.wait("key", 0)
            assert leases._queues.get()._waiting == {}

        run(server, story)

    def test_a_lease_without_an_end_is_waited_for_no_longer_than_asked(self, server):
        server.ask("SET", NAMES.lease("key"), "no lease of ours")

        async def story(leases, store):
            await leases.wait("key", 0.05)

        run(server, story)

    def test_a_cancelled_wait_leaves_nothing_and_nobody_alone(self, server):
        async def story(leases, store):
            token = await leases.acquire("key", LONG)
            first, second = await waiting(leases), await waiting(leases)
            first.cancel()
            await asyncio.wait({first})
            await leases.release("key", token)
            await second
            assert leases._queues.get()._waiting == {}

        run(server, story)

    def test_cancelled_at_every_step(self, server):
        async def story(leases, store):
            for steps in range(30):
                token = await leases.acquire("key", LONG)
                tasks = [
                    asyncio.ensure_future(call) for call in (leases.wait("key", LONG), leases.acquire("key", LONG))
                ]
                for _ in range(steps):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await leases.release("key", token)
                assert leases._queues.get()._waiting == {}

        run(server, story)

    @pytest.mark.parametrize("loss", ["kill", "freeze", "drop"])
    def test_a_lost_connection_wakes_all(self, own_server, loss):
        async def story(leases, store):
            await leases.acquire("key", LONG)
            tasks = [await waiting(leases) for _ in range(5)]
            if loss == "drop":
                own_server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            else:
                getattr(own_server, loss)()
            await asyncio.gather(*tasks)

        run(own_server, story, heartbeat=0.2)

    def test_it_comes_back_by_itself(self, own_server):
        async def story(leases, store):
            for _ in range(3):
                token = await leases.acquire("key", LONG)
                task = await waiting(leases)
                own_server.ask("CLIENT", "KILL", "TYPE", "pubsub")
                await task
                task = await waiting(leases)
                await leases.release("key", token)
                await task

        run(own_server, story)

    def test_all_take_one_connection(self, server):
        async def story(leases, store):
            keys = [f"{n}" for n in range(50)]
            tokens = [await leases.acquire(key, LONG) for key in keys]
            tasks = [await waiting(leases, key) for key in keys]
            assert server.clients() == 2
            for key, token in zip(keys, tokens, strict=True):
                await leases.release(key, token)
            await asyncio.gather(*tasks)

        run(server, story)

    def test_closing_wakes_all_and_refuses(self, server):
        async def story(leases, store):
            await leases.acquire("key", LONG)
            task = await waiting(leases)
            await leases.aclose()
            await task
            with pytest.raises(StoreError, match="closed"):
                await leases.wait("key", LONG)
            server.until(lambda: server.clients() == 1)

        run(server, story)


class TestWithoutRedis:
    @pytest.mark.parametrize("loss", ["kill", "freeze"])
    def test_every_call_says_so_in_time(self, own_server, loss):
        async def story(leases, store):
            token = await leases.acquire("held", LONG)
            getattr(own_server, loss)()
            for call in (
                lambda: leases.acquire("key", LONG),
                lambda: leases.wait("key", LONG),
                lambda: leases.release("held", token),
                lambda: leases.wait("key", LONG),
            ):
                async with asyncio.timeout(20):
                    with pytest.raises(StoreError):
                        await call()

        run(own_server, story, deadline=0.2)

    def test_a_user_who_may_not_listen(self, own_server):
        own_server.ask("ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "resetchannels")

        async def main():
            store = RedisStore(f"redis://app:x@127.0.0.1:{own_server.port}", deadline=10)
            leases = RedisLeases(store)
            assert await leases.acquire("key", LONG) is not None
            with pytest.raises(StoreError, match="greeting"):
                await leases.wait("key", LONG)
            await leases.aclose()
            await store.aclose()

        asyncio.run(main())


class TestProcesses:
    def test_one_of_four_computes_and_the_others_are_woken(self, server, workers):
        """The holder computes only when the three others wait, so what they return with they were woken for."""
        four = workers(server.url, 4)

        async def all_wait(leases, store):
            await server.eventually(lambda: server.ask("PUBSUB", "NUMSUB", NAMES.releases)[1] == 3)
            await store.set("waiting 3", Entry(value=True))

        for worker in four:
            worker.tell("compute", "key", 3)
        run(server, all_wait)
        results = [worker.hear() for worker in four]
        assert sorted(result["computed"] for result in results) == [False, False, False, True]
        assert len({result["value"] for result in results}) == 1

    def test_a_holder_that_is_killed_holds_up_nobody_for_long(self, server, workers):
        one, two = workers(server.url, 2)
        token = one.ask("acquire", "key", 0.5)
        two.tell("wait", "key", LONG)
        one.kill()
        assert two.hear() is None
        assert two.ask("acquire", "key", 60) > token

    def test_what_a_holder_writes_after_its_lease_ended_is_refused(self, server, workers):
        [late] = workers(server.url)
        token = late.ask("acquire", "key", 0.05)

        async def story(leases, store):
            await leases.wait("key", LONG)
            later = await leases.acquire("key", 60)
            await store.set("key", Entry(value="new"), fence=later)
            await store.set("key", Entry(value="old"), fence=token)
            assert (await store.get("key")).value == "new"
            assert store.stats().fenced == 1

        run(server, story)

    def test_given_back_in_one_process_heard_in_another(self, server, workers):
        one, two = workers(server.url, 2)
        for _ in range(20):
            token = one.ask("acquire", "key", LONG)
            two.tell("wait", "key", LONG)
            one.ask("release", "key", token)
            assert two.hear() is None
