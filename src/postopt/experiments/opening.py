"""Names for what has none of its own, that no other process gives."""

from __future__ import annotations

import os

from postopt.experiments.store import ExperimentStore


class Opening:
    """Numbers the reports of one object: by a number that the store gives once, and one that rises.

    Args:
        store: that counts the openings.
        name: of the experiment.
    """

    def __init__(self, store: ExperimentStore, name: str) -> None:
        self._store = store
        self._name = name
        self._opening = 0
        self._process: int | None = None
        self._last = 0

    def next_id(self, at: float) -> str:
        """Return an id that no other object gives: of this process, of another one, or the child of a fork."""
        if self._process != os.getpid():
            with self._store.transaction():
                self._opening = int(self._store.get("opening", self._name) or 0) + 1
                self._store.put("opening", self._name, self._opening, at)
            self._process, self._last = os.getpid(), 0
        self._last += 1
        return f"{self._name}/{self._opening}/{self._last}"
