"""What belongs to an event loop, for objects that are used in several."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

from postopt.resilience.locks import new_lock

T = TypeVar("T")

# What a fork copied from its parent stays for ever: if it were collected, it would close its connections, and that
# would take the parent's out of the parent's selector, which both share.
_inherited: list[object] = []


class EachLoop(Generic[T]):
    """Makes an object for each event loop it is used in, at the first use, and closes it with that loop.

    Any number of loops may live at once, in as many threads. A loop that ends as `asyncio.run` ends it (that is, with
    `shutdown_asyncgens`) closes its object itself; what a loop leaves behind that is closed without that is abandoned
    when another loop's is made. The child of a fork has none of its parent's.

    Args:
        make: makes one, called in its loop.
        close: closes one, called in its loop.
        abandon: closes one whose loop is closed, wherever that is noticed.
    """

    def __init__(
        self, make: Callable[[], T], close: Callable[[T], Awaitable[object]], abandon: Callable[[T], object]
    ) -> None:
        self._make = make
        self._close = close
        self._abandon = abandon
        self._held: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None, None]]] = {}
        self._pid = os.getpid()
        self._lock = new_lock()

    async def get(self) -> T:
        """Return the object of the running loop."""
        held = self._held.get(asyncio.get_running_loop())
        if held is not None and self._pid == os.getpid():
            return held[0]
        return await self._open()

    async def aclose(self) -> None:
        """Close the objects of all running loops, and wait for this loop's; `get` makes new ones.

        A loop that stands still closes its own when it ends.
        """
        here = asyncio.get_running_loop()
        with self._lock:
            self._forget_parent()
            held = {loop: keeper for loop, (_, keeper) in self._held.items() if loop.is_running()}
            for loop in held:
                del self._held[loop]
        self._abandon_closed()
        for loop, keeper in held.items():
            if loop is here:
                await keeper.aclose()
            else:
                asyncio.run_coroutine_threadsafe(keeper.aclose(), loop)

    async def _open(self) -> T:
        loop = asyncio.get_running_loop()
        made = self._make()
        keeper = self._keep(loop, made)
        await anext(keeper)  # lets no other task in between: it waits for nothing
        with self._lock:
            self._forget_parent()
            self._held[loop] = made, keeper
        self._abandon_closed()
        return made

    async def _keep(self, loop: asyncio.AbstractEventLoop, made: T) -> AsyncGenerator[None, None]:
        """Close what was made when this generator is closed, which the loop does at its own end."""
        try:
            yield
        finally:
            with self._lock:
                if (held := self._held.get(loop)) is not None and held[0] is made:
                    del self._held[loop]
            await self._close(made)

    def _abandon_closed(self) -> None:
        with self._lock:
            closed = [loop for loop in self._held if loop.is_closed()]
            abandoned = [self._held.pop(loop)[0] for loop in closed]
        for each in abandoned:
            self._abandon(each)

    def _forget_parent(self) -> None:
        if self._pid != os.getpid():
            _inherited.append(self._held)
            self._held, self._pid = {}, os.getpid()
