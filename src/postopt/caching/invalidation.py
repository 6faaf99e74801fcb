"""How copies in the memory of one process learn that another process changed what they are copies of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from operator import methodcaller
from typing import Protocol

from postopt.caching.base import Key
from postopt.caching.remote.link import Subscriber
from postopt.caching.remote.naming import Names, text_of
from postopt.caching.remote.resp import Push


class Listener(Protocol):
    """Keeps copies of what a store holds, and drops them when it is told to.

    Called in the event loop of the store, between two steps of other tasks; what it raises goes to the loop's exception
    handler. A message may overtake the answer to a call that is under way. So whoever is about to keep a copy of what
    it read or wrote keeps none if the key, one of its tags or everything was invalidated since that call began.
    """

    def invalidate(self, keys: Collection[Key]) -> None:
        """Drop the copies of these keys: somebody else set or deleted them, or they ended."""
        ...

    def invalidate_tag(self, tag: str) -> None:
        """Drop the copies of all entries with this tag."""
        ...

    def invalidate_all(self) -> None:
        """Drop all copies: what changed cannot be told, or messages may have been missed."""
        ...


class Feed(Subscriber):
    """Has Redis report every change in a namespace, and passes it on.

    Redis does the reporting (`CLIENT TRACKING` with BCAST and NOLOOP, Redis 6): a change and its message are one, so no
    writer can make the one without the other, neither by crashing in between nor by being another program; and a flush
    of the database is reported too. What this connection changed itself is not, unless a script did.

    Names that hold a digest (`Names`) do not say which key changed; then everything is invalidated.
    """

    def __init__(self, names: Names) -> None:
        self._values = names.values
        self._tags = names.tags
        self._listeners: list[Listener] = []
        self._open = False
        prefixes = (b"PREFIX", names.values, b"PREFIX", names.tags)
        self.greeting = [(b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"NOLOOP", *prefixes)]

    def add(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listeners.append(listener)
        if self._open:
            listener.invalidate_all()  # its copies are from before

    def opened(self) -> None:
        """Distrust all copies: while there was no connection, nobody reported."""
        self._open = True
        self._invalidate_all()

    def lost(self) -> None:
        """Distrust all copies: from now on nobody reports."""
        self._open = False
        self._invalidate_all()

    def pushed(self, message: Push) -> None:
        """Pass on what changed."""
        names: Collection[bytes] | None = message[1]  # behind "invalidate", the only kind there is here
        if names is None:  # the database was flushed
            self._invalidate_all()
            return
        keys: list[Key] = []
        tags: list[str] = []
        for name in names:
            texts, prefix = (keys, self._values) if name.startswith(self._values) else (tags, self._tags)
            text = text_of(name[len(prefix) :])
            if text is None:
                self._invalidate_all()
                return
            texts.append(text)
        if keys:
            self._tell(methodcaller("invalidate", keys))
        for tag in tags:
            self._tell(methodcaller("invalidate_tag", tag))

    def _invalidate_all(self) -> None:
        self._tell(methodcaller("invalidate_all"))

    def _tell(self, what: Callable[[Listener], None]) -> None:
        for listener in self._listeners:
            try:
                what(listener)
            except Exception as error:  # noqa: BLE001 - the others have to hear of it all the same
                report = {"message": f"{type(listener).__name__} failed to invalidate", "exception": error}
                asyncio.get_running_loop().call_exception_handler(report)
