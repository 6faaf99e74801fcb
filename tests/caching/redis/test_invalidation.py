"""What others change reaches the copies in this process, and a connection that is lost is not trusted."""

import asyncio

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

from postopt.caching import Entry
from postopt.caching.redis import RedisStore
from postopt.caching.remote.naming import Names
from postopt.errors import StoreError

NAMES = Names("postopt")


class Copies:
    """A listener that notes what it was told, and lets a test wait for it."""

    def __init__(self):
        self.told = []
        self._changed = asyncio.Event()

    def invalidate(self, keys):
        self._note(*sorted(keys))

    def invalidate_tag(self, tag):
        self._note(f"tag {tag}")

    def invalidate_all(self):
        self._note("all")

    def _note(self, *what):
        self.told += what
        self._changed.set()

    async def hear(self, *what):
        """Return when all of this was told; forget it then."""
        async with asyncio.timeout(30):
            while not all(one in self.told for one in what):
                self._changed.clear()
                await self._changed.wait()
        self.told.clear()


def run(story):
    async def main():
        async with asyncio.timeout(60):
            await story()

    asyncio.run(main())


async def watched(server, **settings):
    """Return a store that is connected, and who watches it."""
    store = RedisStore(server.url, **{"deadline": 10, **settings})
    copies = Copies()
    store.watch(copies)
    await store.get("anything")
    await copies.hear("all")
    return store, copies


async def settle(store):
    """Return when everything that the server had to say before now has come."""
    for _ in range(3):
        await store.get("anything")


class TestMessages:
    def test_what_another_process_does(self, server, workers):
        [worker] = workers(server.url)

        async def story():
            store, copies = await watched(server)
            for call, told in [
                (("set", "key", 1), "key"),
                (("set", "ñ 🙂\x00", 2), "ñ 🙂\x00"),
                (("set", "", 2), ""),
                (("delete", "key"), "key"),
                (("set", "tagged", 3, "t", "ü"), "tagged"),
                (("invalidate_tag", "ü"), "tag ü"),
                (("invalidate_tag", "never used"), "tag never used"),
            ]:
                worker.ask(*call)
                await copies.hear(told)
            await store.aclose()

        run(story)

    def test_what_this_store_does_does_not_come_back(self, server):
        async def story():
            store, copies = await watched(server)
            await store.set("key", Entry(value=1))
            await store.set("key", Entry(value=2, tags=("t",)))
            await store.set("key", Entry(value=2, tags=("t", "u")), fence=7)
            await store.set("other", Entry(value=3), fence=8)
            await store.delete("key")
            await store.invalidate_tag("t")
            await settle(store)
            assert copies.told == []
            await store.aclose()

        run(story)

    def test_whoever_wrote_last_keeps_its_copy_and_the_others_hear_of_it(self, own_server):
        """Two stores write one key in the same moment, however the server takes them."""

        async def story():
            (one, ones), (two, twos) = await watched(own_server), await watched(own_server)
            for n in range(30):
                own_server.freeze()
                calls = [store.set("key", Entry(value=[n, name])) for name, store in (("one", one), ("two", two))]
                writing = asyncio.gather(*(calls if n % 2 else calls[::-1]))
                for _ in range(5):
                    await asyncio.sleep(0)
                own_server.thaw()
                await writing
                await settle(one)
                await settle(two)
                _, last = (await one.get("key")).value
                assert (ones if last == "two" else twos).told.count("key") >= 1
                ones.told.clear()
                twos.told.clear()
            await one.aclose()
            await two.aclose()

        run(story)

    def test_many_at_once_come_in_few_messages(self, server):
        async def story():
            store, copies = await watched(server)
            sizes = []
            copies.invalidate = lambda keys: (sizes.append(len(keys)), Copies.invalidate(copies, keys))
            other = RedisStore(server.url, deadline=10)
            await asyncio.gather(*(other.set(f"{n}", Entry(value=n)) for n in range(500)))
            await copies.hear(*(f"{n}" for n in range(500)))
            assert sum(sizes) == 500
            assert len(sizes) < 100
            await other.aclose()
            await store.aclose()

        run(story)

    def test_namespaces_do_not_hear_of_each_other(self, server):
        async def story():
            store, copies = await watched(server)
            for space in ("postopt2", "postopt:v", "p", ""):
                other = RedisStore(server.url, namespace=space, deadline=10)
                await other.set("key", Entry(value=1, tags=("t",)))
                await other.aclose()
            await settle(store)
            assert copies.told == []
            await store.aclose()

        run(story)

    def test_what_other_programs_do_and_what_ends_by_itself(self, server):
        async def story():
            store, copies = await watched(server)
            server.ask("SET", NAMES.value("key"), "foreign")
            await copies.hear("key")
            server.ask("SET", NAMES.value("short"), "foreign", "PX", 1)
            await copies.hear("short")
            await copies.hear("short")  # its end
            await store.aclose()

        run(story)

    @pytest.mark.parametrize("flush", ["FLUSHALL", "FLUSHDB"])
    def test_a_flush_invalidates_all(self, server, flush):
        async def story():
            store, copies = await watched(server)
            await store.set("key", Entry(value=1))
            server.ask(flush)
            await copies.hear("all")
            await store.aclose()

        run(story)

    def test_of_a_long_key_only_a_digest_is_known(self, server):
        async def story():
            store, copies = await watched(server)
            other = RedisStore(server.url, deadline=10)
            for change in (
                other.set("k" * 300, Entry(value=1)),
                other.delete("k" * 300),
                other.invalidate_tag("t" * 300),
            ):
                await change
                await copies.hear("all")
            await other.aclose()
            server.ask("SET", NAMES.values + b"k:\xff", "no text")
            await copies.hear("all")
            await store.aclose()

        run(story)

    def test_every_listener_hears_even_if_another_one_fails(self, server):
        class Broken(Copies):
            def invalidate(self, keys):
                raise LookupError

        async def story():
            reports = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
            store = RedisStore(server.url, deadline=10)
            listeners = [Copies(), Broken(), Copies()]
            for listener in listeners:
                store.watch(listener)
            await store.get("anything")
            server.ask("SET", NAMES.value("key"), "foreign")
            await listeners[0].hear("all", "key")
            await listeners[2].hear("all", "key")
            assert [type(report["exception"]) for report in reports] == [LookupError]
            await store.aclose()

        run(story)

    def test_one_who_comes_late(self, server):
        async def story():
            store, copies = await watched(server)
            second = Copies()
            store.watch(second)
            assert second.told == ["all"]  # what it holds is from before
            server.ask("SET", NAMES.value("key"), "foreign")
            await second.hear("key")
            await copies.hear("key")
            await store.aclose()

        run(story)

    def test_a_store_that_was_in_use_before(self, server):
        async def story():
            store = RedisStore(server.url, deadline=10)
            await store.set("key", Entry(value=1))
            copies = Copies()
            store.watch(copies)
            assert (await store.get("key")).value == 1
            await copies.hear("all")
            server.ask("DEL", NAMES.value("key"))
            await copies.hear("key")
            await store.aclose()
            server.until(lambda: server.clients() == 0)

        run(story)

    def test_calls_under_way_when_somebody_begins_to_watch(self, server):
        async def begin(steps):
            store = RedisStore(server.url, deadline=10)
            await store.set("key", Entry(value=1, tags=("t", "u")))
            calls = [asyncio.ensure_future(call) for call in (store.get("key"), store.set("key", Entry(value=2)))]
            for _ in range(steps):
                await asyncio.sleep(0)
            copies = Copies()
            store.watch(copies)
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(not isinstance(one, Exception) or isinstance(one, StoreError) for one in results)
            assert (await store.get("key")).value in (1, 2)
            await copies.hear("all")
            await store.aclose()

        async def story():
            for steps in range(20):
                await begin(steps)
            await server.eventually(lambda: server.clients() == 0)

        run(story)


