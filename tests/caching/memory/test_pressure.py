"""When a process has too little memory left."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest

from postopt.caching import pressure
from postopt.caching.pressure import resident_above
from postopt.errors import CacheValueError

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes Linux's /proc")


@on_linux
def test_what_a_process_occupies():
    used = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident_above(used // 2)()
    assert not resident_above(2 * used + 2**30)()


@on_linux
def test_a_large_object_makes_the_difference():
    is_above = resident_above(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 + 100 * 2**20)
    assert not is_above()
    large = bytearray(200 * 2**20)
    large[::4096] = b"x" * len(large[::4096])
    assert is_above()
    del large


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit):
    with pytest.raises(CacheValueError, match="limit"):
        resident_above(limit)


def test_a_system_that_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(pressure, "_STATM", tmp_path / "absent")
    with pytest.raises(CacheValueError, match="does not tell"):
        resident_above(1)


@on_linux
def test_no_answer_is_a_no(tmp_path, monkeypatch):
    """Where no more files can be opened, a set must not fail for that."""
    is_above = resident_above(1)
    assert is_above()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        answer = is_above()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert answer is False
