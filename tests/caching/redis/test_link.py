"""The connection: what happens when it is slow, silent, lost, refused, or no Redis at all."""

import asyncio

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from postopt.caching import Codec, Entry
from postopt.caching.redis import RedisStore
from postopt.caching.remote import link as link_module
from postopt.caching.remote.link import Link
from postopt.errors import StoreError


class Always:
    """A breaker that lets everything through."""

    async def acall(self, function, *args):
        return await function(*args)


class Relay:
    """Stands between a store and a server, and can hold back what passes, one connection at a time."""

    def __init__(self, server):
        self._server = server
        self._gates = []
        self._tasks = set()

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self):
        return len(self._gates)

    def hold(self, number=-1):
        """Let nothing more through to the server on a connection, the newest unless told."""
        self._gates[number].clear()

    def let_go(self, number):
        """Let what was held back through, even if the client has left meanwhile."""
        self._gates[number].set()

    async def _serve(self, reader, writer):
        gate = asyncio.Event()
        gate.set()
        self._gates.append(gate)
        there, back = await asyncio.open_connection("127.0.0.1", self._server.port)
        tasks = [
            asyncio.ensure_future(self._pass(reader, back, gate)),
            asyncio.ensure_future(self._pass(there, writer, asyncio.Event(), held=False)),
        ]
        self._tasks.update(tasks)
        await asyncio.wait(tasks)
        for end in (writer, back):
            end.close()

    async def _pass(self, source, target, gate, held=True):
        try:
            while data := await source.read(2**16):
                if held:
                    await gate.wait()
                target.write(data)
                await target.drain()
            if held:
                await gate.wait()
            target.write_eof()
        except OSError:
            pass


async def value(store, key="key"):
    found = await store.get(key)
    return None if found is None else found.value


async def recovered(store):
    while True:
        try:
            return await value(store)
        except StoreError:
            await asyncio.sleep(0)


def run(story):
    async def main():
        async with asyncio.timeout(60):
            await story()

    asyncio.run(main())


def test_what_a_lost_connection_still_carries_never_replaces_what_came_later(own_server):
    """A write is stuck on its way; the store gives the connection up and writes by another; the first gets through."""

    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=0.2, heartbeat=0.2, breaker=Always())
            await store.set("key", Entry(value="first"))
            relay.hold()
            with pytest.raises(StoreError):
                await store.set("key", Entry(value="stuck"))
            assert await recovered(store) == "first"
            assert relay.connections == 2
            await store.set("key", Entry(value="later"))
            relay.let_go(0)
            # Until the first connection has ended, with all it carried.
            await own_server.eventually(lambda: own_server.clients() == 1)
            assert await value(store) == "later"
            await store.aclose()

    run(story)


def test_slow_answers_are_errors_but_no_reason_for_another_connection(own_server):
    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=0.1, heartbeat=5, breaker=Always())
            await store.set("key", Entry(value="first"))
            for n in range(3):
                relay.hold()
                with pytest.raises(StoreError):
                    await store.set("key", Entry(value=n))
                relay.let_go(0)
                assert await recovered(store) == n  # it came late, and before this read
            assert relay.connections == 1
            await store.aclose()

    run(story)


def test_a_silent_connection_is_given_up_and_another_opened(own_server):
    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=0.1, heartbeat=0.1, breaker=Always())
            await store.set("key", Entry(value=1))
            for number in range(1, 4):
                relay.hold()
                assert await recovered(store) == 1
                assert relay.connections == number + 1
            await store.aclose()

    run(story)


def test_while_nobody_watches_an_idle_connection_is_left_alone(own_server):
    async def story():
        store = RedisStore(own_server.url, heartbeat=0.05, deadline=10)
        await store.set("key", Entry(value=1))
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.3)
        assert await value(store) == 1
        await store.aclose()

    async def main():
        await asyncio.wait_for(story(), 60)

    asyncio.run(main())
    assert own_server.calls("ping") == 1  # of the greeting


