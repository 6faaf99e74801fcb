"""What an audit finds in a store that was changed by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from postopt.errors import ExperimentStoreError
from postopt.experiments.store import ExperimentStore

from .conftest import count, decision, outcome


@pytest.fixture
def damaged(opened, path):
    """A function that changes a file behind the store's back and returns what an audit finds."""
    store = opened()
    store.log_decisions([decision("d1"), decision("d2", "b", half=1, at=90_000.0)])
    store.log_outcomes([outcome("d1", 0.1), outcome("d2", 0.2)])
    store.log_counts([count("c1")])
    store.link("post", "d1")
    assert store.audit() == []

    def damaged(*statements):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
        return [tuple(finding)[:2] for finding in store.audit()], "\n".join(map(str, store.audit()))

    return damaged


def test_a_sound_store_has_none(damaged):
    assert damaged() == ([], "")


@pytest.mark.parametrize("sums", ["n = n + 1", "total = total + 0.001", "squares = 0", "total = 0, n = 0, squares = 0"])
def test_a_sum_that_was_changed(damaged, sums):
    found, text = damaged(f"UPDATE buckets SET {sums} WHERE arm = 'b'")
    assert found == [("bucket", "click of e / b, half 1, day 1")]
    assert "the log says n 1, total 0.2, squares 0.04, the store n" in text


def test_a_sum_that_is_missing_and_one_too_many(damaged):
    found, _ = damaged(
        "DELETE FROM buckets WHERE half = -1",
        "DELETE FROM assigned WHERE arm = 'b'",
        "INSERT INTO buckets VALUES ('e', 'a', 0, 'hide', 3, 1, 1, 1)",
        "INSERT INTO assigned VALUES ('e', 'a', 1, 0, 4)",
    )
    assert found == [
        ("assigned", "decisions of e / a, half 1, day 0"),
        ("assigned", "decisions of e / b, half 1, day 1"),
        ("bucket", "click of e / a, half -1, day 0"),
        ("bucket", "hide of e / a, half 0, day 3"),
    ]


def test_rows_that_belong_to_nothing(damaged):
    found, text = damaged(
        "DELETE FROM decisions WHERE id = 'd1'",
        "DELETE FROM assigned WHERE arm = 'a'",
        "DELETE FROM buckets WHERE arm = 'a' AND half = 0",
        "DELETE FROM arms WHERE arm = 'b'",
        "INSERT INTO arms (experiment, arm, text, status, reason, since) VALUES ('f', 'x', '', 'active', '', 0)",
        "UPDATE counts SET arm = 'y'",
        "UPDATE buckets SET arm = 'y' WHERE half = -1",
    )
    assert [kind for kind, _ in found] == ["orphan"] * 5
    assert "orphan: d2 (e / b): a decision of no arm" in text
    assert "orphan: c1 (e / y): a count of no arm" in text
    assert "orphan: x (f): an arm of no experiment" in text
    assert "orphan: post (d1): a link to no decision" in text
    assert "orphan: 1 (click): an outcome of no decision" in text


def test_a_damaged_index(damaged):
    found, text = damaged(
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'arm_changes_by_arm') "
        "WHERE name = 'documents_by_key'",
        "PRAGMA schema_version=1000",
    )
    assert set(found) == {("damage", "the file")}
    assert "page" in text


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("UPDATE decisions SET propensity = 5 WHERE id = 'd1'", "d1 (propensity 5.0, half 0, at 0.0, day 0)"),
        ("UPDATE decisions SET propensity = 'x' WHERE id = 'd1'", "d1 (propensity x, half 0, at 0.0, day 0)"),
        ("UPDATE decisions SET at = 90000 WHERE id = 'd1'", "d1 (propensity 0.5, half 0, at 90000.0, day 0)"),
        ("UPDATE outcomes SET value = 9e999 WHERE number = 1", "1 (click Inf, at 0.0)"),
        ("UPDATE counts SET at = 1e15", "c1 (n 10.0, total 2.0, squares 2.0, at 1.0e+15, day 0)"),
        (
            "INSERT INTO decisions VALUES (9, 'ok', 'e', 'a', 'u', 0, 2, '', '', 0, 0)",
            "ok (propensity 2.0, half 0, at 0.0, day 0)",
        ),
        ("INSERT INTO imported VALUES (1, 'old', 'x', 't', 3, 4)", "old / x (4.0 of 3.0)"),
    ],
)
def test_a_number_that_cannot_be(damaged, change, where):
    found, text = damaged(change)
    assert ("range", where) in found
    assert "cannot be" in text


def test_a_table_that_is_gone(damaged):
    found, _ = damaged("UPDATE decisions SET propensity = 5 WHERE id = 'd1'", "DROP TABLE outcomes", "DROP TABLE links")
    assert found == [
        ("damage", "sums of outcomes"),
        ("damage", "a look for an outcome of no decision"),
        ("damage", "a look for a link to no decision"),
        ("range", "d1 (propensity 5.0, half 0, at 0.0, day 0)"),
        ("damage", "a look for an outcome that cannot be"),
    ]


def test_what_waits_cannot_be_written(damaged):
    found, text = damaged("DROP TABLE new_decisions")
    assert found[0] == ("damage", "what waits to be written")
    assert "no such table" in text


@pytest.mark.parametrize("page", range(40))
def test_any_page_may_be_damaged(opened, path, page):
    with opened() as store:
        store.log_decisions([decision(f"d{number}") for number in range(100)])
        store.log_outcomes([outcome(f"d{number}") for number in range(100)])
    data = bytearray(path.read_bytes())
    data[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with ExperimentStore(path) as store:
        assert {finding.kind for finding in store.audit()} <= {"damage", "orphan", "range", "assigned", "bucket"}


def test_others_write_while_the_log_is_read(opened, path):
    store = opened()
    store.log_decisions([decision("d1")])
    store.log_outcomes([outcome("d1")])
    store.flush()
    with store._file.snapshot() as connection, ExperimentStore(path, seconds=0.01) as other:
        query = "SELECT count(*) FROM decisions"
        before = connection.execute(query).fetchone()
        store.log_decisions([decision("d2")])
        other.set_arm("e", "b", "paused", "", 0.0)
        store.set_arm("e", "a", "paused", "", 0.0)
        assert connection.execute(query).fetchone() == before
        assert store.assigned("e") == {"a": 2}
    with opened(flush_rows=1) as other:
        other.log_decisions([decision("d3")])
        other.link("post", "d3")
        assert store.audit() == []


def test_one_inside_of_a_transaction_is_a_part_of_it(store):
    with store.transaction():
        store.log_decisions([decision("d1")])
        store.log_outcomes([outcome("d1")])
        assert store.audit() == []


def test_a_locked_file_is_no_finding(opened, path):
    store = opened(seconds=0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(ExperimentStoreError, match="locked"):
            store.audit()
