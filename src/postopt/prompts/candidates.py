"""Where candidates come from, and which of them wait for a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from postopt.errors import GenerationError
from postopt.prompts.checks import Checks
from postopt.prompts.edits import Edits
from postopt.prompts.ledger import PromptLedger
from postopt.prompts.lineage import PatternLike, Version
from postopt.prompts.proposers import Proposer
from postopt.prompts.screening import Screen, Screened
from postopt.prompts.sieve import Sifted, sift
from postopt.prompts.stages import Progress, Waiting

_DAY = 86_400
_EDITS_AT_ONCE = 4  # about one of each kind that `Edits` makes; arbitrary


class Miner(Protocol):
    """Knows patterns; `PatternMiner` does."""

    @property
    def patterns(self) -> Sequence[PatternLike]:
        """All of them, whatever their status."""
        ...


class Candidates:
    """Collects proposals, keeps those that pass, and remembers those that do not; see `PromptOptimizer`.

    Args:
        ledger: where it is kept.
        base: the host's prompt; a candidate where another one is in production.
        miner: whose patterns become edits, or None.
        edits: makes edits of them.
        proposers: are asked in `ask`.
        checks: what no candidate may do.
        screen: ranks them in `ask`, or None.
        most: candidates that are tried at one time.
        calls_per_day: of language models by proposers.
    """

    def __init__(
        self,
        ledger: PromptLedger,
        base: Version,
        *,
        miner: Miner | None,
        edits: Edits,
        proposers: Sequence[Proposer],
        checks: Checks,
        screen: Screen | None,
        most: int,
        calls_per_day: int,
    ) -> None:
        self._ledger = ledger
        self._base = base
        self._miner = miner
        self._edits = edits
        self._proposers = tuple(proposers)
        self._checks = checks
        self._screen = screen
        self._most = most
        self._calls_per_day = calls_per_day

    @property
    def spent_usd(self) -> float:
        """What proposers have spent, as far as they say."""
        return sum(getattr(proposer, "spent_usd", 0.0) for proposer in self._proposers)

    def edit(self, now: float) -> Sequence[str]:
        """Propose the host's prompt and our own edits; for whoever is within a transaction. Returns words."""
        progress = self._ledger.progress()
        present = self._ledger.versions.get(progress.production)
        proposals = (self._base, *self._edits.edits(present, self._patterns(), _EDITS_AT_ONCE))
        return self._take(self._sifted(proposals, progress), (), progress.production, now)

    def offer(self, proposal: Version, now: float) -> Sequence[str]:
        """Propose one version; for whoever is within a transaction. Returns words."""
        progress = self._ledger.progress()
        sifted = sift([proposal], progress, self._ledger, self._checks, by_hand=True)
        if not (sifted.kept or sifted.refused):
            known = "it is or was in production, waits, is being tried, or was refused or rolled back before"
            return (f"Prompt {proposal.short} is known: {known}.",)
        return self._take(sifted, (), progress.production, now)

    async def ask(self, now: float) -> Sequence[str]:
        """Do what `PromptOptimizer.propose` says."""
        day = int(now // _DAY)
        with self._ledger.store.transaction():
            progress = self._ledger.progress()
            if len(progress.waiting) >= self._most:
                return ()
            left = max(0, self._calls_per_day - progress.asked_on(day))
            each = left // max(1, len(self._proposers))
            # Counted before they are made: a process that dies in the midst cannot make them again.
            self._ledger.keep(progress.with_asked(day, each * len(self._proposers)), now)
        present = self._ledger.versions.get(progress.production)
        proposals, failures = await self._proposals(present, each)
        if self._proposers and not each:
            failures.append(f"Nobody was asked: {left} of the {self._calls_per_day} calls of this day are left.")
        sifted = self._sifted(proposals, progress)
        verdicts: Sequence[Screened] = ()
        if self._screen is not None and sifted.kept:
            try:
                verdicts = await self._screen.screen([one.template for one in sifted.kept], present.template)
            except GenerationError as error:
                failures.append(f"The candidates were not screened: {error}")
        return (*failures, *self._take(sifted, verdicts, progress.production, now))

    async def _proposals(self, present: Version, each: int) -> tuple[list[Version], list[str]]:
        """Return our own edits and what proposers think of, and who failed."""
        patterns = self._patterns()
        confirmed = [pattern for pattern in patterns if pattern.status == "confirmed"]
        proposals, failures = list(self._edits.edits(present, patterns, _EDITS_AT_ONCE)), []
        for proposer in self._proposers if each else ():
            try:
                proposals += await proposer.propose(present, confirmed, each)
            except GenerationError as error:
                failures.append(f"{proposer.name} proposed nothing: {error}")
        return proposals, failures

    def _patterns(self) -> Sequence[PatternLike]:
        return () if self._miner is None else tuple(self._miner.patterns)

    def _sifted(self, proposals: Iterable[Version], progress: Progress) -> Sifted:
        return sift(proposals, progress, self._ledger, self._checks)

    def _take(self, sifted: Sifted, verdicts: Iterable[Screened], production: str, now: float) -> tuple[str, ...]:
        """Keep what was proposed: some waits, some is refused; unless production has changed meanwhile."""
        by_version = {verdict.version: verdict for verdict in verdicts}
        waiting, refused, words = [], [version.version for version, _ in sifted.refused], list(sifted.words)
        with self._ledger.store.transaction():
            progress = self._ledger.progress()
            if progress.production != production:
                return ("Production changed while candidates were thought of: they were made of the former prompt.",)
            for version in (*sifted.kept, *(version for version, _ in sifted.refused)):
                self._ledger.versions.add(version, now)
            for version in sifted.kept:
                verdict = by_version.get(version.version, Screened(version.version))
                if verdict.reasons:
                    refused.append(version.version)
                    words.append(f"Prompt {version.short} was refused: {' '.join(verdict.reasons)}")
                else:
                    waiting.append(Waiting(version.version, verdict.score))
                    words.append(f"Prompt {version.short} by {version.proposer} waits for a test: {version.change}")
            self._ledger.keep(progress.with_waiting(waiting).with_refused(refused), now)
        return tuple(words)
