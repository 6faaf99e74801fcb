"""Which of many proposals are kept as candidates, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from postopt.prompts.checks import Checks
from postopt.prompts.ledger import PromptLedger
from postopt.prompts.lineage import Version
from postopt.prompts.stages import Progress


class Sifted(NamedTuple):
    """Proposals after the hard checks.

    Attributes:
        kept: those that nothing speaks against, in the order given.
        refused: those that something speaks against, each with the reasons; ones refused before are left out.
    """

    kept: tuple[Version, ...]
    refused: tuple[tuple[Version, tuple[str, ...]], ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Each refusal in words."""
        return tuple(
            f"Prompt {version.short} by {version.proposer} was refused: {' '.join(reasons)}"
            for version, reasons in self.refused
        )


def sift(
    proposals: Iterable[Version], progress: Progress, ledger: PromptLedger, checks: Checks, *, by_hand: bool = False
) -> Sifted:
    """Check proposals against the prompt in production, and against all that was tried, refused or is waiting.

    A person may propose once more what was tried and not shown to be worse.
    """
    present = ledger.versions.get(progress.production)
    known = _known(progress, () if by_hand else progress.tried)
    earlier = [ledger.versions.get(version).template for version in known]
    kept: list[Version] = []
    refused = []
    for proposal in proposals:
        if proposal.version in known or proposal.version == present.version:
            continue
        reasons = checks(proposal.template, present.template, (*earlier, *(one.template for one in kept)))
        if reasons:
            refused.append((proposal, reasons))
        else:
            kept.append(proposal)
    return Sifted(tuple(kept), tuple(refused))


def _known(progress: Progress, tried: Sequence[str]) -> Sequence[str]:
    waiting = (one.version for one in progress.waiting)
    return tuple(dict.fromkeys((*progress.refused, *tried, *progress.past, *progress.arms, *waiting)))
