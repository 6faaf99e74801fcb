"""What a store in Redis keeps, for how long, and what it makes of what others left there."""

import asyncio
import math

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")

import redis.asyncio

from postopt.caching import Codec, Entry
from postopt.caching.redis import TAG_SECONDS, RedisStore
from postopt.caching.remote.naming import Names
from postopt.errors import CacheValueError, StoreError
from postopt.testing import ScriptedClock, StoreContract

NAMES = Names("postopt")


class TestRedisStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    async def make(self, clock):
        return RedisStore(self.server.url, deadline=10, clock=clock)


class TestOverTCP(TestRedisStore):
    async def make(self, clock):
        return RedisStore(self.server.tcp, namespace="ñ:%", deadline=10, clock=clock)


def run(server, story, **settings):
    """Run a story with a store."""

    async def main():
        store = RedisStore(server.url, **{"deadline": 10, **settings})
        try:
            async with asyncio.timeout(60):
                return await story(store)
        finally:
            await store.aclose()

    return asyncio.run(main())


async def value(store, key="key"):
    found = await store.get(key)
    return None if found is None else found.value


class TestTimes:
    @pytest.mark.parametrize(("lives", "least", "most"), [(100, 99_000, 100_000), (0.0001, -2, 1), (1e9, 9e11, 1e12)])
    def test_redis_forgets_an_entry_when_it_ends(self, server, lives, least, most):
        async def story(store):
            await store.set("key", Entry(value=1, expires_at=1000 + lives))

        run(server, story, clock=ScriptedClock(1000))
        assert least <= server.ask("PTTL", NAMES.value("key")) <= most

    @pytest.mark.parametrize("end", [math.inf, 1e300, 1e12])
    def test_an_entry_without_an_end_stays(self, server, end):
        async def story(store):
            await store.set("key", Entry(value=1, expires_at=end))
            assert await value(store) == 1

        run(server, story, clock=ScriptedClock(1000))
        assert server.ask("PTTL", NAMES.value("key")) == -1

    @pytest.mark.parametrize("end", [1000, 999, -math.inf])
    def test_an_entry_that_has_ended_is_not_sent(self, server, end):
        async def story(store):
            await store.set("key", Entry(value=1))
            await store.set("key", Entry(value=2, expires_at=end))

        run(server, story, clock=ScriptedClock(1000))
        assert server.calls("set") == 1
        assert server.ask("DBSIZE") == 0

    def test_a_stale_value_may_outlive_its_freshness(self, server):
        async def story(store):
            await store.set("key", Entry(value=1, expires_at=1010, stale_until=1100))

        run(server, story, clock=ScriptedClock(1000))
        assert 99_000 <= server.ask("PTTL", NAMES.value("key")) <= 100_000


class TestForeignData:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"garbage",
            b"\x01" + bytes(9),  # half a header
            b"\x01" + bytes(10),  # a header without an entry
            b"\x02" + bytes(10) + Codec().encode(Entry(value="another version")),
            b"\x01" + bytes(8) + b"\x00\x01" + bytes(8) + Codec().encode(Entry(value="generations without tags")),
            b"\x01" + bytes(10) + Codec().encode(Entry(value="tags without generations", tags=("t",))),
            b"\x01" + bytes(10) + Codec().encode(Entry(value="damaged"))[:-1] + b"x",
            b"\x01" + bytes(8) + b"\xff\xff" + Codec().encode(Entry(value="more generations than bytes")),
        ],
    )
    def test_what_is_no_entry_is_a_counted_miss(self, server, data):
        server.ask("SET", NAMES.value("key"), data)

        async def story(store):
            assert await store.get("key") is None
            assert (store.stats().misses, store.stats().unreadable) == (1, 1)
            await store.set("key", Entry(value="ours"))
            assert await value(store) == "ours"

        run(server, story)

    @pytest.mark.parametrize("command", [("LPUSH",), ("HSET", "f"), ("SADD",), ("XADD", "*", "f")])
    def test_another_type_is_a_miss_that_can_be_set_over(self, server, command):
        name, *arguments = command
        for target in (NAMES.value("key"), NAMES.tag("t"), NAMES.counter):
            server.ask(name, target, *arguments, "x")

        async def story(store):
            assert await store.get("key") is None
            await store.set("key", Entry(value="ours"), fence=1)
            assert await value(store) == "ours"
            await store.set("key", Entry(value="tagged", tags=("t",)))
            assert await value(store) == "tagged"

        run(server, story)