def test_a_connection_that_the_server_closed_while_idle_costs_no_error(own_server):
    async def story():
        store = RedisStore(own_server.url, deadline=10)
        for n in range(5):
            await store.set("key", Entry(value=n))
            own_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await own_server.eventually(lambda: not store._batches.get()._link.is_open)
            assert await value(store) == n
        assert store.stats().errors == 0
        await store.aclose()

    run(story)


def test_a_server_that_comes_back_is_found_by_itself(own_server):
    async def story():
        store = RedisStore(own_server.url, deadline=0.3, breaker=Always())
        for n in range(3):
            await store.set("key", Entry(value=n))
            own_server.kill()
            for _ in range(5):
                with pytest.raises(StoreError):
                    await store.get("key")
            own_server.start()
            assert await recovered(store) is None  # it keeps nothing
        await store.aclose()

    run(story)


def test_a_demoted_primary_is_left_for_another_connection(own_server):
    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=10, breaker=Always())
            await store.set("key", Entry(value=1))
            own_server.ask("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(StoreError, match="READONLY"):
                await store.set("key", Entry(value=2))
            own_server.ask("REPLICAOF", "NO", "ONE")
            await store.set("key", Entry(value=3))
            assert relay.connections == 2
            await store.aclose()

    run(story)


@pytest.mark.parametrize(
    "address",
    [
        "unix:///nowhere/redis.sock",
        "redis://127.0.0.1:1",
        "redis://name.invalid:6379",
        "redis://192.0.2.1:6379",  # reserved for documentation: nobody is there
        "rediss://127.0.0.1:1",
    ],
)
def test_where_nobody_is_there_every_call_ends_in_time(address):
    async def story():
        store = RedisStore(address, deadline=0.2)
        for _ in range(3):
            async with asyncio.timeout(20):
                results = await asyncio.gather(
                    *(store.get(f"{n}") for n in range(100)), store.delete("key"), return_exceptions=True
                )
            assert all(isinstance(result, StoreError) for result in results)
        await store.aclose()

    run(story)


class Impostor:
    """A server that says what it likes: the answers it has to the first chunks it gets, then nothing."""

    def __init__(self, *answers, close=False):
        self._answers = answers
        self._close = close
        self.connections = 0

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._listener.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            for answer in self._answers:
                if not await reader.read(2**16):
                    break
                writer.write(answer)
            while not self._close and await reader.read(2**16):
                pass
        finally:
            writer.close()


HELLO = b"%1\r\n+proto\r\n:3\r\n"
SETINFO = b"+OK\r\n+OK\r\n"
IDENTITY = b":7\r\n$5\r\nhello\r\n"


@pytest.mark.parametrize("close", [False, True], ids=["stays", "closes"])
@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"-ERR unknown command 'HELLO'\r\n",),
        (b"-DENIED Redis is running in protected mode\r\n",),
        (b"-ERR max number of clients reached\r\n",),
        (HELLO, SETINFO, b"garbage\r\n"),
        (HELLO, SETINFO, IDENTITY, b"-LOADING Redis is loading the dataset in memory\r\n"),
        (HELLO, SETINFO, IDENTITY, b"+SOMETHING\r\n"),
        (HELLO, SETINFO, IDENTITY, b"+PONG\r\n", b"+OK\r\n"),
        (HELLO, SETINFO, IDENTITY, b"+PONG\r\n", b"*0\r\n"),
        (HELLO, SETINFO, IDENTITY, b"+PONG\r\n+PONG\r\n"),
        (HELLO, SETINFO, IDENTITY, b"+PONG\r\n", b"$10\r\nhalf"),
        (HELLO, SETINFO, IDENTITY, b"+PONG\r\n", b"?what\r\n"),
    ],
)
def test_a_server_that_is_none(answers, close):
    async def story():
        async with Impostor(*answers, close=close) as impostor:
            store = RedisStore(impostor.url, deadline=0.1, heartbeat=0.1, breaker=Always())
            for _ in range(3):
                with pytest.raises(StoreError):
                    await store.get("key")
            await store.aclose()

    run(story)


