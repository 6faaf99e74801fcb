"""Backends of other distributions: installed for real, found by their entry points, examined and raced like ours."""

from __future__ import annotations

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.catalog import third_party

MEMO = """
import hashlib, types
digests = {}

def digest(data):
    data = bytes(data)
    if data not in digests:
        digests[data] = hashlib.sha256(data).digest()
    return digests[data]

BACKEND = types.SimpleNamespace(name="memo", version="1.0", digest=digest)
"""
TWICE = """
import hashlib, types

def digest(data):
    for _ in range(4):
        hashlib.sha256(data).digest()
    return hashlib.sha256(data).digest()

BACKEND = types.SimpleNamespace(name="twice", version="1.0", digest=digest)
"""
SHORT = """
import hashlib, types
BACKEND = types.SimpleNamespace(name="short", version="1.0", digest=lambda data: hashlib.sha256(data).digest()[:31])
"""


@pytest.fixture
def install(site, monkeypatch):
    """Return a function that installs a distribution with one entry point."""
    monkeypatch.syspath_prepend(str(site.folder))
    third_party.cache_clear()

    def install(point, source, *, name):
        site.add(source, name=name, metadata=False)
        site.add_metadata(name, "1.0", entry_points=f"[postopt.backends]\n{point} = {name}:BACKEND\n")

    yield install
    third_party.cache_clear()


def rejected(engine, name):
    return next(entry for entry in engine.report().to_dict()["rejected"] if entry["name"] == name)


def test_a_faster_one_wins(install):
    install("hash:memo", MEMO, name="postopt_memo")
    engine = OptimizedEngine(wisdom=None)
    assert engine.hash.name == "memo"
    assert len(engine.hash.digest(b"x")) == 32
    assert "memo" in engine.report().to_dict()["choices"][0]["candidates"]


def test_a_slower_one_loses_and_can_be_asked_for(install):
    install("hash:twice", TWICE, name="postopt_twice")
    engine = OptimizedEngine(wisdom=None)
    assert engine.hash.name != "twice"
    assert "twice" in engine.report().to_dict()["choices"][0]["candidates"]
    assert OptimizedEngine(wisdom=None, overrides={"hash": "twice"}).hash.version == "1.0"


@pytest.mark.parametrize(
    ("source", "state", "reason"),
    [
        ("raise SystemExit", "broken", "SystemExit"),
        ("import ctypes; ctypes.string_at(0)", "broken", "SIGSEGV"),
        ("", "broken", "AttributeError"),
        (SHORT, "wrong", "not 32 bytes"),
    ],
    ids=["exits", "crashes", "has no backend", "is wrong"],
)
def test_a_broken_one_is_reported_and_costs_nobody_else(install, source, state, reason):
    install("hash:bad", source, name="postopt_bad")
    engine = OptimizedEngine(wisdom=None)
    assert engine.hash.name != "bad"
    entry = rejected(engine, "bad")
    assert (entry["library"], entry["state"]) == ("postopt_bad", state)
    assert reason in entry["reason"]


def test_a_declaration_that_cannot_be_used_is_reported(install):
    install("sha9000", MEMO, name="postopt_misnamed")
    engine = OptimizedEngine(wisdom=None, rigor="estimate")
    engine.hash.digest(b"")
    assert any("'sha9000' (postopt_misnamed:BACKEND) is not named role:name" in note for note in engine.report().notes)


def test_damaged_metadata_of_another_distribution_costs_the_plugins_only(install, site):
    install("hash:memo", MEMO, name="postopt_memo")
    (site.add_metadata("unrelated", "1.0") / "entry_points.txt").write_bytes(b"[a]\nb = \xff\xfe\n")
    engine = OptimizedEngine(wisdom=None, rigor="estimate")
    assert engine.hash.name != "memo"
    assert any(note.startswith("entry points cannot be read: ") for note in engine.report().notes)