class TestKeys:
    def test_namespaces_never_see_each_other(self, server):
        spaces = ["", "a", "a:b", "a%3Ab", "A", "postopt", "postopt:v", "ñ", "\ud800", "*", "a" * 300]

        async def main():
            stores = [RedisStore(server.url, namespace=space, deadline=10) for space in spaces]
            for number, store in enumerate(stores):
                await store.set("b:k", Entry(value=number, tags=("t",)))
            for number, store in enumerate(stores):
                assert await value(store, "b:k") == number
            await stores[1].invalidate_tag("t")
            await stores[2].delete("b:k")
            left = [await value(store, "b:k") for store in stores]
            for store in stores:
                await store.aclose()
            return left

        assert asyncio.run(main()) == [0, None, None, *range(3, len(spaces))]

    def test_long_keys_and_tags_take_little_room_and_are_told_apart(self, server):
        keys = ["k" * length for length in (199, 200, 201, 2**20)]

        async def story(store):
            for key in keys:
                await store.set(key, Entry(value=len(key), tags=(key[:60_000],)))
            assert [await value(store, key) for key in keys] == list(map(len, keys))
            await store.invalidate_tag(keys[2])
            assert [await value(store, key) for key in keys] == [199, 200, None, 2**20]

        run(server, story)
        assert all(len(name) < 250 for name in server.ask("KEYS", "*"))


class TestValues:
    def test_what_no_codec_takes_is_refused_and_takes_the_last_value_with_it(self, server):
        async def story(store):
            await store.set("key", Entry(value="old"))
            with pytest.raises(CacheValueError, match="object"):
                await store.set("key", Entry(value=object()))
            assert await store.get("key") is None
            assert store.stats().errors == 0

        run(server, story)

    def test_what_is_too_large_is_refused_and_takes_the_last_value_with_it(self, server):
        async def story(store):
            await store.set("key", Entry(value=b"x" * 100))
            with pytest.raises(CacheValueError, match="too large"):
                await store.set("key", Entry(value=b"x" * 1001))
            assert await store.get("key") is None

        run(server, story, max_bytes=1000, codec=Codec(compression="none"))

    def test_large_values_travel_with_small_ones(self, server):
        async def story(store):
            values = {f"key {size}": bytes(range(256)) * size for size in (0, 1, 100, 5000, 16_000)}
            await asyncio.gather(*(store.set(key, Entry(value=value)) for key, value in values.items()))
            found = await asyncio.gather(*(value(store, key) for key in values))
            assert found == list(values.values())

        run(server, story, codec=Codec(compression="none"))

    def test_two_readers_of_one_key_get_values_of_their_own(self, server):
        async def story(store):
            await store.set("key", Entry(value=[1]))
            one, other = await asyncio.gather(store.get("key"), store.get("key"))
            one.value.append(2)
            assert other.value == [1]

        run(server, story)


