"""A pattern: a feature of texts that goes with success, and how far that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from postopt.errors import shown
from postopt.quality.readable import Feature, read
from postopt.stats.interval import Interval

Status: TypeAlias = Literal["proposed", "confirmed", "retired", "denied"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is known of one feature.

    Attributes:
        name: of the feature.
        status: "proposed" (found in the contrasts it was looked for in), "confirmed" (found again in later ones),
            "retired" (later ones contradict it, or it is too long ago) or "denied" (found, but not to be used).
        lift: relative change of the odds of a success with the feature, .10 for 10 % more. Of a proposed pattern it is
            what it was found by, pulled towards 0, since the largest of many estimates are too large; once there is
            later evidence it is that alone.
        interval: of the lift, at the miner's alpha.
        n: contrasts in which the feature varies, of the evidence that `lift` rests on.
        proposed_at: when it was, in seconds since the epoch, or None if nobody said; likewise the next two.
        confirmed_at: when it was last confirmed.
        retired_at: when it was retired.
        reason: why it has this status, in words.
    """

    name: str
    status: Status
    lift: float
    interval: Interval
    n: int
    proposed_at: float | None
    confirmed_at: float | None
    retired_at: float | None
    reason: str
    _feature: Feature
    _language: str | None

    def matches(self, text: str) -> bool:
        """Return whether a text has the feature.

        Raises:
            ValueError: `text` is no str.
        """
        if not isinstance(text, str):
            raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
        return self._feature.holds(read(text, self._language))

    def explain(self) -> str:
        """Return what is known in one sentence."""
        low, high = self.interval[:2]
        dates = "".join(
            f", {what} {datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
            for what, at in (
                ("proposed", self.proposed_at),
                ("confirmed", self.confirmed_at),
                ("retired", self.retired_at),
            )
            if at is not None
        )
        return (
            f"A text that {self._feature.says} ({self.name}): {100 * self.lift:+.1f} % odds of a success, interval "
            f"{100 * low:+.1f} to {100 * high:+.1f} %, from {self.n} contrasts. {self.status.capitalize()}: "
            f"{self.reason}{dates}."
        )

    def __str__(self) -> str:
        return self.explain()
