"""A level of a cache that misbehaves when the test says so."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypeAlias, cast, get_args

from postopt.caching.base import Entry, Key, Store
from postopt.errors import StoreError

StoreFault: TypeAlias = Literal["ok", "error", "raise", "hang", "garbage"]


class FaultyStore:
    """A store that passes calls on to another one, or fails them, as its `fault` says at the moment.

    The faults, each of which a cache has to survive:
        - "ok": none.
        - "error": StoreError, as from a server that is gone.
        - "raise": RuntimeError, as from a bug.
        - "hang": no answer until the fault is another one, or cancellation; then the call goes through.
        - "garbage": `get` returns what is no Entry; other calls go through.

    Attributes:
        fault: what the next calls do; calls that hang look again when it is set.
        calls: names of all calls so far ("get", "set", "delete", "invalidate_tag").

    Args:
        store: who answers.
        fault: to begin with.
    """

    def __init__(self, store: Store, fault: StoreFault = "ok") -> None:
        self.calls: list[str] = []
        self._store = store
        self._changed = asyncio.Event()
        self.fault = fault

    @property
    def fault(self) -> StoreFault:
        """What the next calls do."""
        return self._fault

    @fault.setter
    def fault(self, fault: StoreFault) -> None:
        if fault not in get_args(StoreFault):
            raise ValueError(f"fault is {fault!r}; allowed: {', '.join(get_args(StoreFault))}")
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    async def get(self, key: Key) -> Entry | None:
        """See `Store`."""
        await self._suffer("get")
        if self._fault == "garbage":
            return cast("Entry", {"value": "garbage"})
        return await self._store.get(key)

    async def set(self, key: Key, entry: Entry) -> None:
        """See `Store`."""
        await self._suffer("set")
        await self._store.set(key, entry)

    async def delete(self, key: Key) -> None:
        """See `Store`."""
        await self._suffer("delete")
        await self._store.delete(key)

    async def invalidate_tag(self, tag: str) -> None:
        """See `Store`."""
        await self._suffer("invalidate_tag")
        store: Any = self._store
        await store.invalidate_tag(tag)

    async def _suffer(self, call: str) -> None:
        self.calls.append(call)
        while self._fault == "hang":
            await self._changed.wait()
        if self._fault == "error":
            raise StoreError("planned fault")
        if self._fault == "raise":
            raise RuntimeError("planned fault")