class TestTags:
    def test_an_entry_is_there_while_all_its_tags_are_as_they_were(self, server):
        async def story(store):
            await store.set("both", Entry(value=1, tags=("one", "two")))
            await store.set("one", Entry(value=2, tags=("one",)))
            await store.invalidate_tag("two")
            assert await store.get("both") is None
            assert await value(store, "one") == 2

        run(server, story)

    @pytest.mark.parametrize("lost", ["tag", "counter", "both"])
    def test_a_generation_that_was_lost_brings_nothing_back(self, server, lost):
        async def story(store):
            await store.set("key", Entry(value="old", tags=("t",)))
            await store.invalidate_tag("t")
            names = {"tag": [NAMES.tag("t")], "counter": [NAMES.counter], "both": [NAMES.tag("t"), NAMES.counter]}
            server.ask("DEL", *names[lost])
            assert await store.get("key") is None
            await store.set("new", Entry(value="new", tags=("t",)))
            await store.invalidate_tag("other")
            assert await store.get("key") is None
            assert await value(store, "new") == "new"

        run(server, story)

    def test_entries_outlive_no_generation(self, server):
        async def story(store):
            await store.set("key", Entry(value="old", tags=("t",)))
            server.ask("DEL", NAMES.tag("t"))
            assert await store.get("key") is None

        run(server, story)
        assert TAG_SECONDS * 1000 * 0.9 < 30 * 86_400 * 1000

    def test_concurrent_writers_of_a_new_tag_agree_on_its_generation(self, server):
        async def main():
            stores = [RedisStore(server.url, deadline=10) for _ in range(3)]
            await asyncio.gather(
                *(store.set(f"{n}", Entry(value=n, tags=("t",))) for n in range(30) for store in stores)
            )
            found = await asyncio.gather(*(value(stores[0], f"{n}") for n in range(30)))
            await stores[1].invalidate_tag("t")
            gone = await asyncio.gather(*(value(stores[2], f"{n}") for n in range(30)))
            for store in stores:
                await store.aclose()
            return found, gone

        assert asyncio.run(main()) == (list(range(30)), [None] * 30)

    def test_tags_of_concurrent_reads_are_read_in_one_more_trip(self, server):
        async def story(store):
            await asyncio.gather(*(store.set(f"{n}", Entry(value=n, tags=("t", f"t{n % 3}"))) for n in range(50)))
            before = store.stats().batches
            await asyncio.gather(*(store.get(f"{n}") for n in range(50)))
            assert store.stats().batches == before + 2
            before = store.stats().batches
            await store.get("absent")
            assert store.stats().batches == before + 1

        run(server, story)

    def test_to_invalidate_is_one_number_however_many_entries(self, server):
        async def story(store):
            await asyncio.gather(*(store.set(f"{n}", Entry(value=n, tags=("t",))) for n in range(300)))
            before = server.calls("set")
            await store.invalidate_tag("t")
            return server.calls("set") - before

        assert run(server, story) == 2  # the generation, and the counter it was drawn from


class TestFences:
    def test_what_a_later_token_wrote_is_not_replaced_by_an_earlier_one(self, server):
        async def story(store):
            for fence, expected in [(7, 7), (6, 7), (7, 7), (2**53, 2**53), (8, 2**53)]:
                await store.set("key", Entry(value=fence), fence=fence)
                assert await value(store) == expected
            assert store.stats().fenced == 2
            await store.set("key", Entry(value="without"))
            await store.set("key", Entry(value="early"), fence=1)
            assert await value(store) == "early"

        run(server, story)

    def test_fenced_entries_end_and_have_tags_like_others(self, server):
        async def story(store):
            await store.set("key", Entry(value=1, tags=("t",), expires_at=1100), fence=5)
            assert await value(store) == 1
            assert 99_000 <= server.ask("PTTL", NAMES.value("key")) <= 100_000
            await store.invalidate_tag("t")
            assert await store.get("key") is None
            await store.set("key", Entry(value=2, expires_at=900), fence=6)
            assert await store.get("key") is None
            await store.set("key", Entry(value=3), fence=7)
            assert server.ask("PTTL", NAMES.value("key")) == -1
            return server.ask("KEYS", "*:s:*")

        assert run(server, story, clock=ScriptedClock(1000)) == []

    @pytest.mark.parametrize("fence", [0, -1, 2**53 + 1, 1.5, "1", True])
    def test_a_token_is_a_positive_number(self, server, fence):
        async def story(store):
            with pytest.raises(CacheValueError, match="fence"):
                await store.set("key", Entry(value=1), fence=fence)

        run(server, story)


SETTINGS = [
    {},
    {"decode_responses": True},
    {"protocol": 2},
    {"single_connection_client": True},
    {"socket_timeout": 1e-6, "socket_connect_timeout": 1e-6},
    {"health_check_interval": 1},
]


