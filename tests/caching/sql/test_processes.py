"""Real processes on one database: killed in the middle of it, forked, and all at once."""

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import textwrap

import pytest

from postopt.caching import Codec, Entry
from postopt.caching.database.rows import unseal

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

WRITER = """
    import asyncio, random, sys
    from postopt.caching import Entry
    from postopt.caching.sql import SQLStore

    async def main(url, first):
        store, draw = SQLStore(url, flush_seconds=0.01, deadline=30.0), random.Random(first)
        number = first
        while True:
            for _ in range(draw.randrange(1, 100)):
                number += 1
                await store.set(f"key {number}", Entry(value=[number, "x" * 300], tags=(f"tag {number % 5}",)))
                if draw.random() < 0.02:
                    await store.delete(f"key {number}")
                    print("deleted", number, flush=True)
                if draw.random() < 0.02:
                    await store.set(f"tagged {number}", Entry(value=number, tags=("doomed",)))
                    await store.invalidate_tag("doomed")
                    print("invalidated", number, flush=True)
            while store.stats().pending:  # nobody flushes: it is written behind
                await asyncio.sleep(0.001)
            print("durable", number, flush=True)

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def start(script, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_after(lines, *arguments):
    """Let a writer say so many lines, kill it with signal 9, and return all that it said."""
    process = start(WRITER, *arguments)
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() != 0
    return [(word, int(number)) for word, number in (line.split() for line in said if line.endswith("\n"))]


def test_kill_9_loses_only_what_was_on_its_way(database):
    """After each of several kills all that was durable is there, nothing deleted is back, and every row is whole."""
    draw, first = random.Random(database.kind), 0
    durable, deleted = set(), set()
    for _ in range(3):
        said = kill_after(draw.randrange(5, 30), database.url, first)
        there = set(range(first + 1, 1 + max(number for word, number in said if word == "durable")))
        gone = {number for word, number in said if word == "deleted"}
        invalidated = {number for word, number in said if word == "invalidated"}
        asyncio.run(check_entries(database.store(), there - gone, gone, invalidated))
        durable |= there - gone
        deleted |= gone
        check_rows(database, durable, deleted)
        first += 10_000
    assert len(durable) > 100


async def check_entries(store, there, deleted, invalidated):
    for number in sorted(there)[-200:]:
        assert (await store.get(f"key {number}")).value == [number, "x" * 300]
    gone = [f"key {number}" for number in deleted] + [f"tagged {number}" for number in invalidated]
    assert [found for key in gone if (found := await store.get(key))] == []
    await store.aclose()


def check_rows(database, there, gone):
    codec, seen = Codec(), set()
    for name, data in database.sql("SELECT name, data FROM postopt_cache"):
        value = codec.decode(unseal(name, data)).value
        number = value if isinstance(value, int) else value[0]
        assert name.decode() == ("=tagged" if isinstance(value, int) else "=key") + f" {number}"
        seen |= set() if isinstance(value, int) else {number}
    assert there <= seen
    assert not gone & seen
    if database.kind == "sqlite":
        assert database.sql("PRAGMA integrity_check") == [("ok",)]


ACTOR = """
    import asyncio, json, random, sys, time
    from postopt.caching import Entry
    from postopt.caching.sql import SQLStore

    async def act(store, name, draw, history):
        for number in range(120):
            key, tag = f"key {draw.randrange(3)}", f"tag {draw.randrange(2)}"
            kind = draw.choices(["get", "set", "delete", "invalidate", "flush"], [45, 30, 10, 10, 5])[0]
            value = f"{name}.{number}" if kind == "set" else None
            start = time.monotonic()
            if kind == "get":
                found = await store.get(key)
                value = found and found.value
            elif kind == "set":
                await store.set(key, Entry(value=value, tags=(tag,)))
            elif kind == "delete":
                await store.delete(key)
            elif kind == "invalidate":
                await store.invalidate_tag(tag)
            else:
                await store.flush()
            history.append((kind, key, tag, value, start, time.monotonic()))
            await asyncio.sleep(draw.choice([0, 0, 0.002]))

    async def main(url, name):
        store, history = SQLStore(url, flush_seconds=0.003, deadline=30.0), []
        await asyncio.gather(*(act(store, f"{name}.{a}", random.Random(f"{name}.{a}"), history) for a in range(2)))
        await store.aclose()
        print(json.dumps(history))

    asyncio.run(main(*sys.argv[1:]))
