"""Files that are deleted, replaced, emptied, damaged or made read-only while stores have them open, and lost tables."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import pytest

from postopt.caching import Entry
from postopt.errors import StoreError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted")

BESIDE = ("", "-wal", "-shm")


def delete_all(path):
    for end in BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def delete_the_file_only(path):
    path.unlink()


def delete_the_folder(path):
    shutil.rmtree(path.parent)


def empty(path):
    delete_all(path)
    path.touch()


def replace_by_a_foreign_database(path):
    with closing(sqlite3.connect(path.with_name("other.db"), isolation_level=None)) as other:
        other.execute("CREATE TABLE foreign_table (n INTEGER)")
    path.with_name("other.db").replace(path)


def replace_all(path):
    replace_by_a_foreign_database(path)
    for end in BESIDE[1:]:
        path.with_name(path.name + end).unlink()


LOSSES = [
    delete_all,
    delete_the_file_only,
    delete_the_folder,
    empty,
    replace_by_a_foreign_database,
    replace_all,
]


@pytest.fixture
def sqlite_database(sqlite_database, tmp_path):
    """One in a folder of its own."""
    sqlite_database.url = f"sqlite:///{tmp_path / 'folder' / 'cache.db'}"
    return sqlite_database


async def value(store, key):
    found = await store.get(key)
    return None if found is None else found.value


async def use_all_connections(store, key):
    for _ in range(3):
        await asyncio.gather(*(store.get(key) for _ in range(8)))


async def check(database):
    """The file is whole, and another store reads what was flushed."""
    other = database.store()
    assert (await value(other, "waits"), await value(other, "old")) == ("waits", None)
    await other.aclose()
    assert database.sql("PRAGMA integrity_check") == [("ok",)]


class TestLostFiles:
    @pytest.mark.parametrize("lose", LOSSES)
    def test_what_waits_is_written_to_a_new_file(self, sqlite_database, lose):
        async def law(store):
            await store.set("old", Entry(value="old"))
            await store.flush()
            await use_all_connections(store, "old")
            await store.set("waits", Entry(value="waits", tags=("t",)))
            lose(sqlite_database.path)
            await store.flush()
            assert (await value(store, "waits"), await value(store, "old")) == ("waits", None)
            await use_all_connections(store, "old")
            await check(sqlite_database)
            await store.aclose()
            assert (store.stats().flush_failures, store.stats().lost) == (0, 0)

        asyncio.run(law(sqlite_database.store(flush_seconds=1e9)))
        assert [path.name for path in sqlite_database.path.parent.iterdir()] == ["cache.db"]

    @pytest.mark.parametrize("lose", LOSSES)
    @pytest.mark.parametrize("call", ["get", "set", "delete", "invalidate_tag"])
    def test_every_call_notices(self, sqlite_database, lose, call):
        async def law(store):
            await store.set("old", Entry(value="old", tags=("t",)))
            await store.flush()
            lose(sqlite_database.path)
            if call == "set":
                await store.set("old", Entry(value="new"))
            else:
                await getattr(store, call)("t" if call == "invalidate_tag" else "old")
            assert await value(store, "old") == ("new" if call == "set" else None)
            await store.set("waits", Entry(value="waits"))
            if call == "set":
                await store.delete("old")
            await store.flush()
            await check(sqlite_database)
            await store.aclose()

        asyncio.run(law(sqlite_database.store(flush_seconds=1e9)))

    @pytest.mark.parametrize("lose", LOSSES)
    def test_a_new_loop_notices(self, sqlite_database, lose):
        store = sqlite_database.store(flush_seconds=1e9)

        async def first():
            await store.set("old", Entry(value="old"))

        async def second():
            assert await value(store, "old") is None
            await store.set("waits", Entry(value="waits"))
            await store.flush()
            await check(sqlite_database)
            await store.aclose()

        asyncio.run(first())
        for end in BESIDE[1:]:  # so that the losses find what they expect
            sqlite_database.path.with_name("cache.db" + end).touch()
        lose(sqlite_database.path)
        asyncio.run(second())

    @pytest.mark.parametrize("lose", LOSSES)
    def test_what_was_invalidated_before_does_not_come_back(self, sqlite_database, lose):
        """Not even what still waited when it was: the database that knew of that is gone."""

        async def law(store, other):
            await store.set("early", Entry(value=1, tags=("t",)))
            await store.set("other", Entry(value=2))
            await store.invalidate_tag("t")
            await store.set("late", Entry(value=3, tags=("t",)))
            await other.get("early")
            lose(sqlite_database.path)
            await store.flush()
            for reader in (store, other):
                assert (await value(reader, "early"), await value(reader, "late")) == (None, 3)
            assert store.stats().outdated == 2  # whether `other` was invalidated nobody knows any more
            await store.aclose()
            await other.aclose()

        asyncio.run(law(sqlite_database.store(flush_seconds=1e9), sqlite_database.store()))

    def test_processes_find_each_other_in_the_new_file(self, sqlite_database):
        script = """if True:
            import asyncio, sys
            from postopt.caching import Entry
            from postopt.caching.sql import SQLStore

            async def main():
                store = SQLStore(sys.argv[1], deadline=30.0, flush_seconds=1e9)
                for line in sys.stdin:
                    key, *more = line.split()
                    if more:
                        await store.set(key, Entry(value=more[0]))
                        await store.flush()
                    found = await store.get(key)
                    print(found and found.value, flush=True)
                await store.aclose()

            asyncio.run(main())
        """
        children = [
            subprocess.Popen(
                [sys.executable, "-c", script, sqlite_database.url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]

        def ask(child, line):
            child.stdin.write(line + "\n")
            child.stdin.flush()
            return child.stdout.readline().strip()

        try:
            a, b = children
            for turn, lose in enumerate(LOSSES):
                assert ask(a, f"first{turn} x") == ask(b, f"first{turn}") == "x"
                lose(sqlite_database.path)
                assert ask(a, f"second{turn} y") == ask(b, f"second{turn}") == "y"
                assert ask(b, f"third{turn} z") == ask(a, f"third{turn}") == "z"
                assert ask(a, f"first{turn}") == ask(b, f"first{turn}") == "None"
        finally:
            for child in children:
                child.communicate(timeout=60)
        assert [child.returncode for child in children] == [0, 0]
        assert sqlite_database.sql("PRAGMA integrity_check") == [("ok",)]

    @pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
    def test_a_disk_that_is_mounted_anew(self, sqlite_database):
        folder = sqlite_database.path.parent
        folder.mkdir()

        def mount():
            return subprocess.run(
                ["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True
            ).returncode

        if mount():
            pytest.skip("may not mount a disk")

        def mount_anew(_):
            subprocess.run(["umount", "--lazy", folder], check=True)
            assert not mount()

        try:
            self.test_what_waits_is_written_to_a_new_file(sqlite_database, mount_anew)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


class TestMeanwhile:
    """While the file is lost again and again, no call fails, and none returns what another key holds."""

    @staticmethod
    async def use(store, number):
        key = f"key {number}"
        for turn in range(60):
            await store.set(key, Entry(value=[number, turn], tags=(f"tag {turn % 3}",)))
            assert await value(store, key) in (None, [number, turn])
            if turn % 7 == number:
                await store.flush()
            if turn % 10 == number:
                await store.invalidate_tag(f"tag {turn % 3}")
                assert await value(store, key) is None

    @staticmethod
    async def lose_often(path):
        for turn in range(36):
            with suppress(FileNotFoundError):
                (delete_all, delete_the_file_only, empty)[turn % 3](path)
            await asyncio.to_thread(path.exists)
            for _ in range(20):
                await asyncio.sleep(0)

    def test_and_what_is_set_last_is_kept(self, sqlite_database):
        async def law(store):
            uses = (self.use(store, number) for number in range(7))
            await asyncio.gather(*uses, self.lose_often(sqlite_database.path))
            for number in range(20):
                await store.set(f"last {number}", Entry(value=number))
            await store.flush()
            assert [await value(store, f"last {number}") for number in range(20)] == list(range(20))
            await store.aclose()
            assert store.stats().lost == 0

        asyncio.run(law(sqlite_database.store(flush_seconds=0.001)))


@pytest.mark.parametrize("tables", [("",), ("", "_invalidations"), ("_state",), ("", "_invalidations", "_state")])
def test_tables_that_are_dropped_are_made_anew(database, tables):
    async def law(store):
        await store.set("old", Entry(value="old"))
        await store.flush()
        await store.set("waits", Entry(value="waits", tags=("t",)))
        await asyncio.to_thread(database.sql, *(f"DROP TABLE postopt_cache{table}" for table in tables))
        if tables == ("_state",):
            with pytest.raises(StoreError, match="is not of this cache"):
                await store.flush()
        else:
            await store.flush()
            assert (await value(store, "waits"), await value(store, "old")) == ("waits", None)
            await store.invalidate_tag("t")
            assert await value(store, "waits") is None
        await store.aclose()

    asyncio.run(law(database.store(flush_seconds=1e9)))


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def cut_all(path):
    os.truncate(path, 0)


def overwrite(path):
    size = path.stat().st_size
    path.write_bytes(os.urandom(size))


def overwrite_by_less(path):
    path.write_bytes(b"garbage" * 100)


@pytest.mark.parametrize("checkpoint", [True, False])
@pytest.mark.parametrize("damage", [cut, cut_all, overwrite, overwrite_by_less])
def test_of_a_damaged_file_nothing_wrong_is_served_until_it_is_deleted(sqlite_database, damage, checkpoint):
    """The error says to do that. What the log still holds of all pages is written to the file again."""

    async def law(store):
        for number in range(300):
            await store.set(f"key {number}", Entry(value=[number] * 100))
        await store.flush()
        if checkpoint:
            await asyncio.to_thread(sqlite_database.sql, "PRAGMA wal_checkpoint")
        await use_all_connections(store, "key 7")
        damage(sqlite_database.path)
        for number in range(0, 300, 5):
            hints = set()
            try:
                assert await value(store, f"key {number}") in (None, [number] * 100)
                await store.set("new", Entry(value=number))
                await store.flush()
                assert await value(store, "new") == number
            except StoreError as error:
                hints.add(error.hint)
            assert all("delete it" in hint for hint in hints)
        delete_all(sqlite_database.path)
        await store.set("waits", Entry(value="waits"))
        await store.flush()
        assert await value(store, "waits") == "waits"
        await check(sqlite_database)
        await store.aclose()
        assert store.stats().lost == 0

    asyncio.run(law(sqlite_database.store(flush_seconds=1e9)))
