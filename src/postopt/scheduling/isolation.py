"""Finding out which items of a failed batch are to blame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from postopt.errors import GenerationError
from postopt.scheduling.batch import Entry, fail, raisable

E = TypeVar("E", bound=Entry[Any, Any])
Send: TypeAlias = Callable[[Sequence[E]], Awaitable[None]]
"""Sends items and answers those who wait for them, or raises."""

_PARTS = 16
"""If so many parts of a batch were sent and each of them failed, no single items are to blame; arbitrary."""


async def isolate(send: Send[E], entries: Sequence[E], error: Exception) -> None:
    """Send the halves of a failed batch, then the halves of those that fail, until each guilty item has failed alone.

    An item fails only alone, with two exceptions:
        - The error says that it is not the request's fault (`GenerationError.at_fault`: an overloaded provider, or an
          answer that is not what `run` promises). All that were sent fail with it, and are not sent again.
        - Nothing has succeeded, and each of 16 parts has failed. All fail then, after 30 calls. Innocent items are
          among them only if each of the 16 parts holds a guilty one.

    One guilty item among n costs from log2(n) + 1 to 2 log2(n) calls more, for n a power of two: where the first half
    of a part succeeds, the second, which has to hold the guilty one, is not sent whole. However many are guilty, there
    are no more than 2 n - 2.

    Args:
        send: see `Send`.
        entries: the batch, in order.
        error: what sending it raised.
    """
    search = _Search(send)
    search.take_failure(entries, error)
    while parts := search.failed:
        if not search.succeeded and len(parts) >= _PARTS:
            for part, problem in parts:
                fail(part, raisable(problem))
            return
        search.failed = []
        for part, problem in parts:
            await search.divide(part, problem)


class _Search(Generic[E]):
    """The parts that failed and are to be divided, with what they raised."""

    def __init__(self, send: Send[E]) -> None:
        self.failed: list[tuple[Sequence[E], Exception]] = []
        self.succeeded = False
        self._send = send

    def take_failure(self, part: Sequence[E], error: Exception) -> None:
        if len(part) == 1 or not _blames_items(error):
            fail(part, raisable(error))
        else:
            self.failed.append((part, error))

    async def divide(self, part: Sequence[E], error: Exception) -> None:
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        if await self._succeeds(left) and len(right) > 1:
            self.failed.append((right, error))
        else:
            await self._succeeds(right)

    async def _succeeds(self, part: Sequence[E]) -> bool:
        """Send those for which somebody still waits; say whether that went well."""
        waited_for = [entry for entry in part if not entry[1].done()]
        try:
            if waited_for:
                await self._send(waited_for)
        except Exception as error:  # noqa: BLE001 - those who wait for the part get it
            self.take_failure(waited_for, error)
            return False
        self.succeeded = self.succeeded or bool(waited_for)
        return True


def _blames_items(error: Exception) -> bool:
    return not isinstance(error, GenerationError) or error.at_fault == "request"
