"""What the past experiments of a store teach, learned once for all experiments on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from postopt.experiments.priors import Priors
from postopt.experiments.records import Group
from postopt.experiments.store import ExperimentStore
from postopt.experiments.usual import Usual

_AGAIN = 1.1  # learned again when there are so many times the groups: a tenth more changes little (arbitrary)

_learned: WeakKeyDictionary[ExperimentStore, Past] = WeakKeyDictionary()
_lock = threading.Lock()


class Past:
    """Past experiments, and how they usually go.

    Attributes:
        groups: (text, n, successes) of the arms of each.
        usual: rate, length and spread of lifts; see `Usual`.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.usual = Usual.learn(groups)
        self._priors: Priors | None = None

    @property
    def priors(self) -> Priors:
        """What it teaches about arms before their first outcome; learned when it is first asked for."""
        if self._priors is None:
            self._priors = Priors.learn(self.groups)
        return self._priors

    @classmethod
    def of(cls, store: ExperimentStore) -> Past:
        """Return what this store's past teaches; thread-safe.

        It is learned anew once a tenth more groups are there, and not with each, because it takes longer than many
        assignments.
        """
        groups = store.past()
        with _lock:
            past = _learned.get(store)
            if past is None or not len(past.groups) <= len(groups) < max(len(past.groups) * _AGAIN, 1):
                past = _learned[store] = cls(groups)
            return past
