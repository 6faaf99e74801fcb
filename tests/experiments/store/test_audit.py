"""What an audit finds in a store that was changed by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

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
