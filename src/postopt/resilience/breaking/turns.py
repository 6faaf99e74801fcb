"""One decision at a time, whoever asks and from wherever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Turns:
    """Runs decisions one at a time, each to its end.

    In the midst of a decision its own thread may come again: a generator that the collector closes just then reports
    how its call ended, a signal's handler opens the circuit. It cannot wait for itself, and must not see half a
    decision. `ask` then has no answer, what is told to `tell` runs as soon as the decision has ended, and `look`, which
    must decide nothing, sees what there is.

    Attributes:
        inside: whether a decision is being made just now.
    """

    __slots__ = ("_later", "_lock", "inside")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._later: list[Callable[[], object]] = []  # what came from within one decision
        self.inside = False

    def ask(self, decide: Callable[..., T], /, *args: object) -> T | None:
        """Return `decide(*args)`, or None if the caller is in the midst of another decision."""
        with self._lock:
            return None if self.inside else self._run(decide, args)

    def tell(self, decide: Callable[..., object], /, *args: object) -> None:
        """Call `decide(*args)`, at the end of the decision in whose midst the caller is, if it is."""
        with self._lock:
            if self.inside:
                self._later.append(partial(decide, *args))
            else:
                self._run(decide, args)

    def look(self, see: Callable[[], T]) -> T:
        """Return `see()`, which no other thread changes meanwhile."""
        with self._lock:
            return see()

    def _run(self, decide: Callable[..., T], args: tuple[object, ...]) -> T:
        self.inside = True
        try:
            return decide(*args)
        finally:
            self.inside = False  # before any call, at which an interrupt (control-C) may come
            while self._later:
                self._run(self._later.pop(0), ())