def test_a_clients_own_way_of_trying_again_is_not_used():
    async def story():
        async with Impostor(close=True) as impostor:
            client = redis.asyncio.Redis.from_url(impostor.url, retry=Retry(NoBackoff(), 10), retry_on_timeout=True)
            store = RedisStore(client, deadline=10)
            with pytest.raises(StoreError):
                await store.get("key")
            assert impostor.connections == 1
            await store.aclose()
            await client.aclose()

    run(story)


def test_what_was_not_sent_when_a_connection_was_given_up_never_is(own_server):
    async def story():
        store = RedisStore(own_server.url, deadline=0.2, heartbeat=0.1, codec=Codec(compression="none"))
        await store.get("key")
        wire = store._batches.get()._link._wire
        own_server.freeze()
        with pytest.raises(StoreError):
            await store.set("key", Entry(value=bytes(4_000_000)))
        await own_server.eventually(lambda: not wire.is_open)
        await asyncio.sleep(0)
        assert wire._transport.get_write_buffer_size() == 0
        own_server.thaw()
        await store.aclose()

    run(story)


def test_connecting_may_take_longer_than_a_call(own_server):
    """The first calls fail at their deadline, but the connection they began is used by those that come later."""

    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=0.1, heartbeat=10, breaker=Always())
            await store.set("key", Entry(value=1))
            store._batches.let_go()
            task = asyncio.ensure_future(store.get("key"))
            await own_server.eventually(lambda: relay.connections == 2)
            relay.hold()
            with pytest.raises(StoreError):
                await task
            for _ in range(3):
                with pytest.raises(StoreError):
                    await store.set("key", Entry(value="given up before it left"))
            relay.let_go(1)
            assert await recovered(store) == 1
            assert relay.connections == 2
            await store.aclose()

    run(story)


def test_an_attempt_to_connect_ends(own_server, monkeypatch):
    monkeypatch.setattr(link_module, "CONNECT_SECONDS", 0.1)

    async def story():
        async with Relay(own_server) as relay:
            store = RedisStore(relay.url, deadline=10, breaker=Always())
            await store.get("key")
            store._batches.let_go()
            task = asyncio.ensure_future(store.get("key"))
            await own_server.eventually(lambda: relay.connections == 2)
            relay.hold()
            with pytest.raises(StoreError, match="TimeoutError"):
                await task
            assert await value(store) is None
            await store.aclose()

    run(story)


def test_large_writes_do_not_wait_for_their_answers(own_server):
    """More than the buffers hold goes out while answers of as much come in: neither end may wait for the other."""

    async def story():
        store = RedisStore(own_server.url, deadline=30, codec=Codec(compression="none"))
        large = bytes(2**20)
        for n in range(10):
            await store.set(f"{n}", Entry(value=large))
        results = await asyncio.gather(
            *(store.set(f"new {n}", Entry(value=large)) for n in range(10)), *(value(store, f"{n}") for n in range(10))
        )
        assert results == [None] * 10 + [large] * 10
        await store.aclose()

    run(story)


def test_a_link_that_is_closed_at_once(own_server):
    async def story():
        store = RedisStore(own_server.url)
        for steps in range(4):
            link = Link(store.connect, heartbeat=10)
            replies = link.send([(b"PING",)])
            for _ in range(steps):
                await asyncio.sleep(0)
            link.cancel()
            with pytest.raises(StoreError, match="closed"):
                await replies
            with pytest.raises(StoreError, match="closed"):
                await link.send([(b"PING",)])
            await link.aclose()
        await Link(store.connect, heartbeat=10).aclose()

    run(story)


def test_no_socket_is_left_open(own_server):
    async def use(store):
        await store.get("key")
        own_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await own_server.eventually(lambda: not store._batches.get()._link.is_open)
        await store.get("key")
        await store.aclose()

    async def story():
        for _ in range(3):
            await use(RedisStore(own_server.tcp, deadline=10))
        own_server.until(lambda: own_server.clients() == 0)

    run(story)