"""


def test_no_process_returns_what_any_had_deleted_before(database):
    """Whatever three processes do at once. All see one monotonic clock, so their histories can be put together."""
    processes = [start(ACTOR, database.url, name) for name in "abc"]
    history = [step for process in processes for step in json.loads(process.communicate()[0])]
    assert [process.returncode for process in processes] == [0, 0, 0]
    sets = {value: (tag, end) for kind, _, tag, value, _, end in history if kind == "set"}
    gets = [(key, value, begun) for kind, key, _, value, begun, _ in history if kind == "get" and value]
    assert len(gets) > 20
    for key, value, begun in gets:
        tag, set_end = sets[value]
        ends = [
            deletion for deletion in history
            if (deletion[0] == "delete" and deletion[1] == key) or (deletion[0] == "invalidate" and deletion[2] == tag)
            if set_end < deletion[4] and deletion[5] < begun
        ]  # fmt: skip
        assert ends == []


@posix
class TestFork:
    def test_parent_and_child_go_on_by_themselves(self, database, run_child):
        assert run_child(FORKER, database.url) == {"parent": [], "child": 0, "waiting": "parent"}
        if database.kind == "sqlite":
            assert database.sql("PRAGMA integrity_check") == [("ok",)]

        async def check(store):
            for who in ("parent", "child"):
                for number in range(200):
                    assert (await store.get(f"{who} {number}")).value == [who, number]
            await store.aclose()

        asyncio.run(check(database.store()))

    def test_a_child_that_only_closes_takes_nothing_with_it(self, database, run_child):
        script = """
            import asyncio, json, os, sys
            from postopt.caching import Entry
            from postopt.caching.sql import SQLStore

            store = SQLStore(sys.argv[1], flush_seconds=1e9, deadline=30.0)

            async def use():
                await store.set("key", Entry(value=1))
                child = os.fork()
                if not child:
                    asyncio._set_running_loop(None)
                    asyncio.run(store.aclose())
                    os._exit(store.stats().lost)
                _, status = os.waitpid(child, 0)
                await store.flush()
                return status, (await store.get("key")).value

            print(json.dumps(asyncio.run(use())))
        """
        assert run_child(script, database.url) == [0, 1]


FORKER = """
    import asyncio, json, os, sys
    from postopt.caching import Entry
    from postopt.caching.sql import SQLStore

    url = sys.argv[1]

    async def use(store, who, numbers):
        for number in numbers:
            await store.set(f"{who} {number}", Entry(value=[who, number]))
            if number % 7 == 0:
                await store.get(f"{who} {number}")
            if number % 40 == 0:
                await store.flush()

    async def missing(store, who):
        found = [await store.get(f"{who} {number}") for number in range(200)]
        return [number for number, entry in enumerate(found) if entry is None or entry.value != [who, number]]

    async def live_as_child(store):
        await use(store, "child", range(100))
        os.read(closed[0], 1)
        # The parent has closed, and nobody else was there: SQLite's log would now be deleted under a connection that
        # had been inherited.
        other = SQLStore(url, deadline=30.0)
        await other.set("other", Entry(value=1))
        await other.aclose()
        await use(store, "child", range(100, 200))
        lost = await missing(store, "child") + await missing(store, "parent")
        await store.aclose()
        return len(lost)

    async def main(store):
        await use(store, "parent", range(50))
        await store.set("waiting", Entry(value="parent"))
        work = [asyncio.create_task(use(store, "parent", range(start, start + 50))) for start in (50, 100, 150)]
        for _ in range(100):
            await asyncio.sleep(0)
        child = os.fork()
        if not child:
            asyncio._set_running_loop(None)  # as after a fork outside of any loop
            code = 99
            try:
                code = asyncio.run(live_as_child(store))
            finally:
                os._exit(code)
        await asyncio.gather(*work)
        lost, waiting = await missing(store, "parent"), await store.get("waiting")
        await store.aclose()
        os.write(closed[1], b"x")
        _, status = os.waitpid(child, 0)
        print(json.dumps({"parent": lost, "child": status, "waiting": waiting.value}))

    closed = os.pipe()
    asyncio.run(main(SQLStore(url, flush_seconds=0.01, deadline=30.0)))
