"""The seam between the optimizer and whatever thinks of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from postopt.prompts.lineage import PatternLike, Version


class Proposer(Protocol):
    """Makes candidates out of the present prompt. What it returns is checked and tried, and promotes nothing.

    Attributes:
        name: as the lineage of its candidates calls it.
    """

    name: str

    async def propose(self, present: Version, patterns: Sequence[PatternLike], limit: int) -> Sequence[Version]:
        """Return at most `limit` candidates, the most promising first; none is a fair answer.

        `patterns` are the confirmed ones. It asks language models at most `limit` times. Cancelling it cancels its
        work.

        Raises:
            GenerationError: nobody answered; the optimizer goes on without.
        """
        ...
