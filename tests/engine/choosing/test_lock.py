"""Choices written down are made again, exactly, or refused."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from postopt.engine import OptimizedEngine
from postopt.engine.lock import read
from postopt.engine.slots import SLOTS
from postopt.errors import BackendUnavailableError, PostoptError, WisdomError


def replay(machine, path, monkeypatch):
    """Do what `OptimizedEngine.from_lock` does, on a machine on paper."""
    monkeypatch.setattr(
        OptimizedEngine, "_open", lambda self: (self._resolver or machine.place(self)) and self._resolver
    )
    monkeypatch.setenv("POSTOPT_WISDOM", "off")
    return OptimizedEngine.from_lock(path)


def test_it_lists_every_slot_with_backend_and_version(machine, tmp_path):
    path = machine.engine().lock(tmp_path / "postopt.lock")
    roles = json.loads(path.read_text())
    assert list(roles) == list(SLOTS)
    assert roles["json"] == "orjson==3.11"
    assert roles["hash"] == "sha256==3.11 <4096; blake3==1.0"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_it_is_written_whole_and_private(machine, tmp_path):
    path = machine.engine().lock(tmp_path / "postopt.lock")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["postopt.lock"]


def test_it_replays_the_choices_and_races_nobody(machine, tmp_path, monkeypatch):
    path = machine.engine().lock(tmp_path / "postopt.lock")
    machine.asked.clear()
    machine.seconds["json", "orjson"] = 1.0
    engine = replay(machine, path, monkeypatch)
    assert engine.json.name == "orjson"
    assert engine.hash.gates == ((4096, "sha256"), (None, "blake3"))
    assert all(cells == [] for _, cells in machine.asked)
    assert engine.lock(tmp_path / "again.lock").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.installed.update(orjson="3.12"), "version 3.11; installed is 3.12"),
        (lambda m: m.installed.pop("orjson"), "not installed"),
        (lambda m: m.states.update({("json", "orjson"): ("broken", "killed by signal 4")}), "signal 4"),
    ],
    ids=["other version", "absent", "broken"],
)
def test_it_raises_where_the_machine_has_changed(machine, tmp_path, monkeypatch, change, reason):
    path = machine.engine().lock(tmp_path / "postopt.lock")
    change(machine)
    with pytest.raises(BackendUnavailableError, match=reason):
        replay(machine, path, monkeypatch)


def test_a_lock_beats_the_environment(machine, tmp_path, monkeypatch):
    path = tmp_path / "postopt.lock"
    path.write_text('{"json": "stdlib==3.11"}')
    monkeypatch.setenv("POSTOPT_JSON", "orjson")
    engine = replay(machine, path, monkeypatch)
    assert engine.json.name == "stdlib"
    assert engine.fingerprint.name == "xxh3"


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "null", '{"json": 3}', '{"json": "orjson"}', '{"json": "orjson==3 <10"}',
        '{"jsn": "orjson==3"}', '{"json": "stdlib==3 <10; orjson==3"}', '{"hash": "sha256==3 <0; blake3==1"}',
        '{"hash": "sha256==3 <9; blake3==1 <9; blake2b==3"}', '{"json": "simplejson==3"}', "[" * 99_999, "\x00\xff",
    ],
)  # fmt: skip
def test_anything_else_is_refused(tmp_path, text):
    path = tmp_path / "postopt.lock"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(PostoptError):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WisdomError, match=r"nowhere\.lock"):
        OptimizedEngine.from_lock(tmp_path / "nowhere.lock")


def test_for_real(tmp_path):
    path = OptimizedEngine(wisdom=None).lock(tmp_path / "postopt.lock")
    engine = OptimizedEngine.from_lock(path)
    locked = json.loads(Path(path).read_text())
    assert f"{engine.json.name}=={engine.json.version}" == locked["json"]
    locked["json"] = "stdlib==2.7.18"
    path.write_text(json.dumps(locked))
    with pytest.raises(BackendUnavailableError, match=r"2\.7\.18"):
        OptimizedEngine.from_lock(path)
