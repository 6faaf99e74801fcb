"""A KeyboardInterrupt at any place where Python raises one: nobody is locked out afterwards.

What it left half changed is another matter: `MemoryStore` says so.
"""

from __future__ import annotations

import dis
import sys
from pathlib import Path

import pytest

import postopt.caching.memory
from postopt.caching.eviction import LRU, Density

pytestmark = pytest.mark.long

FOLDER = str(Path(postopt.caching.memory.__file__).parent)


class InterruptAt:
    """A trace function that raises KeyboardInterrupt after so many calls and beginnings of functions."""

    def __init__(self, place):
        self.left = place
        self._last = {}

    def __call__(self, frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(FOLDER):
            frame.f_trace_opcodes = True
            self._last.pop(id(frame), None)
            return self._step
        return None

    def _step(self, frame, event, argument):
        if event == "opcode" and self.left:
            before = self._last.get(id(frame), "")
            self._last[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(("CALL", "RESUME", "JUMP_BACKWARD")):
                self.left -= 1
                if not self.left:
                    raise KeyboardInterrupt
        return self._step


def is_interrupted(tracer, call):
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


CALLS = {
    "set": lambda one: one.set_nowait("new", 1, weight=1, tags=("tag",)),
    "replace": lambda one: one.set_nowait(9, 1, weight=1),
    "delete": lambda one: one.delete_nowait(9),
    "get": lambda one: one.get_nowait(9),
    "entry": lambda one: one.entry_nowait(9),
    "shrink": lambda one: one.shrink(8),
}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="since 3.12, tracing skips instructions of single threads")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("policy", [Density, LRU])
def test_nobody_is_locked_out(store, thread, policy, call):
    place = 0
    while True:
        place += 1
        one = store(max_entries=10, policy=policy())
        for number in range(10):
            one.set_nowait(number, number, weight=1)
        if not is_interrupted(InterruptAt(place), lambda one=one: call(one)):
            break
        assert thread(one.__contains__, "never").outcome() is False
        assert "never" not in one
    assert place > 2 or (policy is Density and call is CALLS["get"])