"""


class TestLoops:
    def test_a_store_serves_one_loop_after_another(self, database):
        store = database.store(flush_seconds=1e9)

        async def use(number):
            before = await store.get(f"key {number - 1}")
            await store.set(f"key {number}", Entry(value=number))
            return before and before.value

        assert [asyncio.run(use(number)) for number in range(4)] == [None, 0, 1, 2]
        # Each loop wrote what waited when it ended.
        assert store.stats().flushed == 4
        asyncio.run(store.aclose())

    @pytest.mark.filterwarnings("ignore")
    def test_a_loop_may_end_in_the_middle_of_anything(self, database):
        """What was set is there, and the store serves the next loop.

        A call that is cut off while it gives its connection back leaves that to the garbage collector, with a warning.
        """
        store = database.store(flush_seconds=0)

        async def use(turns):
            await store.set("key", Entry(value=turns))
            calls = [store.get("key"), store.delete("other"), store.flush(), store.set("other", Entry(value=turns))]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for _ in range(turns):
                await asyncio.sleep(0)
            return len(tasks)

        async def look(other):
            found = [(await one.get("key")).value for one in (store, other)]
            await other.aclose()
            return found

        for turns in (0, 2, 4, 7, 12, 20, 35, 60):
            asyncio.run(use(turns))
            gc.collect()
            assert asyncio.run(look(database.store())) == [turns, turns]
        asyncio.run(store.aclose())
        gc.collect()

    def test_what_a_loop_could_not_write_waits_for_the_next(self, sqlite_database):
        store = sqlite_database.store(flush_seconds=1e9, deadline=2.0)

        async def use():
            await store.set("key", Entry(value=1))

        asyncio.run(use())
        locked = sqlite_database.lock()
        asyncio.run(use())
        assert store.stats().pending == 1
        locked.close()
        asyncio.run(store.aclose())
        assert (store.stats().pending, store.stats().flushed, store.stats().lost) == (0, 2, 0)

    def test_a_loop_that_was_not_shut_down_is_left_behind(self, database):
        """Not how loops should end; but what waited is not lost."""
        store = database.store(flush_seconds=1e9)

        async def use():
            await store.set("key", Entry(value=1))

        loop = asyncio.new_event_loop()
        loop.run_until_complete(use())
        # What is left would only make noise when it is collected.
        store._attachment.flusher.cancel()
        loop.run_until_complete(store._attachment._rows.close())
        loop.close()

        async def go_on():
            found = await store.get("key")
            await store.aclose()
            return found.value

        assert asyncio.run(go_on()) == 1


def test_a_process_that_ends_without_closing_loses_nothing(database, run_child):
    script = """
        import asyncio, json, sys
        from postopt.caching import Entry
        from postopt.caching.sql import SQLStore

        asyncio.run(SQLStore(sys.argv[1], flush_seconds=60).set("key", Entry(value=1)))
        print(json.dumps("done"))
    """
    assert run_child(script, database.url) == "done"

    async def check(store):
        found = await store.get("key")
        await store.aclose()
        return found.value

    assert asyncio.run(check(database.store())) == 1
