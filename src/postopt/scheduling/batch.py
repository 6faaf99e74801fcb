"""The items of a batch, and those who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from typing import Any, Generic, TypeAlias, TypeVar

from postopt.errors import CutOffError, GenerationError, MalformedAnswerError

T = TypeVar("T")
R = TypeVar("R")

Run: TypeAlias = Callable[[list[T]], Awaitable[Sequence[R | BaseException]]]
"""Gives one result an item, in order; an exception in it fails its item alone."""

Entry: TypeAlias = tuple[T, asyncio.Future[R], int, float]
"""An item, the future of who waits for it, its tokens, its deadline by the clock (or infinity).

One is made for each request; nothing costs less than a plain tuple.
"""


class Batch(Generic[T, R]):
    """What is sent at once.

    Attributes:
        entries: the items, once they have been chosen.
        abandoned: whether it is cancelled because nobody waits for it any more.
        over: whether all its items were answered.
    """

    __slots__ = ("abandoned", "entries", "over")

    def __init__(self) -> None:
        self.entries: list[Entry[T, R]] = []
        self.abandoned = False
        self.over = False


async def send(run: Run[T, R], entries: Sequence[Entry[T, R]]) -> None:
    """Answer those who wait for `entries` with what `run` gives for them.

    Raises:
        MalformedAnswerError: it gave something else than one result an item.
        CutOffError: it crashed, or cancelled itself.
        Exception: whatever it raised.
    """
    try:
        results = await run([entry[0] for entry in entries])
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise raisable(error) from error
    if not isinstance(results, list | tuple):
        raise MalformedAnswerError(f"run() gave a {type(results).__name__}; a list of {len(entries)} results is needed")
    if len(results) != len(entries):
        raise MalformedAnswerError(f"run() gave {len(results)} results for a batch of {len(entries)} items")
    for entry, result in zip(entries, results, strict=True):
        future = entry[1]
        if future.done():
            continue
        if isinstance(result, BaseException):
            future.set_exception(raisable(result))
        else:
            future.set_result(result)


def fail(entries: Iterable[Entry[Any, Any]], error: Exception) -> None:
    """Raise `error` in all those who wait for `entries`; where it says what they cost together, each pays its share."""
    # A loop that is closed wakes nobody, and says so by an error.
    futures = [entry[1] for entry in entries if not entry[1].done() and not entry[1].get_loop().is_closed()]
    for future in futures:
        future.set_exception(_share(error, len(futures)))


def _share(error: Exception, sharers: int) -> Exception:
    """Return an error of one's own, at so much of the cost; of a foreign error, which may not be copied, itself."""
    if sharers == 1 or not isinstance(error, GenerationError):
        return error
    own = copy(error).with_traceback(error.__traceback__)
    own.__cause__, own.__context__ = error.__cause__, error.__context__
    own.__suppress_context__ = error.__suppress_context__
    own.cost_usd = error.cost_usd / sharers
    own.unsettled_usd = error.unsettled_usd / sharers
    return own


def raisable(error: BaseException) -> Exception:
    """Return `error`, or what to raise in its place in a task that did nothing to deserve it.

    A cancellation or a crash inside of `run` (a panic of a library in Rust is no Exception) is none of the caller's,
    and a future takes no StopIteration. It may be the fault of an item.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    replaced = CutOffError(f"the batch ended with {type(error).__name__} before there was an answer")
    replaced.__cause__ = error
    replaced.at_fault = "request"
    return replaced
