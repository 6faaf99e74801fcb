"""Who is listed in a real Redis, and for how long."""

import asyncio
import os
import signal

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.resilience.balancer import Balancer
from postopt.resilience.remote.redis import RedisError
from postopt.resilience.remote.registry import Registry

LONG = 600.0
"""A lease that no test outlives."""

LEASES = "postopt:registry:writers:leases"


@pytest.fixture
def registry(redis_server):
    return Registry(redis_server.tcp, "writers", lease_seconds=LONG)


def run(registry, script):
    """Run `script()` in a loop, and close the registry in it."""

    async def main():
        try:
            return await script()
        finally:
            await registry.aclose()

    return asyncio.run(main())


class TestLeases:
    def test_an_instance_is_listed_while_its_block_runs(self, registry):
        async def script():
            assert await registry.find() == []
            async with registry.registered("http://a"), registry.registered("http://b"):
                assert set(await registry.find()) == {"http://a", "http://b"}
            assert await registry.find() == []

        run(registry, script)

    def test_one_that_leaves_takes_down_no_other_of_its_address(self, registry):
        async def script():
            async with registry.registered("http://a b"):
                async with registry.registered("http://a b"):
                    assert await registry.find() == ["http://a b"]
                assert await registry.find() == ["http://a b"]
            assert await registry.find() == []

        run(registry, script)

    def test_services_and_prefixes_are_apart(self, registry, redis_server):
        async def script():
            async with registry.registered("http://a"):
                for other in (Registry(redis_server.tcp, "readers"), Registry(redis_server.tcp, "writers", prefix="x")):
                    assert await other.find() == []
                    await other.aclose()

        run(registry, script)

    def test_nothing_is_left_in_redis(self, registry, redis_server):
        async def script():
            async with registry.registered("http://a"):
                assert all(0 < redis_server.ask("PTTL", key) <= LONG * 1000 for key in redis_server.ask("KEYS", "*"))
                assert len(redis_server.ask("KEYS", "*")) == 1
            assert redis_server.ask("KEYS", "*") == []

        run(registry, script)

    def test_a_lease_ends_by_the_clock_of_redis(self, redis_server):
        """It ends although its holder, whose loop does nothing else here, says nothing."""

        async def script():
            lasting = Registry(redis_server.tcp, "writers", lease_seconds=LONG)
            short = Registry(redis_server.tcp, "writers", lease_seconds=0.001)
            await lasting._renew("me http://lasting")
            await short._renew("me http://short")
            # A shorter lease does not shorten the life of the keys.
            assert all(redis_server.ask("PTTL", key) > 1000 for key in redis_server.ask("KEYS", "*"))
            while "http://short" in await short.find():
                pass
            assert await lasting.find() == ["http://lasting"]
            assert redis_server.ask("ZCARD", LEASES) == 1
            await lasting.aclose()
            await short.aclose()

        asyncio.run(script())

    def test_signs_of_life_keep_it(self, redis_server):
        async def script():
            registry = Registry(redis_server.tcp, "writers", lease_seconds=0.3)
            async with registry.registered("http://a"):
                [lease] = redis_server.ask("ZRANGE", LEASES, 0, -1)
                first = redis_server.ask("ZSCORE", LEASES, lease)
                await redis_server.eventually(lambda: redis_server.ask("ZSCORE", LEASES, lease) != first)
                assert await registry.find() == ["http://a"]
            await registry.aclose()

        asyncio.run(script())

    def test_who_leaves_late_does_not_take_down_who_came_since(self, registry):
        async def script():
            async with registry.registered("http://a"):
                await registry._renew("another http://a")
            assert await registry.find() == ["http://a"]

        run(registry, script)

    def test_an_error_in_the_block_ends_the_lease_and_passes(self, registry):
        async def script():
            with pytest.raises(KeyError):
                async with registry.registered("http://a"):
                    raise KeyError
            assert await registry.find() == []
            assert len(asyncio.all_tasks()) == 1

        run(registry, script)

    def test_so_does_a_cancellation(self, registry):
        async def script():
            async def serve():
                async with registry.registered("http://a"):
                    await asyncio.Event().wait()

            task = asyncio.ensure_future(serve())
            while not await registry.find():
                pass
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await registry.find() == []

        run(registry, script)


