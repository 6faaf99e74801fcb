"""Two real databases: SQLite in a file, and a PostgreSQL server of the test run's own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest


def find_programs():
    """Return the folder of PostgreSQL's programs, of the newest version if there are several, or None."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("pg_ctl")
    places += [Path(on_path).parent] if on_path else []
    return next((place for place in places if (place / "initdb").exists()), None)


class Server:
    """A PostgreSQL server on a loopback port, whose data goes with it: so it need not wait for the disk."""

    def __init__(self, programs, fsync="off"):
        self._programs = programs
        self._fsync = fsync
        # It refuses to run as root, and pytest's own folders are closed to others.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="postopt-postgresql-"))
        if self._user:
            shutil.chown(self._folder, self._user)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self._call("initdb", "--username=postopt", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale")
        self.start()

    def _call(self, program, *arguments):
        subprocess.run(
            [self._programs / program, "--pgdata", self._folder / "data", *arguments],
            user=self._user, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k '' -c fsync={self._fsync} -c max_connections=200"
        self._call("pg_ctl", "start", "--wait", "--log", self._folder / "log", "--options", options)

    def stop(self):
        """Stop at once, as if it had crashed: by the process id in the data folder."""
        self._call("pg_ctl", "stop", "--wait", "--mode=immediate")

    def remove(self):
        self.stop()
        shutil.rmtree(self._folder)

    def empty_database(self):
        """Return the one database of the tests, emptied; whoever is still connected is not any more."""
        database = Database(f"postgresql://postopt@127.0.0.1:{self.port}/postgres", "postgresql")
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port > 0 AND pid != pg_backend_pid()",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
        )
        return database


@dataclass
class Database:
    """An empty database: its URL, and a way into it beside the store."""

    url: str
    kind: str

    def store(self, **options):
        """Return a store, with a deadline that a busy machine keeps too."""
        from postopt.caching.sql import SQLStore

        return SQLStore(self.url, **{"deadline": 30.0} | options)

    @property
    def path(self):
        return Path(self.url.removeprefix("sqlite:///"))

    def sql(self, *statements):
        """Execute statements, each by itself; return the rows of the last as tuples."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                return [connection.execute(statement).fetchall() for statement in statements][-1]
        return asyncio.run(self._postgresql(statements))

    def lock(self):
        """Keep all others from writing until what is returned is closed; SQLite."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    async def _postgresql(self, statements):
        import asyncpg

        connection = await asyncpg.connect(self.url)
        try:
            return [[tuple(row) for row in await connection.fetch(statement)] for statement in statements][-1]
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def session_server():
    """One for each worker of pytest-xdist."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    server = Server(programs)
    yield server
    server.remove()


@pytest.fixture
def server(session_server):
    """A PostgreSQL server, for tests that stop it."""
    pytest.importorskip("asyncpg")
    return session_server


@pytest.fixture
def sqlite_database(tmp_path):
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("aiosqlite")
    return Database(f"sqlite:///{tmp_path / 'cache.db'}", "sqlite")


@pytest.fixture
def postgresql_database(server):
    pytest.importorskip("sqlalchemy")
    return server.empty_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """An empty database of either kind."""
    return request.getfixturevalue(f"{request.param}_database")


@pytest.fixture
def run_child():
    """Return a function that runs a script in a new interpreter, and returns the JSON that it prints last."""

    def run(script, *arguments):
        done = subprocess.run(
            # Some fork, and Python 3.12 warns of that where there are threads.
            [sys.executable, "-W", "ignore:This process", "-c", textwrap.dedent(script), *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout.splitlines()[-1])

    return run
