"""Where a balancer learns which replicas there are: a list, DNS, or anything that can be asked again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar

from postopt._checks import check_callable, check_count, check_positive
from postopt.errors import shown

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Resolve: TypeAlias = Callable[..., Awaitable[Iterable[tuple[Any, ...]]]]
"""Called and answering as `loop.getaddrinfo`, whose rows end in an address that begins with host and port."""


class Discovery(Protocol[T_co]):
    """Says which replicas there are."""

    @property
    def replicas(self) -> tuple[T_co, ...]:
        """The replicas as last known, without waiting: the same tuple until something changes."""
        ...


class Static(Generic[T]):
    """Replicas that never change.

    Raises:
        ValueError: there is none.
    """

    def __init__(self, replicas: Iterable[T]) -> None:
        self.replicas = tuple(replicas)
        if not self.replicas:
            raise ValueError("replicas is empty; at least one is needed")

    def __repr__(self) -> str:
        return f"Static({len(self.replicas)} replicas)"


class Polled(Generic[T]):
    """Asks again and again which replicas there are, and keeps the last good answer.

    An answer that is empty, an error, and a question that takes longer than `timeout` are counted and change nothing:
    a list that was good a moment ago is better than none. A question that hangs is waited for, at most `timeout` at a
    time, before the next is asked.

        async with Polled(find, every_seconds=5.0) as found:
            balancer = Balancer(found)

    Entering asks once, and does not fail if that does: `replicas` is empty then, until an answer comes. Leaving, or
    `aclose`, ends the asking and keeps the list. The asking belongs to one event loop; `replicas` may be read from
    anywhere.

    Attributes:
        replicas: the last good answer, each replica once, in the order of the answer when it last changed.
        failures: questions without a good answer.
        last_error: the type of the last question's error, or "" if it was answered.

    Args:
        find: asks, and returns all replicas there are.
        every_seconds: from one answer to the next question (30 is arbitrary).
        timeout: seconds that an answer may take (5 is arbitrary).

    Raises:
        ValueError: a time is not more than zero.
    """

    def __init__(
        self, find: Callable[[], Awaitable[Iterable[T]]], *, every_seconds: float = 30.0, timeout: float = 5.0
    ) -> None:
        check_callable("find", find, "is asked and awaited for the replicas")
        self.replicas: tuple[T, ...] = ()
        self.failures = 0
        self.last_error = ""
        self._find = find
        self._every_seconds = check_positive("every_seconds", every_seconds, "seconds")
        self._timeout = check_positive("timeout", timeout, "seconds")
        self._question: asyncio.Task[dict[T, None]] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._asking is None:
            try:
                await self.refresh()
            except asyncio.CancelledError:
                await self.aclose()
                raise
            self._asking = asyncio.create_task(self._ask_again())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def refresh(self) -> bool:
        """Ask once, now; return whether there was a good answer."""
        if self._question is None:
            self._question = asyncio.create_task(self._ask())
        question = self._question
        done, _ = await asyncio.wait({question}, timeout=self._timeout)
        if not done:
            return self._take_failure("TimeoutError")
        if self._question is question:
            self._question = None
        if question.cancelled():
            return self._take_failure("CancelledError")
        if (error := question.exception()) is not None:
            return self._take_failure(type(error).__name__)
        found = question.result()
        if not found:
            return self._take_failure("no replica")
        self.last_error = ""
        if found.keys() != set(self.replicas):
            self.replicas = tuple(found)
        return True

    async def aclose(self) -> None:
        """End the asking, and wait until it has ended; doing it again has no effect."""
        tasks = {task for task in (self._asking, self._question) if task is not None}
        self._asking = self._question = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self) -> dict[T, None]:
        return dict.fromkeys(await self._find())  # a set that keeps its order

    async def _ask_again(self) -> None:
        while True:
            await asyncio.sleep(self._every_seconds)
            await self.refresh()

    def _take_failure(self, reason: str) -> bool:
        self.failures += 1
        self.last_error = reason
        return False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a replica listens."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """The address as a URL has it: "10.0.0.1:8000", "[::1]:8000"."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.name


class DNS(Polled[Address]):
    """All addresses that a name has, looked up again every few seconds.

    Attributes and laws are those of `Polled`. A replica is an `Address`; whoever calls it makes a URL of it.

    Args:
        host: the name.
        port: on which every address listens.
        every_seconds: between look-ups (30 is arbitrary); the operating system does not tell how long an answer holds.
        timeout: seconds that a look-up may take (5 is arbitrary).
        resolve: looks up, as `loop.getaddrinfo`, which is the default: in a thread, by the system's resolver.

    Raises:
        ValueError: `host` is empty, `port` no port, or a time not more than zero.
    """

    def __init__(
        self, host: str, port: int, *, every_seconds: float = 30.0, timeout: float = 5.0, resolve: Resolve | None = None
    ) -> None:
        if not host or not isinstance(host, str):
            raise ValueError(f"host is {shown(host)}; a name is needed, such as 'models.example.com'")
        if check_count("port", port) > 65535:
            raise ValueError(f"port is {shown(port)}; an int from 1 to 65535 is needed")
        super().__init__(self._look_up, every_seconds=every_seconds, timeout=timeout)
        self._host = host
        self._port = port
        self._resolve = resolve

    async def _look_up(self) -> list[Address]:
        resolve = self._resolve or asyncio.get_running_loop().getaddrinfo
        rows = await resolve(self._host, self._port, type=socket.SOCK_STREAM)
        return [Address(row[4][0], row[4][1]) for row in rows]

    def __repr__(self) -> str:
        return f"DNS({self._host!r}, {self._port})"
