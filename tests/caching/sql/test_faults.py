"""Full disks, read-only folders, damaged files, locks that are held, servers that hang, calls that are cancelled."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import closing, suppress

import pytest

from postopt.caching import Entry
from postopt.errors import StoreError

SMALL = """
    import asyncio, json, os, resource, sys
    from postopt.caching import Entry
    from postopt.caching.sql import SQLStore
    from postopt.errors import StoreError

    async def attempt(call):
        try:
            found = await call
        except StoreError as error:
            return type(error).__name__
        return None if found is None else found.value

    async def main(url, fill, make_room):
        store = SQLStore(url, flush_seconds=1e9, deadline=30.0)
        said = {}
        await store.set("there", Entry(value="there", tags=("t",)))
        await store.set("other", Entry(value="other", tags=("u",)))
        await store.flush()
        fill()
        await store.set("new", Entry(value=os.urandom(100_000)))
        said["flush"] = await attempt(store.flush())
        said["written before"] = await attempt(store.get("there"))
        said["waiting"] = (await store.get("new")) is not None
        said["delete"] = await attempt(store.delete("there"))
        said["deleted"] = await attempt(store.get("there"))
        said["invalidate"] = await attempt(store.invalidate_tag("u"))
        said["invalidated"] = await attempt(store.get("other"))
        said["pending"] = store.stats().pending
        make_room()
        said["flush again"] = await attempt(store.flush())
        said["pending again"] = store.stats().pending
        await store.aclose()
        after = SQLStore(url, deadline=30.0)
        said["after"] = [(await after.get(key)) is not None for key in ("there", "other", "new")]
        await after.aclose()
        print(json.dumps(said))
"""
SAID = {
    "flush": "StoreError", "written before": "there", "waiting": True, "delete": "StoreError", "deleted": None,
    "invalidate": "StoreError", "invalidated": None, "pending": 1, "flush again": None, "pending again": 0,
    "after": [False, False, True],
}  # fmt: skip


class TestFullDisk:
    def test_reads_go_on_and_what_waits_is_written_when_there_is_room(self, sqlite_database, run_child):
        """The file may not grow, which is as far as a user without rights can go."""
        script = (
            SMALL
            + """
    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    path = sys.argv[1].removeprefix("sqlite:///")
    asyncio.run(main(sys.argv[1], lambda: limit(os.stat(path + "-wal").st_size), lambda: limit(resource.RLIM_INFINITY)))
