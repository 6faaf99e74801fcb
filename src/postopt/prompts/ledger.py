"""Where a prompt optimizer's progress, versions and changes are kept: documents in an experiment store."""

from __future__ import annotations

from postopt.experiments.store import ExperimentStore
from postopt.prompts.changes import Change
from postopt.prompts.history import PromptHistory
from postopt.prompts.lineage import Version
from postopt.prompts.stages import Progress

_PROGRESS = "prompts"
_CHANGES = "prompt change"


class PromptLedger:
    """Reads and writes what is known of one optimizer's prompts.

    Nothing is kept in memory but versions, which never change: what another process writes, this one reads at once.
    Whoever changes something does so within `store.transaction()`, reading first.

    Args:
        store: where.
        base: the prompt to begin with, where the store knows none.
        name: of the optimizer.
    """

    def __init__(self, store: ExperimentStore, base: Version, name: str) -> None:
        self.store = store
        self.versions = PromptHistory(store, name)
        self._base = base
        self._name = name

    def progress(self) -> Progress:
        """Return how far it has come; the first call of all begins with the base prompt."""
        data = self.store.get(_PROGRESS, self._name)
        if data is not None:
            return Progress.from_mapping(data)
        with self.store.transaction():
            data = self.store.get(_PROGRESS, self._name)  # another process may have begun since
            if data is not None:
                return Progress.from_mapping(data)
            progress = Progress(production=self._base.version)
            self.versions.add(self._base, self._base.at)
            self.keep(progress, self._base.at)
        return progress

    def keep(self, progress: Progress, at: float) -> None:
        """Write how far it has come."""
        self.store.put(_PROGRESS, self._name, progress.to_dict(), at)

    def note(self, change: Change) -> None:
        """Write down a change of production."""
        self.store.put(_CHANGES, self._name, change.to_dict(), change.at)

    def changes(self) -> tuple[Change, ...]:
        """Return all changes of production, the oldest first."""
        return tuple(Change.from_mapping(found.value) for found in self.store.history(_CHANGES, self._name))