class TestLoss:
    """What is heard of a lost connection, and of one that is back, without a single call to the store."""

    def test_a_killed_server(self, own_server):
        async def story():
            store, copies = await watched(own_server)
            for _ in range(3):
                own_server.kill()
                await copies.hear("all")
                own_server.start()
                await copies.hear("all")
                own_server.ask("SET", NAMES.value("key"), "foreign")
                await copies.hear("key")
            await store.aclose()

        run(story)

    def test_a_killed_connection(self, own_server):
        async def story():
            store, copies = await watched(own_server)
            own_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await own_server.eventually(lambda: copies.told == ["all", "all"])
            await store.aclose()

        run(story)

    def test_a_frozen_server(self, own_server):
        async def story():
            store, copies = await watched(own_server, heartbeat=0.2)
            for _ in range(2):
                own_server.freeze()
                await copies.hear("all")
                own_server.thaw()
                await copies.hear("all")
                own_server.ask("SET", NAMES.value("key"), "foreign")
                await copies.hear("key")
            await store.aclose()

        run(story)

    def test_a_server_that_is_not_there_yet(self, own_server):
        own_server.kill()

        async def story():
            store = RedisStore(own_server.url, deadline=10)
            copies = Copies()
            store.watch(copies)
            with pytest.raises(StoreError):
                await store.get("key")
            own_server.start()
            await copies.hear("all")
            await store.aclose()

        run(story)

    def test_a_server_that_reports_to_nobody(self, own_server):
        own_server.ask("ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "-client|tracking")

        async def story():
            store = RedisStore(f"redis://app:x@127.0.0.1:{own_server.port}", deadline=10)
            store.watch(Copies())
            with pytest.raises(StoreError, match="greeting"):
                await store.get("key")
            await store.aclose()

        run(story)

    def test_closing_invalidates_all_and_ends_everything(self, own_server):
        async def story():
            store, copies = await watched(own_server)
            await store.aclose()
            assert copies.told == ["all"]
            assert asyncio.all_tasks() == {asyncio.current_task()}
            own_server.until(lambda: own_server.clients() == 0)
            copies.told.clear()
            own_server.ask("SET", NAMES.value("key"), "foreign")
            for _ in range(10):
                await asyncio.sleep(0)
            assert copies.told == []

        run(story)

    def test_closing_while_it_tries_again(self, own_server):
        async def story():
            store, copies = await watched(own_server)
            own_server.kill()
            await copies.hear("all")
            await store.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(story)

    def test_calls_do_not_wait_for_the_next_attempt(self, own_server, monkeypatch):
        monkeypatch.setattr("postopt.caching.remote.link.FIRST_PAUSE", 1000)

        async def story():
            store, copies = await watched(own_server)
            own_server.kill()
            await copies.hear("all")
            with pytest.raises(StoreError):
                await store.get("key")
            own_server.start()
            assert await store.get("key") is None
            await store.aclose()

        run(story)
