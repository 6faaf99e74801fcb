"""Where the tables of a cache are, what they are, and all that is ever said to them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from postopt._optional import needs
from postopt.errors import CacheValueError, shown

with needs("sqlalchemy"):
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

_DRIVERS = {"sqlite": "aiosqlite", "postgresql": "asyncpg"}
_URLS = "sqlite:///path/of/file.db, or postgresql://user:password@host/database"

VERSION = 1
"""Of the tables. Raise it with any change of them: tables of an older version are made anew, as this is a cache."""

CULL_ROWS = 1_000
"""Most rows that one transaction culls: twice what one writes, so that what has ended cannot pile up."""


class Statements:
    """Three tables whose names begin alike, and statements that wait for their parameters.

    Attributes:
        metadata: the tables.
        tables: their names, that of the state last.
        state: the one row of what the tables say of themselves. `made_at` tells them from tables that were there
            before; `epoch` counts invalidations, from 1.
        entries: a row for each key. `epoch` is the last at which the row was found to hold.
        invalidations: of each group, the epoch at which it was last invalidated.
        read: state, and `data` and `since` of the row called `wanted`, which are NULL if there is none.
        invalidated: rows of `invalidations`, of the `groups`.
        replace: writes a row of `entries`, `invalidate` one of `invalidations`, in place of an older one.
        remove: deletes the row called `gone` if it is of an epoch before `before`.
        ended: `name` and `size` of some rows that have ended `now`; nobody else can change them in this transaction.
        oldest: the same of those to be given up next.
        held: bytes of data in the table.
    """

    def __init__(self, name: str, *, postgresql_dialect: bool) -> None:
        self.metadata = sa.MetaData()
        self.state = sa.Table(
            f"{name}_state",
            self.metadata,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("made_at", sa.Double, nullable=False),
            sa.Column("epoch", sa.BigInteger, nullable=False),
        )
        self.entries = sa.Table(
            name,
            self.metadata,
            sa.Column("name", sa.LargeBinary, primary_key=True),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("epoch", sa.BigInteger, nullable=False),
            sa.Column("ends_at", sa.Double, nullable=False, index=True),
            sa.Column("priority", sa.SmallInteger, nullable=False),
            sa.Column("written_at", sa.Double, nullable=False),
            sa.Column("data", sa.LargeBinary, nullable=False),  # the last: SQLite reads through it to what follows
            sa.Index(f"{name}_order", "priority", "written_at", "size"),
        )
        self.invalidations = sa.Table(
            f"{name}_invalidations",
            self.metadata,
            sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("epoch", sa.BigInteger, nullable=False),
        )
        self.tables = (self.entries.name, self.invalidations.name, self.state.name)
        self._queries()
        self._changes(postgresql.insert if postgresql_dialect else sqlite.insert)

    def _queries(self) -> None:
        entries, numbers = self.entries.c, self.invalidations.c
        wanted = self.state.outerjoin(self.entries, entries.name == sa.bindparam("wanted"))
        self.read = sa.select(self.state, entries.data, entries.epoch.label("since")).select_from(wanted)
        self.invalidated = sa.select(numbers.number, numbers.epoch).where(
            numbers.number.in_(sa.bindparam("groups", expanding=True))
        )
        self.held = sa.select(sa.func.coalesce(sa.func.sum(entries.size), 0))
        some = sa.select(entries.name, entries.size).limit(CULL_ROWS).with_for_update(skip_locked=True)
        self.ended = some.where(entries.ends_at <= sa.bindparam("now")).order_by(entries.ends_at)
        self.oldest = some.order_by(entries.priority, entries.written_at)

    def _changes(self, insert: Any) -> None:
        self.replace = _or_replace(insert(self.entries))
        self.invalidate = _or_replace(insert(self.invalidations))
        entries = self.entries.c
        self.remove = self.entries.delete().where(
            entries.name == sa.bindparam("gone"), entries.epoch < sa.bindparam("before")
        )


def database_url(text: object) -> sa.URL:
    """Return the URL with an asynchronous driver and an absolute path. No error quotes it: it may hold a password.

    Raises:
        CacheValueError: it is none of a database that is supported.
        MissingDependencyError: the driver is not installed.
    """
    if isinstance(text, os.PathLike) or (isinstance(text, str) and re.fullmatch(r"[^@:]+\.(db|sqlite3?)", text)):
        raise CacheValueError(f"url is a path, {shown(text)}", hint=f"as a URL it is sqlite:///{os.fspath(text)}")
    try:
        url = sa.make_url(text if isinstance(text, str) else "")
    except sa.exc.ArgumentError:
        raise CacheValueError("url is none of a database", hint=_URLS) from None
    backend = url.get_backend_name()
    driver = _DRIVERS.get(backend)
    if driver is None or url.drivername not in (backend, f"{backend}+{driver}"):
        raise CacheValueError(f"url is of {url.drivername!r}, which is not supported", hint=_URLS)
    url = url.set(drivername=f"{backend}+{driver}")
    if backend == "sqlite":
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise CacheValueError(f"url names {url.database!r}, and no file", hint=_URLS)
        url = url.set(database=str(Path(url.database).absolute()))
    with needs(driver):
        url.get_dialect().import_dbapi()
    return url


def _or_replace(insert: postgresql.Insert | sqlite.Insert) -> sa.Insert:
    """Return the insertion that replaces a row of the same primary key."""
    columns = insert.table.columns
    return insert.on_conflict_do_update(
        index_elements=[column for column in columns if column.primary_key],
        set_={column.name: insert.excluded[column.name] for column in columns if not column.primary_key},
    )
