"""Calls that start in one tick of the event loop travel together."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Literal, Protocol, TypeAlias

from postopt.caching.cooldown import Breaker
from postopt.caching.remote.link import Link
from postopt.caching.remote.resp import Command, Reply, ReplyError
from postopt.errors import StoreError

MAX_KEYS = 512
"""Most keys of one MGET, and most writes of one pipeline: the server serves nobody else meanwhile, so some 0.2 ms."""

MAX_BYTES = 2**20
"""Bytes of writes after which another pipeline begins; arbitrary."""

Failure: TypeAlias = Literal["timeouts", "errors", "refused"]
"""How a trip ended without an answer: at the deadline, otherwise, or before it began because the breaker said so."""

_Write: TypeAlias = tuple[Sequence[Command], "asyncio.Future[list[Reply]]"]

_HINT = "what Redis holds is unknown: go on as if it held nothing; it is tried again by itself"


class TripError(StoreError):
    """A call got no answer; `failure` says how."""

    def __init__(self, message: str, failure: Failure = "errors") -> None:
        super().__init__(message, hint=_HINT)
        self.failure: Failure = failure


class Batches:
    """Sends the reads of one tick as one MGET, the writes as one pipeline, and gives every call a deadline.

    Belongs to the event loop it was made in.

    Laws:
        - What a task does one after another is done in that order. Of what starts in one tick, writes come first, in
          the order of their calls. A call that was cancelled is done entirely, before all later ones, or not at all.
        - A key that is read twice in a tick travels once.
        - A call's future is done at its deadline: with a value, or with `TripError`.
        - The breaker is asked once for a batch, and hears of a deadline that passed as of any other failure.

    Args:
        link: the way to Redis.
        breaker: refuses batches while it is better not to try.
        deadline: seconds from the end of a tick, when its calls leave.
        counts: where "batches" and "keys" are counted.
    """

    def __init__(self, link: Link, breaker: Breaker, *, deadline: float, counts: Counter[str]) -> None:
        self._link = link
        self._breaker = breaker
        self._deadline = deadline
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._reads: dict[bytes, list[asyncio.Future[bytes | None]]] = {}
        self._writes: list[_Write] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def read(self, name: bytes) -> asyncio.Future[bytes | None]:
        """Return what will hold the string of that name, or None if there is none."""
        future: asyncio.Future[bytes | None] = self._loop.create_future()
        waiting = self._reads.get(name)
        if waiting is None:
            self._begin()
            self._reads[name] = [future]
        else:
            waiting.append(future)
        return future

    async def write(self, *commands: Command) -> list[Reply]:
        """Return the replies to commands that no other call's come between; raises TripError if one is an error."""
        replies = await self.attempt(*commands)
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise refusal(reply) from reply
        return replies

    def attempt(self, *commands: Command) -> asyncio.Future[list[Reply]]:
        """Return what will hold the replies to commands that no other call's come between, errors among them."""
        self._begin()
        future: asyncio.Future[list[Reply]] = self._loop.create_future()
        self._writes.append((commands, future))
        return future

    def cancel(self) -> None:
        """End everything; calls that wait get StoreError."""
        for task in self._tasks:
            task.cancel()
        self._link.cancel()

    async def aclose(self) -> None:
        """End everything, and wait until the connection is closed."""
        self.cancel()
        await self._link.aclose()

    def _begin(self) -> None:
        if not self._reads and not self._writes:
            self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        reads, self._reads = self._reads, {}
        writes, self._writes = self._writes, []
        loads: list[_Load] = [*_cut_writes(writes), *_cut_reads(reads)]
        for load in loads:
            self._counts["batches"] += 1
            self._counts["keys"] += load.keys
            task = self._loop.create_task(self._carry(load))
            timer = self._loop.call_later(self._deadline, self._expire, load, task)
            self._tasks.add(task)
            task.add_done_callback(partial(self._end, load, timer))

    def _end(self, load: _Load, timer: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        timer.cancel()
        self._tasks.discard(task)
        # By now all have been told, unless the task was cancelled, or a breaker kept to itself that it made no call.
        _fail(load, "errors" if task.cancelled() else "refused", StoreError("the call was not made"))

    async def _carry(self, load: _Load) -> None:
        try:
            await self._breaker.acall(self._exchange, load)
        except Exception as error:  # noqa: BLE001 - a breaker raises what it likes
            _fail(load, "refused" if load.replies is None else "errors", error)
        if load.replies is not None and load.replies.done():
            self._settle(load, load.replies)

    async def _exchange(self, load: _Load) -> None:
        load.replies = self._link.send(load.commands)
        await load.replies

    def _expire(self, load: _Load, task: asyncio.Task[None]) -> None:
        late = StoreError(f"no answer within {self._deadline} s")
        if load.replies is None:  # the breaker has not decided
            task.cancel()
        elif load.replies.done():  # the breaker has not come back
            self._settle(load, load.replies)
        else:
            load.replies.set_exception(late)
        _fail(load, "timeouts", late)

    def _settle(self, load: _Load, replies: asyncio.Future[list[Reply]]) -> None:
        try:
            load.settle(replies.result())
        except ReplyError as error:
            _fail(load, "errors", refusal(error))
        except StoreError as error:
            _fail(load, "errors", error)
        except asyncio.CancelledError:
            _fail(load, "errors", StoreError("the call was given up by the breaker"))


def refusal(reply: ReplyError) -> TripError:
    """Return what to raise for an error that Redis answered."""
    # What follows "with args" in some answers are keys.
    return TripError(f"Redis refused: {str(reply).partition(', with args')[0]}")


def _fail(load: _Load, failure: Failure, cause: Exception) -> None:
    """Tell the calls that have no answer yet that there will be none."""
    for future in load.futures():
        if not future.done():
            error = TripError(f"Redis: {str(cause) or type(cause).__name__}", failure)
            error.__cause__ = cause
            future.set_exception(error)


class _Load(Protocol):
    """What travels together."""

    commands: Sequence[Command]
    keys: int
    replies: asyncio.Future[list[Reply]] | None  # None until the commands are on their way

    def futures(self) -> Iterable[asyncio.Future[Any]]: ...

    def settle(self, replies: list[Reply]) -> None:
        """Give each call its own; raises ReplyError if there is one reply for all and it is an error."""


class _Reads:
    def __init__(self, waiting: Sequence[tuple[bytes, list[asyncio.Future[bytes | None]]]]) -> None:
        self.commands: Sequence[Command] = [(b"MGET", *(name for name, _ in waiting))]
        self.keys = len(waiting)
        self.replies: asyncio.Future[list[Reply]] | None = None
        self._waiting = [futures for _, futures in waiting]

    def futures(self) -> Iterable[asyncio.Future[Any]]:
        return chain.from_iterable(self._waiting)

    def settle(self, replies: list[Reply]) -> None:
        [values] = replies
        if isinstance(values, ReplyError):
            raise values
        if not isinstance(values, list) or len(values) != self.keys:
            raise StoreError("this is no answer to what was asked")
        for futures, value in zip(self._waiting, values, strict=True):
            for future in futures:
                if not future.done():
                    future.set_result(value)


class _Writes:
    def __init__(self, calls: Sequence[_Write]) -> None:
        self.commands: Sequence[Command] = [command for commands, _ in calls for command in commands]
        self.keys = len(calls)
        self.replies: asyncio.Future[list[Reply]] | None = None
        self._calls = calls

    def futures(self) -> Iterable[asyncio.Future[Any]]:
        return (future for _, future in self._calls)

    def settle(self, replies: list[Reply]) -> None:
        rest = iter(replies)
        for commands, future in self._calls:
            own = list(islice(rest, len(commands)))
            if not future.done():
                future.set_result(own)


def _cut_reads(reads: dict[bytes, list[asyncio.Future[bytes | None]]]) -> Iterator[_Reads]:
    wanted = [(name, futures) for name, futures in reads.items() if not all(map(asyncio.Future.done, futures))]
    for start in range(0, len(wanted), MAX_KEYS):
        yield _Reads(wanted[start : start + MAX_KEYS])


def _cut_writes(writes: list[_Write]) -> Iterator[_Writes]:
    calls: list[_Write] = []
    size = 0
    for commands, future in writes:
        if future.done():  # cancelled before it left
            continue
        calls.append((commands, future))
        size += sum(len(argument) for command in commands for argument in command)
        if len(calls) == MAX_KEYS or size >= MAX_BYTES:
            yield _Writes(calls)
            calls, size = [], 0
    if calls:
        yield _Writes(calls)
