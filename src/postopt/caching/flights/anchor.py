"""What an event loop holds while callers wait in it, and how its end is noticed."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Hashable
from functools import partial

_CENTURY = 100 * 365.25 * 86_400  # seconds; nobody waits as long


class Anchor:
    """Holds what is to live as long as a loop and no longer, and says so when the loop ends.

    asyncio itself holds tasks weakly, and tells nobody that a loop was closed. But a loop holds its timers, and drops
    them when it is closed or collected as garbage. So an anchor is a timer in the far future that nobody else holds,
    for as long as it has something to hold.
    """

    __slots__ = ("__weakref__", "_held", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._held: dict[Hashable, tuple[object, Callable[[], object]]] = {}
        self._timer = weakref.ref(loop.call_later(_CENTURY, self))

    def __call__(self) -> None:
        """Do nothing, a hundred years later."""

    def __del__(self) -> None:
        for _, ended in self._held.values():
            ended()

    def hold(self, name: Hashable, load: object, ended: Callable[[], object]) -> None:
        """Hold `load` under `name`."""
        self._held[name] = load, ended

    def let_go(self, name: Hashable) -> bool:
        """Hold no longer what has that name; return whether that was all."""
        self._held.pop(name, None)
        timer = self._timer()
        if self._held or timer is None:
            return False
        timer.cancel()
        return True


# By the id of a loop, which another loop can have only when this one, and its anchor with it, is gone.
_anchors: dict[int, weakref.ref[Anchor]] = {}


def hold(loop: asyncio.AbstractEventLoop, name: Hashable, load: object, ended: Callable[[], object]) -> None:
    """Let the loop that runs here hold `load` until it is let go.

    Args:
        loop: that loop.
        name: by which to let it go.
        load: what nobody else has to hold.
        ended: called if the loop is closed or collected before. The garbage collector may do that in any thread and
            between any two lines, so this must not wait for a lock.
    """
    anchor = _find(loop)
    if anchor is None:
        anchor = Anchor(loop)
        # The callback's argument, the reference itself, is what `pop` returns if there is nothing to forget.
        _anchors[id(loop)] = weakref.ref(anchor, partial(_anchors.pop, id(loop)))
    anchor.hold(name, load, ended)


def let_go(loop: asyncio.AbstractEventLoop, name: Hashable) -> None:
    """Let the loop no longer hold what it held under `name`; no error if it has ended."""
    anchor = _find(loop)
    if anchor is not None and anchor.let_go(name):
        del _anchors[id(loop)]


def _find(loop: asyncio.AbstractEventLoop) -> Anchor | None:
    known = _anchors.get(id(loop))
    return None if known is None else known()