class TestFaults:
    def test_a_cancelled_registration_takes_back_what_it_may_have_said(self, own_redis_server):
        """Whether its first sign of life has arrived is unknown while Redis is frozen; it is then off the list."""

        async def script():
            registry = Registry(own_redis_server.tcp, "writers", lease_seconds=LONG, timeout=0.1)

            async def serve():
                async with registry.registered("http://a"):
                    raise AssertionError

            assert await registry.find() == []
            own_redis_server.freeze()
            task = asyncio.ensure_future(serve())
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
            own_redis_server.thaw()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await registry.find() == []
            await registry.aclose()

        asyncio.run(script())

    def test_a_redis_that_is_away_holds_up_nobody(self, own_redis_server):
        own_redis_server.kill()

        async def script():
            registry = Registry(own_redis_server.tcp, "writers")
            async with registry.registered("http://a"):
                assert registry.failures == 1
                with pytest.raises(RedisError):
                    await registry.find()
                own_redis_server.start()
                assert await registry.find() == []
                await registry._renew("me http://a")
                assert await registry.find() == ["http://a"]
                own_redis_server.kill()
            await registry.aclose()

        asyncio.run(script())

    def test_a_watcher_keeps_its_list_without_redis(self, own_redis_server):
        async def script():
            registry = Registry(own_redis_server.tcp, "writers", lease_seconds=LONG, timeout=0.2)
            async with registry.registered("http://a"), registry.watch(every_seconds=LONG) as found:
                balancer = Balancer(found)
                own_redis_server.freeze()
                assert not await found.refresh()
                own_redis_server.thaw()
                own_redis_server.restart()
                assert not await found.refresh() or found.replicas == ("http://a",)
                assert found.failures >= 1
                assert balancer.pick().replica == "http://a"
            await registry.aclose()

        asyncio.run(script())

    def test_what_others_wrote_there_hurts_nobody(self, registry, redis_server):
        async def script():
            async with registry.registered("http://ä"):
                redis_server.ask("ZADD", LEASES, 2**52, b"\xff\xfe")
                assert len(await registry.find()) == 2

        run(registry, script)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("service", ""), ("service", None), ("lease_seconds", 0), ("lease_seconds", float("nan")), ("timeout", -1)],
    )
    def test_settings_are_checked(self, name, value):
        with pytest.raises(ValueError, match=name):
            Registry("redis://127.0.0.1", **{"service": "writers", name: value})

    @pytest.mark.parametrize("address", ["", None, b"http://a"])
    def test_so_are_addresses(self, address, registry):
        async def script():
            with pytest.raises(ValueError, match="address"):
                async with registry.registered(address):
                    pass

        run(registry, script)

    def test_its_repr_hides_what_opens_redis(self):
        shown = repr(Registry("redis://user:secret@host:1/0", "writers"))
        assert shown == "Registry('redis://host:1/0', 'writers')"


class TestProcesses:
    def test_one_that_is_killed_is_off_the_list_when_its_lease_ends(self, redis_server, registering, registry):
        """Two processes register; one is killed without a word, one leaves in order; the balancer follows."""

        async def script():
            async with registry.watch(every_seconds=0.01) as found:
                balancer = Balancer(found, seed=1)
                both = {killed.address, left.address}
                await redis_server.eventually(lambda: {picked(balancer) for _ in range(8)} == both)
                killed.send_signal(signal.SIGKILL)
                await redis_server.eventually(lambda: found.replicas == (left.address,))
                assert {picked(balancer) for _ in range(8)} == {left.address}
                left.stdin.close()
                assert await asyncio.to_thread(left.stdout.readline) == "left\n"
                # An empty answer is none: who is called last may still be there.
                assert not await found.refresh()
                assert found.replicas == (left.address,)

        with (
            registering(redis_server, lease_seconds=0.5) as killed,
            registering(redis_server, lease_seconds=LONG) as left,
        ):
            run(registry, script)

    def test_one_that_is_frozen_comes_back_when_it_thaws(self, redis_server, registering, registry):
        async def script():
            async with registry.registered("http://b"), registry.watch(every_seconds=0.01) as found:
                await redis_server.eventually(lambda: set(found.replicas) == {frozen.address, "http://b"})
                os.kill(frozen.pid, signal.SIGSTOP)
                await redis_server.eventually(lambda: found.replicas == ("http://b",))
                os.kill(frozen.pid, signal.SIGCONT)
                await redis_server.eventually(lambda: set(found.replicas) == {frozen.address, "http://b"})

        with registering(redis_server, lease_seconds=0.5) as frozen:
            run(registry, script)

    def test_calls_go_on_while_servers_are_killed_and_started(self, redis_server, registering, registry):
        """Every call over a real socket is answered: first by a retry elsewhere, then because the list has changed."""

        async def ask(address):
            host, _, port = address.partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(b"\n")
                answer = await reader.readline()
            finally:
                writer.close()
            if not answer:
                raise ConnectionResetError
            return answer.decode().strip()

        async def script():
            async with registry.watch(every_seconds=0.01) as found:
                balancer = Balancer(found, eject_seconds=0.05, seed=1)

                async def answers(count):
                    return set(await asyncio.gather(*(balancer.acall(ask) for _ in range(count))))

                assert await answers(20) == {first.address, second.address}
                first.kill()
                for _ in range(10):
                    assert await answers(20) == {second.address}
                leases = redis_server.ask("ZRANGE", LEASES, 0, -1)
                [lease] = [lease for lease in leases if lease.endswith(b" " + first.address.encode())]
                redis_server.ask("ZADD", LEASES, 0, lease)  # it ends
                await redis_server.eventually(lambda: found.replicas == (second.address,))
                with registering(redis_server, lease_seconds=LONG) as third:
                    await redis_server.eventually(lambda: len(found.replicas) == 2)
                    assert await answers(20) == {second.address, third.address}
                    second.kill()
                    for _ in range(10):
                        assert await answers(20) == {third.address}
                assert [state.name for state in balancer.states if state.draining] == []

        with (
            registering(redis_server, lease_seconds=LONG) as first,
            registering(redis_server, lease_seconds=LONG) as second,
        ):
            run(registry, script)


def picked(balancer):
    with balancer.pick() as replica:
        return replica
