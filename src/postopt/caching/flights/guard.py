"""A lock, and what has to wait until it is free."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Guard:
    """The lock under which flights change.

    Use it as `with guard.lock:`, and call `catch_up` some time after each of those blocks.
    """

    def __init__(self) -> None:
        self._overdue: deque[Callable[[], object]] = deque()
        self.reset()

    def reset(self) -> None:
        """Start anew with a free lock: after a fork, the old one may be held by a thread that stayed in the parent."""
        self.lock = threading.Lock()
        self._overdue.clear()

    def later(self, step: Callable[[], object]) -> None:
        """Do `step`, which takes the lock, at once, or when whoever holds the lock catches up.

        For what the garbage collector calls: that may happen in the very thread, and in the middle of the very block,
        that holds the lock.
        """
        self._overdue.append(step)
        self.catch_up()

    def catch_up(self) -> None:
        """Do the steps that had to wait, unless somebody holds the lock, who will do them."""
        while self._overdue and not self.lock.locked():  # so this thread does not hold it, and a step may wait for it
            try:
                step = self._overdue.popleft()
            except IndexError:  # another thread was first
                return
            step()
