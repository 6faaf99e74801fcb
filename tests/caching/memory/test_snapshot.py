"""What a store writes to a file, and takes from it; the file itself is the matter of tests/caching/test_snapshot.py."""

from __future__ import annotations

import math
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest

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
    assert [file.name for file in path.parent.iterdir()] == ["cache"]


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
    assert codec.unreadable.total() == codec.unreadable["compression"] == 1


def test_nothing_of_a_damaged_file_is_kept(store, tmp_path):
    path = tmp_path / "cache"
    filled(store, ScriptedClock(1000.0)).snapshot(path)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:-40] + b"x" + whole[-39:], b"x" + whole[1:], b""):
        path.write_bytes(damaged)
        one = store(clock=ScriptedClock(1000.0))
        one.set_nowait("key", "value")
        with pytest.raises(CorruptDataError):
            one.restore(path)
        assert len(one) == 1


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
        assert [file.name for file in folder.iterdir()] == ["cache"]
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
