"""How a computation ended, so that many callers can be told of it."""

from __future__ import annotations

import copy
from types import TracebackType
from typing import Any


class Outcome:
    """A value or an error; `result` gives the one or raises the other.

    One error object that is raised in many tasks and threads would collect the frames, notes and contexts of all of
    them. So whoever ran into it gets that object, and each of the others a copy (`for_others`): of the same type, with
    the same arguments, attributes, notes and cause, and with the traceback of the computation. An error that cannot be
    copied is raised everywhere, each time from that traceback on.

    Args:
        value: what came out.
        error: what was raised, without the frame that caught it.
    """

    __slots__ = ("_error", "_shared", "_traceback", "_value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error
        self._shared = False
        self._traceback: TracebackType | None = None
        if error is not None and error.__traceback__ is not None:
            self._traceback = error.__traceback__ = error.__traceback__.tb_next

    @property
    def failed(self) -> bool:
        """Whether it is an Exception."""
        return isinstance(self._error, Exception)

    @property
    def is_answer(self) -> bool:
        """Whether it means anything to others: a value and an Exception do, a cancellation and an exit do not."""
        return self._error is None or self.failed

    @property
    def is_exit(self) -> bool:
        """Whether it is meant for the process, not for a caller."""
        return isinstance(self._error, KeyboardInterrupt | SystemExit)

    def for_others(self) -> Outcome:
        """Return the outcome as those are told who did not run into it themselves."""
        if self._error is None:
            return self
        others = Outcome()
        others._error = _copy(self._error, self._traceback)
        others._traceback = self._traceback
        others._shared = True
        return others

    def result(self) -> Any:
        """Return the value or raise the error."""
        if self._error is None:
            return self._value
        error = _copy(self._error, self._traceback) if self._shared else self._error
        try:
            raise error
        finally:
            del self, error  # else the error would hold this frame and the frame the error


def _copy(error: BaseException, traceback: TracebackType | None) -> BaseException:
    try:
        twin = copy.copy(error)
    except Exception:  # noqa: BLE001 - a constructor that does not take its own `args` may raise anything
        twin = error
    if type(twin) is not type(error) or twin is error:
        return error.with_traceback(traceback)
    twin.args = error.args
    twin.__cause__ = error.__cause__
    twin.__context__ = error.__context__
    twin.__suppress_context__ = error.__suppress_context__
    if hasattr(error, "__notes__"):
        twin.__notes__ = list(error.__notes__)
    return twin.with_traceback(traceback)
