"""Functions that give their answer at once."""

from __future__ import annotations

import inspect
from functools import partial

from postopt._checks import check_callable
from postopt.errors import shown


def body(function: object) -> object:
    """Return what says which kind of function it is: itself, or the `__call__` of an object that can be called."""
    return function if inspect.isroutine(function) or isinstance(function, partial) else type(function).__call__


def check_plain(name: str, value: object, what: str) -> None:
    """Refuse what cannot be called, and a coroutine function, which nobody would await; `what` as `check_callable`."""
    check_callable(name, value, what)
    kind = body(value)
    if inspect.iscoroutinefunction(kind) or inspect.isasyncgenfunction(kind) or inspect.isgeneratorfunction(kind):
        raise ValueError(f"{name} is {shown(value)}; a plain function is needed that {what}: nobody awaits or reads it")
