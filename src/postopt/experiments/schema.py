"""The tables of an experiment store, version by version.

The log is `decisions`, `outcomes` and `counts`: rows are added and never changed or deleted, so that their numbers rise
in the order in which they came. `assigned` and `buckets` are sums over it, kept up to date in the same transaction.
Decisions and outcomes are first added to `new_decisions` and `new_outcomes`, which have no index, and folded into the
log some thousands at a time: ids are hashes, so a hundred of them touch a hundred pages of an index that has grown.
Days are UTC days since the epoch; all times are seconds since the epoch.
"""

from __future__ import annotations

import sqlite3

APPLICATION = 0x504F5354  # "POST", in the header of each file

_LOG = """
CREATE TABLE store (salt BLOB NOT NULL);
CREATE TABLE experiments (
    name TEXT PRIMARY KEY NOT NULL, settings TEXT NOT NULL, since REAL NOT NULL, metric TEXT, finished REAL
) WITHOUT ROWID;
CREATE TABLE arms (
    number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, arm TEXT NOT NULL, text TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, since REAL NOT NULL, UNIQUE (experiment, arm)
);
CREATE TABLE arm_changes (
    number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, arm TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, since REAL NOT NULL
);
CREATE INDEX arm_changes_by_arm ON arm_changes (experiment, arm);
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, experiment TEXT NOT NULL, arm TEXT NOT NULL,
    unit TEXT NOT NULL, half INTEGER NOT NULL, propensity REAL NOT NULL, policy TEXT NOT NULL, context TEXT NOT NULL,
    at REAL NOT NULL, day INTEGER NOT NULL
);
CREATE INDEX decisions_by_day ON decisions (day, experiment);
CREATE TABLE outcomes (
    number INTEGER PRIMARY KEY, decision INTEGER NOT NULL, metric TEXT NOT NULL, value REAL NOT NULL, at REAL NOT NULL,
    UNIQUE (decision, metric)
);
CREATE TABLE new_decisions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, experiment TEXT NOT NULL, arm TEXT NOT NULL, unit TEXT NOT NULL,
    half INTEGER NOT NULL, propensity REAL NOT NULL, policy TEXT NOT NULL, context TEXT NOT NULL, at REAL NOT NULL,
    day INTEGER NOT NULL
);
CREATE TABLE new_outcomes (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, metric TEXT NOT NULL, value REAL NOT NULL, at REAL NOT NULL
);
CREATE TABLE counts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, experiment TEXT NOT NULL, arm TEXT NOT NULL,
    metric TEXT NOT NULL, n REAL NOT NULL, total REAL NOT NULL, squares REAL NOT NULL, at REAL NOT NULL,
    day INTEGER NOT NULL
);
CREATE TABLE assigned (
    experiment TEXT NOT NULL, arm TEXT NOT NULL, half INTEGER NOT NULL, day INTEGER NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (experiment, arm, half, day)
) WITHOUT ROWID;
CREATE TABLE buckets (
    experiment TEXT NOT NULL, arm TEXT NOT NULL, half INTEGER NOT NULL, metric TEXT NOT NULL, day INTEGER NOT NULL,
    n REAL NOT NULL, total REAL NOT NULL, squares REAL NOT NULL, PRIMARY KEY (experiment, arm, half, metric, day)
) WITHOUT ROWID;
CREATE TABLE imported (
    number INTEGER PRIMARY KEY, experiment TEXT NOT NULL, arm TEXT NOT NULL, text TEXT NOT NULL, n REAL NOT NULL,
    successes REAL NOT NULL, UNIQUE (experiment, arm)
);
"""

_LEARNING = """
CREATE TABLE links (
    number INTEGER PRIMARY KEY, post TEXT NOT NULL, decision TEXT NOT NULL, UNIQUE (post, decision)
);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL
);
CREATE INDEX documents_by_key ON documents (kind, key);
"""

# What is older than a window is found by time.
_TIMES = """
DROP INDEX IF EXISTS decisions_by_day;
CREATE INDEX decisions_by_time ON decisions (experiment, at);
CREATE INDEX counts_by_time ON counts (experiment, at);
"""

MIGRATIONS = (_LOG, _LEARNING, _TIMES)
"""`MIGRATIONS[v]` makes a store of version `v` one of version `v + 1`; an empty file has version 0."""

VERSION = len(MIGRATIONS)


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring a store of this version up to date, inside of a transaction that has begun."""
    for statement in "".join(MIGRATIONS[version:]).split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