class TestClients:
    @pytest.mark.parametrize("settings", SETTINGS, ids=str)
    def test_a_client_says_how_to_connect_and_stays_open(self, server, settings):
        async def main():
            client = redis.asyncio.Redis(unix_socket_path=server.path, **settings)
            store = RedisStore(client, deadline=10)
            await store.set("key", Entry(value=b"\xff"))
            assert await value(store) == b"\xff"
            await store.aclose()
            assert not client.connection_pool._in_use_connections
            await client.aclose()

        asyncio.run(main())

    def test_a_client_whose_connections_are_all_in_use_is_no_hindrance(self, server):
        async def main():
            client = redis.asyncio.Redis(host="127.0.0.1", port=server.port, max_connections=1)
            async with client.pipeline() as held:
                await held.watch("anything")
                store = RedisStore(client, deadline=10)
                await store.set("key", Entry(value=1))
                assert await value(store) == 1
                await store.aclose()
            await client.aclose()

        asyncio.run(main())

    def test_ten_thousand_calls_take_one_connection(self, server):
        async def story(store):
            await asyncio.gather(*(store.set(f"{n}", Entry(value=n)) for n in range(1000)))
            found = await asyncio.gather(*(value(store, f"{n % 1000}") for n in range(10_000)))
            assert found == [n % 1000 for n in range(10_000)]
            assert server.clients() == 1

        run(server, story, deadline=60)

    def test_a_password_and_a_database(self, own_server):
        own_server.ask("CONFIG", "SET", "requirepass", "secret")

        async def attempt(address):
            store = RedisStore(address, deadline=10)
            try:
                await store.set("key", Entry(value=1))
                return await value(store)
            finally:
                await store.aclose()

        address = f"redis://:secret@127.0.0.1:{own_server.port}/3"
        assert asyncio.run(attempt(address)) == 1
        with pytest.raises(StoreError) as error:
            asyncio.run(attempt(address.replace("secret", "wrong")))
        assert "wrong" not in str(error.value)

    @pytest.mark.parametrize(
        "address", ["", "localhost:6379", "http://localhost", "redis://localhost:port", None, 5, object()]
    )
    def test_what_is_no_address(self, address):
        with pytest.raises(CacheValueError, match="address"):
            RedisStore(address)

    def test_a_client_that_blocks_is_refused(self):
        with pytest.raises(CacheValueError, match=r"redis\.asyncio"):
            RedisStore(redis.Redis())

    @pytest.mark.parametrize(
        "wrong",
        [{"max_bytes": -1}, {"max_bytes": 0}, {"max_bytes": 1.5}, {"max_bytes": "x"}, {"breaker": 3}, {"codec": 3},
         {"namespace": 5}, {"namespace": None}, {"clock": 3}],
    )  # fmt: skip
    def test_settings_of_another_kind(self, wrong):
        with pytest.raises(CacheValueError, match=f"{next(iter(wrong))} is .* needed"):
            RedisStore("redis://localhost", **wrong)

    @pytest.mark.parametrize("wrong", [None, 5, b"key", ["key"]])
    def test_what_is_no_key_tag_or_entry_is_refused(self, server, wrong):
        async def story(store):
            for call in (
                store.get(wrong),
                store.set(wrong, Entry(value=1)),
                store.delete(wrong),
                store.invalidate_tag(wrong),
            ):
                with pytest.raises(CacheValueError, match=r"texts? (is|are) needed"):
                    await call
            with pytest.raises(CacheValueError, match="is no Entry"):
                await store.set("key", wrong)

        run(server, story)
        assert server.ask("DBSIZE") == 0

    @pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, "x", None])
    @pytest.mark.parametrize("setting", ["deadline", "heartbeat"])
    def test_settings_out_of_range(self, setting, seconds):
        with pytest.raises(CacheValueError, match=setting):
            RedisStore("redis://localhost", **{setting: seconds})


class TestStats:
    def test_every_call_is_counted_once(self, server):
        async def story(store):
            await store.get("absent")
            await store.set("key", Entry(value=1, tags=("t",)))
            await store.get("key")
            await store.invalidate_tag("t")
            await store.get("key")
            stats = store.stats()
            assert (stats.hits, stats.misses, stats.unreadable) == (1, 2, 0)
            assert (stats.timeouts, stats.errors, stats.refused, stats.fenced) == (0, 0, 0, 0)

        run(server, story)

    def test_a_key_that_is_read_twice_travels_once(self, server):
        async def story(store):
            await store.set("key", Entry(value=1))
            before = store.stats()
            assert await asyncio.gather(*(value(store) for _ in range(100))) == [1] * 100
            after = store.stats()
            assert (after.batches - before.batches, after.keys - before.keys, after.hits - before.hits) == (1, 1, 100)

        run(server, story)


