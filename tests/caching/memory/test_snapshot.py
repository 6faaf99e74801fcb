"""A store's entries in a file: whole, or not at all."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
from contextlib import contextmanager

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from postopt.caching import Codec, Entry
from postopt.caching.memory import MemoryStore
from postopt.errors import CorruptDataError
from postopt.testing import ScriptedClock

VALUES = [None, 0, "", b"", [], {}, "ñ 🙂 \ud800", bytes(range(256)), [1, [2.5, None]], {"text": "€3.50"}, 2**63 - 1]


def filled(store, clock, **settings):
    one = store(clock=clock, **settings)
    for number, value in enumerate(VALUES):
        one.set_entry_nowait(
            f"key {number} \ud800",
            Entry(
                value=value,
                weight=100 + number,
                cost=number / 3,
                priority=number % 8,
                tags=("a", f"{number}"),
                expires_at=math.inf if number % 2 else clock() + number + 1,
                stale_until=clock() + 100.0 if number % 3 else -math.inf,
                compute_seconds=number * 1.5,
            ),
        )
    return one


def entries(one):
    held = {f"key {number} \ud800": one.entry_nowait(f"key {number} \ud800") for number in range(len(VALUES))}
    return {key: entry for key, entry in held.items() if entry is not None}


def test_what_was_kept_is_kept_again(store, tmp_path):
    clock = ScriptedClock(1000.0)
    one = filled(store, clock)
    path = tmp_path / "new" / "folder" / "cache"
    assert one.snapshot(path) == len(VALUES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = store(clock=clock)
    assert again.restore(path) == len(VALUES)
    assert entries(again) == entries(one)
    assert all(
        type(a.value) is type(b.value) for a, b in zip(entries(again).values(), entries(one).values(), strict=True)
    )
    assert os.listdir(path.parent) == ["cache"]


def test_what_has_ended_is_left_out_on_both_ways(store, tmp_path):
    clock = ScriptedClock(1000.0)
    one = store(clock=clock)
    one.set_nowait("short", 1, ttl=1.0)
    one.set_nowait("middle", 2, ttl=10.0)
    one.set_nowait("long", 3, ttl=100.0)
    clock.advance(5.0)
    assert one.snapshot(tmp_path / "cache") == 2
    clock.advance(50.0)
    again = store(clock=clock)
    assert again.restore(tmp_path / "cache") == 1
    assert again.get_nowait("long") == 3
    clock.advance(45.0)
    assert again.get_nowait("long") is None


def test_what_cannot_be_written_is_left_out(store, tmp_path):
    one = store()
    for key, value in (("text", "kept"), (1, "no text"), (("a",), "no text"), ("object", object()), ("set", {1})):
        one.set_nowait(key, value)
    assert one.snapshot(tmp_path / "cache") == 1
    again = store()
    assert again.restore(tmp_path / "cache") == 1
    assert again.get_nowait("text") == "kept"


def test_what_is_there_is_newer(store, tmp_path):
    one = store()
    one.set_nowait("a", "old")
    one.set_nowait("b", "old")
    one.snapshot(tmp_path / "cache")
    one.set_nowait("a", "new")
    one.delete_nowait("b")
    assert one.restore(tmp_path / "cache") == 1
    assert (one.get_nowait("a"), one.get_nowait("b")) == ("new", "old")


def test_a_smaller_store_takes_what_it_has_room_for(store, tmp_path):
    one = store()
    for number in range(100):
        one.set_nowait(f"{number}", number, weight=10)
    one.snapshot(tmp_path / "cache")
    again = store(max_bytes=200)
    kept = again.restore(tmp_path / "cache")
    assert 20 <= kept <= 100
    assert (len(again), again.stats().bytes) == (20, 200)


def test_nothing_at_all(store, tmp_path):
    assert store().snapshot(tmp_path / "cache") == 0
    assert store().restore(tmp_path / "cache") == 0
    with pytest.raises(FileNotFoundError):
        store().restore(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        store().restore(tmp_path)


def test_what_a_library_wrote_that_is_not_here_is_left_out(store, tmp_path, monkeypatch):
    pytest.importorskip("zstandard", reason="zstandard is not installed")
    one = store()
    one.set_nowait("long", "text " * 100)
    one.set_nowait("short", "text")
    assert one.snapshot(tmp_path / "cache", Codec(compression="zstandard")) == 2
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.delitem(sys.modules, "postopt.caching.zstandard", raising=False)
    again, codec = store(), Codec()
    assert again.restore(tmp_path / "cache", codec) == 1
    assert again.get_nowait("short") == "text"
    assert codec.unreadable == {"compression": 1}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "cache"
    filled(MemoryStore, ScriptedClock(1000.0)).snapshot(path)
    return path.read_bytes()


def assert_refused(folder, data):
    path = folder / "damaged"
    path.write_bytes(data)
    one = MemoryStore(clock=ScriptedClock(1000.0))
    one.set_nowait("key", "value")
    with pytest.raises(CorruptDataError, match="damaged|no snapshot") as caught:
        one.restore(path)
    assert "start without it" in caught.value.hint
    assert len(one) == 1


def test_damage_anywhere_is_noticed(snapshot, tmp_path):
    assert len(snapshot) > 1000
    for place in range(len(snapshot)):
        damaged = bytearray(snapshot)
        damaged[place] ^= 1 << place % 8
        assert_refused(tmp_path, damaged)


def test_a_file_that_ends_early_is_noticed(snapshot, tmp_path):
    for length in range(0, len(snapshot), 3):
        assert_refused(tmp_path, snapshot[:length])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_any_kind_is_noticed(snapshot, tmp_path, data):
    begin = data.draw(st.integers(0, len(snapshot)))
    end = data.draw(st.integers(begin, len(snapshot)))
    damaged = snapshot[:begin] + data.draw(st.binary(max_size=40)) + snapshot[end:]
    if damaged != snapshot:
        assert_refused(tmp_path, damaged)


@pytest.mark.parametrize("foreign", [b"", b"\0" * 100, b"PK\3\4" * 50, b"postopt snapshot 2\n" + b"x" * 80])
def test_another_file_is_refused(tmp_path, foreign):
    assert_refused(tmp_path, foreign)


@pytest.mark.parametrize(
    "body",
    [
        b"\1",
        struct.pack("<I", 2**32 - 1),
        struct.pack("<I", 1) + b"\xff" + struct.pack("<I", 0),
        struct.pack("<I", 1) + b"k",
        struct.pack("<I", 1) + b"k" + struct.pack("<I", 2**31),
        struct.pack("<I", 0) + struct.pack("<I", 9) + b"x",
    ],
)
def test_a_file_that_somebody_made_on_purpose(tmp_path, body):
    """The digest keeps off damage, not malice: such a file is refused or holds nothing."""
    whole = b"postopt snapshot 1\n" + body
    path = tmp_path / "cache"
    path.write_bytes(whole + hashlib.sha256(whole).digest())
    one = MemoryStore()
    try:
        assert one.restore(path) == 0
    except CorruptDataError as error:
        assert "malformed" in str(error)
    assert len(one) == 0


@contextmanager
def mounted(folder, options):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or os.geteuid()
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("only root can mount a file system of its own")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_the_older_file(tmp_path):
    small, large = MemoryStore(), MemoryStore()
    small.set_nowait("key", "value")
    for number in range(50):
        large.set_nowait(f"{number}", os.urandom(4096))
    with mounted(tmp_path / "small", "size=64k") as folder:
        small.snapshot(folder / "cache")
        with pytest.raises(OSError, match="No space left"):
            large.snapshot(folder / "cache")
        assert os.listdir(folder) == ["cache"]
        assert MemoryStore().restore(folder / "cache") == 1


def test_a_folder_that_cannot_be_written(tmp_path):
    one = MemoryStore()
    one.set_nowait("key", "value")
    with mounted(tmp_path / "fixed", "size=64k") as folder:
        one.snapshot(folder / "cache")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(OSError, match="Read-only"):
            one.snapshot(folder / "cache")
        with pytest.raises(OSError, match="Read-only"):
            one.snapshot(folder / "other" / "cache")
        assert MemoryStore().restore(folder / "cache") == 1


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        MemoryStore().snapshot(tmp_path / "file" / "cache")


_WRITER = """
import sys
from pathlib import Path
from postopt.caching.memory import MemoryStore
store = MemoryStore()
for number in range(2000):
    store.set_nowait(str(number), "value %d " % number * 20)
print("ready", flush=True)
while True:
    store.snapshot(Path(sys.argv[1]))
    print("written", flush=True)
"""


def test_a_process_that_is_killed_while_it_writes(tmp_path):
    path = tmp_path / "cache"
    for turn in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
        for _ in range(2 + turn):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert MemoryStore().restore(path) == 2000
