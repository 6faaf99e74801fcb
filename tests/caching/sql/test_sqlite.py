"""SQLite's locks: kept by whoever has them, and not believed in by the child of a fork."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from postopt.caching.database import sqlite

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and POSIX locks")


PATIENTLY = """
        import json, os, sqlite3, sys, threading, time
        from postopt.caching.database.sqlite import Connection

        def patiently(call, *arguments):
            while True:
                try:
                    return call(*arguments)
                except sqlite3.OperationalError as error:
                    assert error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                time.sleep(0.001)
"""


def is_locked(path):
    """Say whether another process would be kept from deleting the log: by a lock on SQLite's shared bytes."""
    script = f"import fcntl; fcntl.lockf(open({str(path)!r}, 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode != 0


def test_a_connection(tmp_path):
    with closing(sqlite.Connection(str(tmp_path / "x.db"))) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert connection.execute("PRAGMA synchronous").fetchall() == [(1,)]
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        connection.commit()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM t")
        connection.rollback()
        assert connection.execute("SELECT n FROM t").fetchall() == [(1,), (2,)]
        cursor.close()
        assert connection.cursor(sqlite3.Cursor).execute("SELECT 1").fetchone() == (1,)


def test_closing_lets_go_of_what_cursors_hold(tmp_path):
    """In Python 3.11 a cursor keeps the statement of executemany, and that keeps the transaction."""
    connection = sqlite.Connection(str(tmp_path / "x.db"))
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.execute("BEGIN IMMEDIATE")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    reader = connection.execute("SELECT * FROM t")
    connection.close()
    connection.close()
    with closing(sqlite3.connect(tmp_path / "x.db", timeout=0)) as other:
        other.execute("INSERT INTO t VALUES (3)")
    del cursor, reader


def test_a_connection_that_cannot_open_is_closed(tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database " * 1000)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        sqlite.Connection(str(tmp_path / "x.db"))
    assert not is_locked(tmp_path / "x.db")


def test_making_the_file_takes_no_locks_from_others(tmp_path):
    """Closing any file gives up all POSIX locks that the process has on it."""
    path = tmp_path / "x.db"
    sqlite.make_file(path)
    with closing(sqlite.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        assert is_locked(path)
        sqlite.make_file(path)
        assert is_locked(path)
    assert not is_locked(path)


def test_a_child_takes_locks_of_its_own(tmp_path, run_child):
    """What it inherited is closed, in the middle of a transaction too; the parent goes on with its own."""
    script = (
        PATIENTLY
        + """
        connection = Connection(sys.argv[1])
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        closed = os.pipe()
        child = os.fork()
        if not child:
            try:
                try:
                    connection.execute("SELECT 1")
                    os._exit(1)
                except Exception as error:
                    assert "closed" in str(error), error
                own = patiently(Connection, sys.argv[1])
                patiently(own.execute, "INSERT INTO t VALUES (3)")
                os.read(closed[0], 1)
                assert os.path.exists(sys.argv[1] + "-wal")
                patiently(own.execute, "INSERT INTO t VALUES (4)")
                own.close()
                assert not os.path.exists(sys.argv[1] + "-wal")
                os._exit(0)
            finally:
                os._exit(2)
        connection.execute("INSERT INTO t VALUES (5)")
        connection.commit()
        connection.close()
        os.write(closed[1], b"x")
        print(json.dumps(os.waitpid(child, 0)[1]))
    """
    )
    path = tmp_path / "x.db"
    assert run_child(script, path) == 0
    with closing(sqlite3.connect(path)) as connection:
        assert sorted(connection.execute("SELECT n FROM t").fetchall()) == [(1,), (2,), (3,), (4,), (5,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_fork_waits_until_no_thread_is_inside_of_sqlite(tmp_path, run_child):
    """Else the child would find SQLite's own locks held for ever."""
    script = (
        PATIENTLY
        + """
        def work(number):
            connection = patiently(Connection, sys.argv[1])
            while not stop.is_set():
                patiently(connection.execute, "BEGIN IMMEDIATE")
                connection.cursor().executemany("INSERT INTO t VALUES (?)", [(number,)] * 50)
                connection.commit()
                patiently(connection.execute, "SELECT count(*) FROM t").fetchall()
                patiently(Connection, sys.argv[1]).close()
            connection.close()

        Connection(sys.argv[1]).execute("CREATE TABLE t (n INTEGER)")
        stop = threading.Event()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        codes = []
        for _ in range(15):
            child = os.fork()
            if not child:
                try:
                    own = patiently(Connection, sys.argv[1])
                    patiently(own.execute, "INSERT INTO t VALUES (7)")
                    own.close()
                    os._exit(0)
                finally:
                    os._exit(1)
            codes.append(os.waitpid(child, 0)[1])
        stop.set()
        for thread in threads:
            thread.join()
        print(json.dumps(codes))
    """
    )
    path = tmp_path / "x.db"
    assert run_child(script, path) == [0] * 15
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t WHERE n = 7").fetchall() == [(15,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_the_child_does(tmp_path):
    """The same in this process, where it can be watched."""
    connection = sqlite.Connection(str(tmp_path / "x.db"))
    half_made = sqlite.Connection.__new__(sqlite.Connection)
    half_made.step = threading.Lock()
    half_made._cursors = set()
    sqlite._connections.add(half_made)
    sqlite._before_fork()
    sqlite._after_fork_in_child()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    sqlite._connections.discard(half_made)
    assert not is_locked(tmp_path / "x.db")


def test_rows_that_nobody_fetches_keep_no_statement_open(tmp_path):
    """What is dropped later ends nothing inside of SQLite, where a fork would not wait for it."""
    path = str(tmp_path / "x.db")
    with closing(sqlite.Connection(path)) as connection, closing(sqlite.Connection(path)) as other:
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("BEGIN")
        connection.cursor().executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5)])
        connection.commit()
        found = connection.execute("SELECT n FROM t ORDER BY n")
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # nobody reads
        assert found.fetchone() == (0,)
        assert found.fetchmany(2) == [(1,), (2,)]
        assert next(found) == (3,)
        assert found.fetchall() == [(4,)]
        assert found.fetchone() is None
        assert list(found) == []
