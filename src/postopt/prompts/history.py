"""All versions of an optimizer's prompts, in an experiment store."""

from __future__ import annotations

from dataclasses import replace

from postopt.errors import UnknownPromptError, shown
from postopt.experiments.store import ExperimentStore
from postopt.prompts.lineage import Version

_KIND = "prompt"


class PromptHistory:
    """Keeps each version once, as it was first seen: who made it, out of what and why.

    Args:
        store: where.
        name: of the optimizer whose prompts these are.
    """

    def __init__(self, store: ExperimentStore, name: str) -> None:
        self._store = store
        self._prefix = f"{name}\x1f"  # which no printable name holds: "a" does not find the versions of "a/b"
        self._read: dict[str, Version] = {}

    def add(self, version: Version, at: float) -> bool:
        """Keep a version, seen at `at` (seconds since the epoch); one that was there stays as it is: then False."""
        key = self._prefix + version.version
        if self._store.get(_KIND, key) is not None:
            return False
        self._store.put(_KIND, key, replace(version, at=at).to_dict(), at)
        return True

    def get(self, version: str) -> Version:
        """Return a version by its name or by the beginning of it.

        Raises:
            UnknownPromptError: no version begins like that, or several do.
        """
        found = self._read.get(version)
        if found is None:
            data = self._store.get(_KIND, self._prefix + version)
            found = self._by_beginning(version) if data is None else Version.from_mapping(data)
            # A version never changes, so it need not be read again.
            self._read = {**self._read, found.version: found} if len(self._read) < 1000 else {found.version: found}
        return found

    def all(self) -> tuple[Version, ...]:
        """Return all versions, the oldest first."""
        documents = self._store.all(_KIND)
        mine = [Version.from_mapping(data) for key, data in documents.items() if key.startswith(self._prefix)]
        return tuple(sorted(mine, key=lambda version: (version.at, version.version)))

    def path(self, before: str, after: str) -> tuple[Version, ...]:
        """Return the versions that lead from one to another, without the first; only the last if nothing does."""
        last = self.get(after)
        goal = self.get(before).version
        routes: list[tuple[Version, ...]] = [(last,)]
        seen = {last.version}
        for route in routes:  # it grows: breadth first, so that the shortest way is found
            for parent in route[0].parents:
                if parent == goal:
                    return route
                if parent not in seen:
                    seen.add(parent)
                    routes.append((self.get(parent), *route))
        return (last,)

    def _by_beginning(self, beginning: str) -> Version:
        found = [version for version in self.all() if version.version.startswith(beginning)] if beginning else []
        if len(found) != 1:
            what = "no prompt has" if not found else f"{len(found)} prompts have"
            raise UnknownPromptError(f"{what} a version that begins with {shown(beginning)}")
        return found[0]
