"""When a process has too little memory left, so that its caches should take less."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from postopt.errors import CacheValueError

_STATM = Path("/proc/self/statm")


def resident_above(limit: int) -> Callable[[], bool]:
    """Return a function that says whether this process occupies more than `limit` bytes of memory.

    For `MemoryStore(pressure=...)`. Pages that it shares with others count; what is swapped out does not. If the system
    does not tell any more, the answer is no.

    Raises:
        CacheValueError: the system does not tell (it takes Linux's /proc), or the limit is not positive.
    """
    if limit < 1:
        raise CacheValueError(f"limit is {limit!r}; bytes, 1 or more, are needed")
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        _STATM.read_bytes()
    except (OSError, AttributeError, ValueError) as error:
        raise CacheValueError("this system does not tell how much memory a process occupies") from error

    def is_above() -> bool:
        try:
            return int(_STATM.read_bytes().split()[1]) * page > limit
        except OSError:  # no more files can be opened, for one
            return False

    return is_above
