"""How tables come to be, what happens to those of other versions, and what a store may be given."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from postopt.caching import Entry
from postopt.errors import CacheValueError, MissingDependencyError, StoreError
from postopt.testing import ScriptedClock

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX modes")


def fill(database, value=1, **options):
    """Use a store and close it; return what it held under the key before."""

    async def use(store):
        try:
            before = await store.get("key")
            await store.set("key", Entry(value=value))
            await store.flush()
            return None if before is None else before.value
        finally:
            await store.aclose()

    return asyncio.run(use(database.store(**options)))


class TestVersions:
    def test_tables_outlive_the_process(self, database):
        assert [fill(database, number) for number in range(3)] == [None, 0, 1]

    def test_older_tables_are_made_anew(self, database):
        fill(database)
        database.sql(
            "UPDATE postopt_cache_state SET version = 0",
            "DROP TABLE postopt_cache",
            "CREATE TABLE postopt_cache (key TEXT, value TEXT)",
        )
        assert fill(database, 2) is None
        assert fill(database) == 2

    def test_newer_tables_are_left_alone(self, database):
        fill(database)
        database.sql("UPDATE postopt_cache_state SET version = 2")
        with pytest.raises(StoreError, match="of version 2, and this postopt reads version 1") as caught:
            fill(database)
        assert "upgrade" in caught.value.hint
        assert database.sql("SELECT count(*) FROM postopt_cache") == [(1,)]

    @pytest.mark.parametrize("name", ["postopt_cache", "postopt_cache_invalidations"])
    def test_foreign_tables_are_never_touched(self, database, name):
        database.sql(f"CREATE TABLE {name} (name INTEGER)", f"INSERT INTO {name} VALUES (7)")
        with pytest.raises(StoreError, match=f"the table '{name}' is not of this cache"):
            fill(database)
        assert database.sql(f"SELECT * FROM {name}") == [(7,)]
        assert fill(database, table="mine") is None

    @pytest.mark.parametrize("columns", ["version INTEGER", "id INTEGER, version INTEGER, made_at FLOAT, epoch BIGINT"])
    def test_a_foreign_table_in_place_of_the_state(self, database, columns):
        database.sql(f"CREATE TABLE postopt_cache_state ({columns})")
        with pytest.raises(StoreError, match="the database failed"):
            fill(database)
        assert database.sql("SELECT count(*) FROM postopt_cache_state") == [(0,)]

    def test_tables_that_are_made_anew_meanwhile_are_noticed(self, database):
        """Of the invalidations that they count, none has to do with what was set before."""

        async def law():
            clock = ScriptedClock(1000.0)
            store, other = (database.store(flush_seconds=1e9, clock=clock) for _ in range(2))
            for number in range(5):
                await store.invalidate_tag(f"{number}")
            await store.set("key", Entry(value="before"))
            assert (await store.get("key")).value == "before"
            await asyncio.to_thread(database.sql, "UPDATE postopt_cache_state SET version = 0")
            clock.advance(1)
            await other.delete("key")
            assert await store.get("key") is None
            await store.flush()
            assert await store.get("key") is None
            assert store.stats().outdated == 1
            await store.set("key", Entry(value="after"))
            await store.flush()
            assert (await other.get("key")).value == "after"
            await store.aclose()
            await other.aclose()

        asyncio.run(law())

    def test_many_that_come_first(self, database):
        async def law():
            stores = [database.store() for _ in range(12)]
            await asyncio.gather(*(store.set("key", Entry(value=1)) for store in stores))
            await asyncio.gather(*(store.aclose() for store in stores))

        asyncio.run(law())
        assert database.sql("SELECT count(*) FROM postopt_cache_state") == [(1,)]


class TestFile:
    @posix
    def test_files_and_folders_are_the_users_alone(self, sqlite_database, tmp_path):
        from postopt.caching.sql import SQLStore

        path = tmp_path / "a" / "b" / "cache.db"

        async def use(store):
            await store.set("key", Entry(value=1))
            await store.flush()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            await store.aclose()
            return modes, stat.S_IMODE(path.parent.stat().st_mode)

        files, folder = asyncio.run(use(SQLStore(f"sqlite:///{path}", deadline=30.0)))
        assert files == {"cache.db": 0o600, "cache.db-wal": 0o600, "cache.db-shm": 0o600}
        assert folder == 0o700

    @posix
    def test_the_mode_of_a_file_that_is_there_stays(self, sqlite_database):
        sqlite_database.path.touch(0o644)
        fill(sqlite_database)
        assert stat.S_IMODE(sqlite_database.path.stat().st_mode) == 0o644

    def test_one_file_is_left_when_all_have_closed(self, sqlite_database):
        fill(sqlite_database)
        assert [path.name for path in sqlite_database.path.parent.iterdir()] == ["cache.db"]

    def test_a_relative_path_is_that_of_the_moment_when_the_store_is_made(self, sqlite_database, tmp_path, monkeypatch):
        from postopt.caching.sql import SQLStore

        monkeypatch.chdir(tmp_path)
        store = SQLStore("sqlite:///here.db", deadline=30.0)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        asyncio.run(store.set("key", Entry(value=1)))
        assert (tmp_path / "here.db").exists()

    def test_making_a_store_touches_nothing(self, sqlite_database, tmp_path):
        sqlite_database.store()
        assert list(tmp_path.iterdir()) == []


class TestArguments:
    @pytest.mark.parametrize(
        "url", ["", "cache.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file:x?uri=true",
                "mysql://host/secret", "sqlite+pysqlite:///x.db", "postgresql+psycopg2://user:secret@host/x", "secret"]
    )  # fmt: skip
    def test_urls_that_cannot_be_used(self, sqlite_database, url):
        from postopt.caching.sql import SQLStore

        with pytest.raises(CacheValueError, match="url ") as caught:
            SQLStore(url)
        assert "secret" not in str(caught.value)
        assert "sqlite:///" in caught.value.hint

    @pytest.mark.parametrize("url", [None, 5, b"sqlite:///x.db"])
    def test_what_is_no_text_is_no_url(self, sqlite_database, url):
        from postopt.caching.sql import SQLStore

        with pytest.raises(CacheValueError, match="url is none"):
            SQLStore(url)

    @pytest.mark.parametrize("path", ["posts.db", "/x/posts.sqlite3", Path("posts.db"), Path("/x/posts")])
    def test_of_a_path_the_error_says_what_to_type(self, sqlite_database, path):
        from postopt.caching.sql import SQLStore

        with pytest.raises(CacheValueError, match="url is a path") as caught:
            SQLStore(path)
        assert caught.value.hint.endswith(f" sqlite:///{path}")

    @pytest.mark.parametrize("kind", ["sqlite", "sqlite+aiosqlite"])
    def test_the_driver_need_not_be_named(self, sqlite_database, kind):
        sqlite_database.url = sqlite_database.url.replace("sqlite:", f"{kind}:")
        sqlite_database.store()

    @pytest.mark.parametrize(
        "wrong", [{"deadline": 0}, {"deadline": float("nan")}, {"deadline": float("inf")}, {"flush_seconds": -1},
                  {"flush_seconds": float("inf")}, {"flush_seconds": float("nan")}, {"max_pending": 0},
                  {"max_bytes": 0}, {"max_bytes": -1}, {"table": ""}, {"table": "x; DROP TABLE y"}, {"table": "1"},
                  {"table": "Upper"}, {"table": "x" * 41}, {"table": 5}, {"table": None}, {"flush_seconds": "x"},
                  {"deadline": "x"}, {"deadline": None}, {"max_pending": "x"}, {"max_bytes": 1.5}, {"codec": "x"},
                  {"clock": 3}]
    )  # fmt: skip
    def test_values_that_cannot_be_used(self, sqlite_database, wrong):
        with pytest.raises(CacheValueError, match=f"{next(iter(wrong))} is"):
            sqlite_database.store(**wrong)

    def test_its_bounds_are_in_its_report(self, sqlite_database):
        stats = sqlite_database.store(max_pending=2**20, max_bytes=2**24).stats()
        assert (stats.max_pending, stats.max_bytes) == (2**20, 2**24)
        assert sqlite_database.store().stats().max_bytes is None

    def test_a_driver_that_is_missing_is_named(self, sqlite_database, monkeypatch):
        from postopt.caching.sql import SQLStore

        monkeypatch.setitem(__import__("sys").modules, "asyncpg", None)
        with pytest.raises(MissingDependencyError, match="asyncpg") as caught:
            SQLStore("postgresql://user@host/database")
        assert "pip install" in caught.value.hint


@pytest.mark.parametrize("wrong", [None, 5, b"key", ["key"]])
def test_what_is_no_key_tag_or_entry_is_refused(sqlite_database, wrong):
    async def law(store):
        calls = (store.get(wrong), store.set(wrong, Entry(value=1)), store.delete(wrong), store.invalidate_tag(wrong))
        for call in calls:
            with pytest.raises(CacheValueError, match=r"texts? (is|are) needed"):
                await call
        with pytest.raises(CacheValueError, match="is no Entry"):
            await store.set("key", wrong)
        await store.aclose()

    asyncio.run(law(sqlite_database.store()))


def test_neither_keys_nor_values_are_in_the_errors_of_the_database(database):
    """Statements and parameters are what SQLAlchemy's errors quote by default."""
    fill(database)
    database.sql("ALTER TABLE postopt_cache RENAME COLUMN data TO other")

    async def law(store):
        await store.set("zanzibar", Entry(value="zanzibar", tags=("zanzibar",)))
        with pytest.raises(StoreError) as caught:
            await store.flush()
        await store.aclose()
        return caught.value

    error = asyncio.run(law(database.store()))
    while error is not None:
        assert "zanzibar" not in repr(error) + str(error)
        error = error.__cause__
