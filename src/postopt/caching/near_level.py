"""A level of a tiered cache that is in memory, and need not be awaited."""

from __future__ import annotations

from collections.abc import Callable

from postopt.caching.base import Entry, Key
from postopt.caching.levels import Level, Near
from postopt.errors import CacheValueError


class NearLevel(Level[Near]):
    """Calls a store in memory. What it raises counts as a fault, and goes no further.

    It has no reason to fail; but a value may raise when it is weighed, or a finalizer use the store while it changes.
    """

    def __init__(self, store: Near, number: int) -> None:
        super().__init__(store, number)
        self._owes_all = False
        self._is_behind = False  # whether anything is owed, for the sake of `get_nowait`

    def get_nowait(self, key: Key) -> Entry | None:
        """Return what the store holds."""
        return self._find(key, self.store.entry_nowait)

    def peek_nowait(self, key: Key) -> Entry | None:
        """Do the same for somebody who has asked before."""
        return self._find(key, self.store.peek_nowait)

    def set_nowait(self, key: Key, entry: Entry) -> None:
        """Let the store keep an entry; if it cannot, it holds no older one either."""
        try:
            self.store.set_entry_nowait(key, entry)
        except CacheValueError:
            self.refused += 1
            self.delete_nowait(key)
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            self.delete_nowait(key)

    def delete_nowait(self, key: Key) -> None:
        """Let the store forget a key."""
        if not self._did(lambda: self.store.delete_nowait(key)):
            self.owed.add(key)
            self._is_behind = True

    def invalidate_tag_nowait(self, tag: str) -> None:
        """Let the store forget the entries with a tag."""
        if not self._did(lambda: self.store.invalidate_tag_nowait(tag)):
            self.owed.add_tag(tag)
            self._is_behind = True

    def clear_nowait(self) -> None:
        """Let the store forget everything."""
        if not self._did(self.store.clear):
            self._owes_all = self._is_behind = True

    async def aclose(self) -> None:
        """Close the store, if it can be closed."""
        if aclose := getattr(self.store, "aclose", None):
            try:
                await aclose()
            except Exception as error:  # noqa: BLE001 - the others are still to be closed
                self._fault(error)

    def _find(self, key: Key, get: Callable[[Key], Entry | None]) -> Entry | None:
        if self._is_behind:
            self._catch_up()
        try:
            entry = self._checked(get(key))
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            return None
        if entry is not None and self._is_behind and (self._owes_all or self.owed.covers(key, entry.tags)):
            return None
        return entry

    def _catch_up(self) -> None:
        """Let the store forget what it is owed, as far as it does not fail again."""
        if self._owes_all:
            if not self._did(self.store.clear):
                return
            self._owes_all = False
        for tag, change in list(self.owed.tags.items()):
            if not self._did(lambda tag=tag: self.store.invalidate_tag_nowait(tag)):  # type: ignore[misc]  # a default
                return
            self.owed.settle_tag(tag, change)
        for key, change in list(self.owed.keys.items()):
            if not self._did(lambda key=key: self.store.delete_nowait(key)):  # type: ignore[misc]  # a default
                return
            self.owed.settle(key, change)
        self._is_behind = bool(self.owed)

    def _did(self, change: Callable[[], object]) -> bool:
        """Make a change, and say whether that went well."""
        try:
            change()
        except Exception as error:  # noqa: BLE001 - a store that fails must not fail its callers
            self._fault(error)
            return False
        return True