"""
        )
        assert run_child(script, sqlite_database.url) == SAID

    @pytest.fixture
    def small_disk(self, tmp_path):
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("may not mount a small disk")
        yield tmp_path
        subprocess.run(["umount", tmp_path], check=True)

    @pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
    def test_a_disk_that_is_really_full(self, sqlite_database, small_disk, run_child):
        script = (
            SMALL
            + """
    def fill():
        with open(sys.argv[2], "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    asyncio.run(main(sys.argv[1], fill, lambda: os.unlink(sys.argv[2])))
"""
        )
        assert run_child(script, sqlite_database.url, small_disk / "filling") == SAID


def unprivileged(script):
    """Return the script, which then gives up root's rights: nothing is read-only for root."""
    return (
        """
    import asyncio, json, os, sys, tempfile
    from postopt.caching import Entry
    from postopt.caching.sql import SQLStore
    from postopt.errors import StoreError

    async def attempt(call):
        try:
            found = await call
        except StoreError as error:
            return str(error)
        return None if found is None else found.value

    def say(what):
        print(json.dumps(what), flush=True)
        os._exit(0)  # at its exit the interpreter may want to write, such as coverage

    store = SQLStore(sys.argv[1], deadline=30.0)
    # All that is imported on the way, while it can be read.
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(SQLStore(f"sqlite:///{folder}/cache.db", deadline=30.0).set("key", Entry(value=1)))
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
"""
        + script
    )


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX rights")
class TestReadOnly:
    @pytest.fixture
    def folder(self, sqlite_database, tmp_path_factory):
        """A folder that anybody can enter; pytest's are not."""
        import tempfile
        from pathlib import Path

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            sqlite_database.url = f"sqlite:///{folder / 'cache.db'}"
            yield folder
            folder.chmod(0o755)

    def test_a_folder(self, sqlite_database, folder, run_child):
        folder.chmod(0o555)
        script = unprivileged("""
    async def main():
        said = [await attempt(store.set("key", Entry(value=1))), await attempt(store.get("key"))]
        said.append(await attempt(store.flush()))
        await store.aclose()
        say(said)

    asyncio.run(main())
""")
        said = run_child(script, sqlite_database.url)
        assert ["the database failed: PermissionError" in text for text in said] == [True] * 3

    def test_a_file_can_be_read_while_others_write_it(self, sqlite_database, folder, run_child):
        script = unprivileged("""
    async def main():
        said = [await attempt(store.get("key")), await attempt(store.set("key", Entry(value="new")))]
        said += [await attempt(store.flush()), await attempt(store.get("key"))]
        await store.aclose()
        say([*said, store.stats().lost, store.stats().flush_failures])

    import logging
    logging.disable()
    asyncio.run(main())
""")

        async def law(store):
            await store.set("key", Entry(value="old"))
            await store.flush()
            for file in folder.iterdir():
                file.chmod(0o644)
            said = await asyncio.to_thread(run_child, script, sqlite_database.url)
            await store.aclose()
            return said

        read, taken, flushed, waiting, lost, failures = asyncio.run(law(sqlite_database.store()))
        assert (read, taken, waiting, lost, failures) == ("old", None, "new", 1, 1)
        assert "readonly" in flushed

    def test_a_file_that_may_be_written_again_is(self, sqlite_database, folder, run_child):
        """Connections that were opened meanwhile stay read-only for ever: others are made."""
        script = unprivileged("""
    async def main():
        os.chmod(sys.argv[2], 0o444)
        said = [await attempt(store.get("key")), await attempt(store.set("key", Entry(value="new")))]
        said += [await attempt(store.flush()), await attempt(store.delete("other")), await attempt(store.get("other"))]
        for path in (sys.argv[2], sys.argv[2] + "-wal", sys.argv[2] + "-shm"):  # they are made with the same rights
            if os.path.exists(path):
                os.chmod(path, 0o644)
        said += [await attempt(store.flush()), await attempt(store.get("key")), await attempt(store.get("other"))]
        await store.aclose()
        say([*said, store.stats().lost])

    import logging
    logging.disable()
    asyncio.run(main())
""")

        async def fill(store):
            await store.set("key", Entry(value="old"))
            await store.set("other", Entry(value="old"))
            await store.aclose()

        asyncio.run(fill(sqlite_database.store()))
        if os.geteuid() == 0:
            for path in (folder, sqlite_database.path):
                os.chown(path, 65534, 65534)
        said = run_child(script, sqlite_database.url, sqlite_database.path)
        read, taken, refused, deletion, deleted, *after = said
        assert (read, taken, deleted) == ("old", None, None)
        assert "readonly" in refused
        assert "readonly" in deletion
        assert after == [None, "new", None, 0]


class TestDamage:
    @pytest.mark.parametrize(
        "data", [b"no database, but long enough to look like one " * 100, b"SQLite format 3\x00" * 500]
    )
    def test_a_file_that_is_no_database_is_left_alone(self, sqlite_database, data):
        sqlite_database.path.write_bytes(data)

        async def law(store):
            for call in (store.get("key"), store.set("key", Entry(value=1)), store.delete("key"), store.flush()):
                with pytest.raises(StoreError, match="the database failed"):
                    await call
            await store.aclose()

        asyncio.run(law(sqlite_database.store()))
        assert sqlite_database.path.read_bytes() == data

    def test_a_folder_in_place_of_the_file(self, sqlite_database):
        sqlite_database.path.mkdir()

        async def law(store):
            with pytest.raises(StoreError, match="the database failed"):
                await store.get("key")
            await store.aclose()

        asyncio.run(law(sqlite_database.store()))

    def test_damaged_pages_never_give_a_wrong_value(self, sqlite_database):
        async def fill(store):
            for number in range(300):
                await store.set(f"key {number}", Entry(value=[number] * 100))
            await store.aclose()

        asyncio.run(fill(sqlite_database.store()))
        data = bytearray(sqlite_database.path.read_bytes())
        for place in range(4096 * 8, len(data), 997):
            data[place] ^= 0x55
        sqlite_database.path.write_bytes(data)

        async def law(store):
            for number in range(300):
                with suppress(StoreError):
                    found = await store.get(f"key {number}")
                    assert found is None or found.value == [number] * 100
            await store.aclose()
            return store.stats().unreadable

        assert asyncio.run(law(sqlite_database.store())) > 0

    def test_a_row_that_cannot_be_read_is_a_miss(self, database):
        async def law(store):
            await store.set("key", Entry(value=1))
            await store.set("other", Entry(value=2))
            await store.flush()
            literal = "x'00ff'" if database.kind == "sqlite" else r"'\x00ff'"
            await asyncio.to_thread(database.sql, f"UPDATE postopt_cache SET data = {literal} WHERE size > 0")
            assert await store.get("key") is None
            await store.set("key", Entry(value=3))
            await store.flush()
            assert (await store.get("key")).value == 3
            stats = store.stats()
            await store.aclose()
            return stats.unreadable, stats.hits, stats.misses

        assert asyncio.run(law(database.store())) == (1, 1, 1)


class TestLocks:
    def test_a_lock_that_is_given_up_in_time_is_not_noticed(self, sqlite_database):
        async def law(store):
            await store.get("key")
            locked = sqlite_database.lock()
            deletion = asyncio.ensure_future(store.delete("key"))
            for _ in range(50):
                await asyncio.sleep(0)
            assert not deletion.done()
            locked.close()
            await deletion
            await store.aclose()

        asyncio.run(law(sqlite_database.store(deadline=60.0)))

    def test_a_lock_that_is_held_on_fails_the_writers_only(self, sqlite_database):
        async def law(store):
            await store.set("key", Entry(value=1))
            await store.set("other", Entry(value=2))
            await store.flush()
            with closing(sqlite_database.lock()):
                with pytest.raises(StoreError, match=r"locked|did not answer"):
                    await store.delete("key")
                await store.set("new", Entry(value=3))
                with pytest.raises(StoreError, match=r"locked|did not answer"):
                    await store.flush()
                assert await store.get("key") is None
                assert [(await store.get(key)).value for key in ("other", "new")] == [2, 3]
            await store.flush()
            await store.aclose()

        asyncio.run(law(sqlite_database.store(deadline=1.0, flush_seconds=1e9)))
        assert sqlite_database.sql("SELECT name FROM postopt_cache ORDER BY name") == [(b"=new",), (b"=other",)]

    def test_when_more_deletions_failed_than_can_be_remembered_nothing_older_is_served(self, sqlite_database):
        async def law(store, others):
            for number in range(10):
                await store.set(f"key {number}", Entry(value=number))
                await store.flush()
            with closing(sqlite_database.lock()):
                for number in range(5):
                    with pytest.raises(StoreError):
                        await store.delete(f"key {number}")
            assert await store.get("key 9") is None
            await store.flush()
            assert [await store.get(f"key {number}") for number in range(10)] == [None] * 10
            # Others still have what nobody could delete.
            assert (await others.get("key 9")).value == 9
            await others.set("new", Entry(value=1))
            await others.flush()
            assert (await store.get("new")).value == 1
            await store.aclose()
            await others.aclose()

        store = sqlite_database.store(deadline=1.0, flush_seconds=1e9, max_pending=2000)
        asyncio.run(law(store, sqlite_database.store()))


class TestServer:
    def test_one_that_never_answers(self, server):
        """It accepts the connection, and that is all."""
        from postopt.caching.sql import SQLStore

        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            url = f"postgresql://user:secret@127.0.0.1:{silent.getsockname()[1]}/database"

            async def law(store):
                for call in (store.get("key"), store.set("key", Entry(value=1)), store.delete("key"), store.flush()):
                    with pytest.raises(StoreError, match="did not answer") as caught:
                        await call
                    assert "secret" not in str(caught.value)
                await store.aclose()

            asyncio.run(law(SQLStore(url, deadline=0.05)))

    def test_one_that_is_not_there(self, server):
        from postopt.caching.sql import SQLStore

        with closing(socket.create_server(("127.0.0.1", 0))) as gone:
            port = gone.getsockname()[1]

        async def law(store):
            with pytest.raises(StoreError, match="ConnectionRefused"):
                await store.get("key")
            await store.aclose()

        asyncio.run(law(SQLStore(f"postgresql://user:secret@127.0.0.1:{port}/database", deadline=30.0)))

    def test_one_that_refuses_the_user(self, postgresql_database):
        from postopt.caching.sql import SQLStore

        async def law(store):
            with pytest.raises(StoreError, match="nobody"):
                await store.get("key")
            await store.aclose()

        asyncio.run(law(SQLStore(postgresql_database.url.replace("//postopt@", "//nobody:secret@"), deadline=30.0)))

    def test_one_that_goes_and_comes_back(self, server, postgresql_database):
        async def law(store):
            await store.set("key", Entry(value=1))
            await store.flush()
            await asyncio.to_thread(server.stop)
            with pytest.raises(StoreError, match="the database failed"):
                await store.get("key")
            await store.set("key", Entry(value=2))
            with pytest.raises(StoreError, match="the database failed"):
                await store.flush()
            with pytest.raises(StoreError, match="the database failed"):
                await store.delete("other")
            await asyncio.to_thread(server.start)
            # Connections that were lost are not noticed: another is made in time.
            assert (await store.get("key")).value == 2
            await store.flush()
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            assert (await store.get("key")).value == 2
            await store.aclose()

        asyncio.run(law(postgresql_database.store(flush_seconds=1e9)))

    def test_a_transaction_that_loses_is_tried_again(self, postgresql_database):
        """Here because another one ends it."""

        async def law(store):
            await store.set("key", Entry(value=1))
            await store.flush()
            for number in range(5):
                await store.set("key", Entry(value=number))
                flush = asyncio.ensure_future(store.flush())
                for _ in range(3):
                    await asyncio.sleep(0)
                await asyncio.to_thread(
                    postgresql_database.sql,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postopt'",
                )
                await flush
                assert (await store.get("key")).value == number
            await store.aclose()

        asyncio.run(law(postgresql_database.store(flush_seconds=1e9)))


@pytest.mark.parametrize("call", ["get", "set", "delete", "invalidate_tag", "flush", "aclose"])
def test_a_call_cancelled_at_any_moment_leaves_the_store_in_order(database, call):
    """And nothing that only the garbage collector would close."""

    def begin(store, key):
        match call:
            case "set":
                return store.set(key, Entry(value="new", tags=("t",)))
            case "flush" | "aclose":
                return getattr(store, call)()
        return getattr(store, call)("t" if call == "invalidate_tag" else key)

    async def law(turns, fresh):
        key, store = f"{turns} {fresh}", database.store(flush_seconds=1e9)
        if not fresh:
            await store.set(key, Entry(value="old", tags=("t",)))
            await store.flush()
            await store.set("waits", Entry(value=turns))
        task = asyncio.ensure_future(begin(store, key))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        if call == "aclose":
            await store.aclose()
            store = database.store()
        found = await store.get(key)
        assert found is None or found.value in ("old", "new")
        assert fresh or (await store.get("waits")).value == turns
        await store.set(key, Entry(value="last"))
        await store.flush()
        assert (await store.get(key)).value == "last"
        await store.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    for turns in (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 60):
        for fresh in (True, False):
            asyncio.run(law(turns, fresh))
