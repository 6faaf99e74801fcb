"""What may be where the store's file should be."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from postopt.errors import ExperimentStoreError, NewerStoreError
from postopt.experiments import schema
from postopt.experiments.store import ExperimentStore

from .conftest import ARMS, decision, on_disk, outcome


def change(path, *statements):
    """Execute something in the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


class TestANewFile:
    def test_is_made_at_the_first_use_for_its_owner_alone(self, opened, tmp_path):
        path = tmp_path / "new" / "store.db"
        store = opened(path, define=False)
        assert not path.parent.exists()
        store.flush()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [file for file in path.parent.iterdir() if not file.name.startswith("store.db")] == []

    def test_has_a_salt_that_stays(self, opened, tmp_path):
        one, other = opened(), opened(tmp_path / "other.db")
        assert len(one.salt) == 16
        assert one.salt != other.salt
        one.close()
        assert opened().salt == one.salt

    def test_may_be_given_a_salt(self, opened, path):
        assert opened(salt=b"mine").salt == b"mine"
        assert opened(salt=b"mine").salt == b"mine"
        with pytest.raises(ExperimentStoreError, match="salt"):
            opened(salt=b"other")
        with ExperimentStore(salt=b"mine") as store:
            assert store.salt == b"mine"

    def test_may_be_there_empty(self, opened, path):
        path.touch()
        assert opened().experiments() == ["e"]

    def test_is_not_made_beside_the_log_of_another(self, opened, path):
        log = path.with_name(f"{path.name}-wal")
        log.write_bytes(b"something")
        with pytest.raises(ExperimentStoreError, match="-wal"):
            opened()
        assert log.read_bytes() == b"something"
        assert not path.exists()


class TestAnOldFile:
    @pytest.fixture
    def old(self, path):
        """A file of version 1, with rows."""
        change(
            path,
            "PRAGMA journal_mode=WAL",
            *schema.MIGRATIONS[0].split(";"),
            f"PRAGMA application_id={schema.APPLICATION}",
            "INSERT INTO store VALUES (x'0102')",
            "INSERT INTO experiments (name, settings, since) VALUES ('e', '{}', 0)",
            "INSERT INTO arms (experiment, arm, text, status, reason, since) VALUES ('e', 'a', 'A', 'active', '', 0)",
            "INSERT INTO new_decisions VALUES (1, 'd1', 'e', 'a', 'u', 0, 0.5, '', '', 0, 0)",
            "PRAGMA user_version=1",
        )

    def test_is_brought_up_to_date(self, opened, path, old):
        store = opened(define=False)
        assert store.salt == b"\x01\x02"
        store.put("kind", "key", 1, 1.0)
        store.link("post", "d1")
        assert store.assigned("e") == {"a": 1}
        assert store.audit() == []
        assert on_disk(path, "PRAGMA user_version") == [(schema.VERSION,)]

    def test_stays_as_it_was_if_that_fails(self, opened, path, old):
        change(path, "CREATE TABLE documents (mine)")
        with pytest.raises(ExperimentStoreError, match="documents"):
            opened()
        assert on_disk(path, "PRAGMA user_version") == [(1,)]
        assert on_disk(path, "SELECT count(*) FROM sqlite_master WHERE name = 'links'") == [(0,)]
        change(path, "DROP TABLE documents")
        assert opened(define=False).decision("d1").arm == "a"


class TestANewerFile:
    def test_is_not_touched(self, opened, path):
        opened().close()
        change(path, "PRAGMA user_version=99", "CREATE TABLE of_tomorrow (x)")
        before = path.read_bytes()
        store = opened(define=False)
        for call in (store.flush, store.audit, lambda: store.define("e", {}, ARMS), lambda: store.salt):
            with pytest.raises(NewerStoreError, match="version 99") as caught:
                call()
            assert not caught.value.retryable
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    def test_is_not_even_set_to_write_ahead(self, opened, path):
        change(path, "PRAGMA user_version=99")
        before = path.read_bytes()
        with pytest.raises(NewerStoreError):
            opened()
        assert path.read_bytes() == before


class TestSomethingElse:
    def test_garbage(self, opened, path):
        path.write_bytes(b"no database at all" * 100)
        with pytest.raises(ExperimentStoreError, match="not a database") as caught:
            opened()
        assert "use another path" in str(caught.value.__notes__)
        assert path.read_bytes() == b"no database at all" * 100

    def test_another_programs_database(self, opened, path):
        change(path, "CREATE TABLE theirs (x)")
        before = path.read_bytes()
        with pytest.raises(ExperimentStoreError, match="no experiment store"):
            opened()
        assert path.read_bytes() == before

    def test_a_folder(self, opened, tmp_path):
        with pytest.raises(ExperimentStoreError):
            opened(tmp_path)

    def test_a_path_through_a_file(self, opened, path):
        path.write_bytes(b"")
        with pytest.raises(ExperimentStoreError):
            opened(path / "store.db")

    def test_a_damaged_store(self, opened, path):
        with opened() as store:
            store.log_decisions([decision(f"d{number}") for number in range(500)])
        data = bytearray(path.read_bytes())
        data[8192:40000] = b"\xff" * (40000 - 8192)
        path.write_bytes(data)
        found = opened(define=False).audit()
        assert {finding.kind for finding in found} == {"damage"}


class TestAFileThatGoes:
    def test_is_not_made_anew(self, opened, path, tmp_path):
        store = opened(flush_seconds=1000.0)
        store.log_decisions([decision("d1")])
        kept = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
        store.flush()
        store.log_decisions([decision("d2")])
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for file in kept:
            file.rename(elsewhere / file.name)
        for call in (store.flush, lambda: store.arms("e"), lambda: store.log_outcomes([outcome("d2")])):
            with pytest.raises(ExperimentStoreError, match="gone"):
                call()
        assert not path.exists()
        assert store.waiting == 1
        for file in kept:
            if (elsewhere / file.name).exists():
                (elsewhere / file.name).rename(file)
        store.flush()
        assert store.assigned("e") == {"a": 2}

    def test_may_not_become_another(self, opened, path, tmp_path):
        store = opened(flush_seconds=1000.0)
        opened(tmp_path / "other.db").close()
        store.log_decisions([decision("d1")])
        (tmp_path / "other.db").replace(path)
        with pytest.raises(ExperimentStoreError, match="salt"):
            store.flush()
        assert store.waiting == 1
        path.unlink()
        store._behind.queue.folded(store._behind.queue.batch())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nobody forbids this user anything")
def test_a_file_that_cannot_be_written(opened, path):
    opened().close()
    path.chmod(0o400)
    store = opened(define=False, flush_seconds=1000.0)
    store.log_decisions([decision("d1")])
    with pytest.raises(ExperimentStoreError, match="readonly"):
        store.flush()
    assert store.waiting == 1
    path.chmod(0o600)
    store.flush()
    assert store.assigned("e") == {"a": 1}