class TestErrors:
    def test_what_redis_refuses_is_an_error_of_that_call_alone(self, own_server):
        own_server.ask("CONFIG", "SET", "maxmemory", "1")

        async def story(store):
            with pytest.raises(StoreError, match="OOM"):
                await store.set("key", Entry(value=1))
            for call in (store.set("key", Entry(value=1), fence=5), store.set("key", Entry(value=1, tags=("t",)))):
                with pytest.raises(StoreError, match="OOM"):
                    await call
            assert await store.get("key") is None
            await store.delete("key")
            assert (store.stats().errors, store.stats().refused) == (3, 0)
            own_server.ask("CONFIG", "SET", "maxmemory", "0")
            await store.set("key", Entry(value=2))
            assert await value(store) == 2

        run(own_server, story)

    def test_an_answer_that_quotes_the_call_is_not_quoted(self, own_server):
        own_server.kill()
        own_server.start("--rename-command", "DEL", "")

        async def story(store):
            with pytest.raises(StoreError, match="unknown command") as error:
                await store.delete("a person's name")
            return str(error.value)

        assert "person" not in run(own_server, story)

    def test_a_user_without_rights(self, own_server):
        own_server.ask("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+@all", "-mget")
        address = f"redis://reader:x@127.0.0.1:{own_server.port}/0"

        async def main():
            store = RedisStore(address, deadline=10)
            await store.set("key", Entry(value=1))
            for result in await asyncio.gather(store.get("key"), store.get("k2"), return_exceptions=True):
                assert isinstance(result, StoreError)
                assert "permissions" in str(result)
            await store.aclose()

        asyncio.run(main())

    def test_a_server_that_allows_only_harmless_commands_will_do(self, own_server):
        own_server.ask("ACL", "SETUSER", "app", "on", "nopass", "~postopt:*", "&*", "+@all", "-@dangerous", "-@admin")
        address = f"redis://app:x@127.0.0.1:{own_server.port}/0"

        async def main():
            store = RedisStore(address, deadline=10)
            await store.set("key", Entry(value=1, tags=("t",)), fence=3)
            assert await value(store) == 1
            await store.aclose()

        asyncio.run(main())

    @pytest.mark.parametrize("entry", [Entry(value=1, tags=("t",)), Entry(value=1)], ids=["tagged", "fenced"])
    def test_a_script_that_may_not_do_all_it_has_to(self, own_server, entry):
        own_server.ask("ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "-set")

        async def main():
            store = RedisStore(f"redis://app:x@127.0.0.1:{own_server.port}/0", deadline=10)
            with pytest.raises(StoreError, match=r"(?i)permissions|can't run"):
                await store.set("key", entry, fence=5)
            assert await store.get("key") is None
            assert store.stats().errors == 1
            await store.aclose()

        asyncio.run(main())

    def test_a_tag_that_may_not_be_written(self, own_server):
        own_server.ask("ACL", "SETUSER", "app", "on", "nopass", "~postopt:v:*", "~postopt:n", "%R~postopt:t:*", "+@all")

        async def main():
            store = RedisStore(f"redis://app:x@127.0.0.1:{own_server.port}/0", deadline=10)
            with pytest.raises(StoreError, match="permissions"):
                await store.set("key", Entry(value=1, tags=("t",)))
            assert await store.get("key") is None
            await store.aclose()

        asyncio.run(main())


class TestClosing:
    def test_a_closed_store_refuses(self, server):
        async def story(store):
            await store.set("key", Entry(value=1))
            await store.aclose()
            await store.aclose()
            for call in (
                store.get("key"),
                store.set("key", Entry(value=1)),
                store.delete("key"),
                store.invalidate_tag("t"),
            ):
                with pytest.raises(StoreError, match="closed"):
                    await call

        run(server, story)
        server.until(lambda: server.clients() == 0)

    def test_calls_that_have_begun_end_first(self, server):
        async def story(store):
            calls = [asyncio.ensure_future(store.set(f"{n}", Entry(value=n))) for n in range(20)]
            await asyncio.sleep(0)
            await store.aclose()
            assert [await call for call in calls] == [None] * 20

        run(server, story)
        assert server.ask("DBSIZE") == 20

    def test_a_store_that_was_never_used(self, server):
        async def story(store):
            assert store.stats().batches == 0

        run(server, story)
