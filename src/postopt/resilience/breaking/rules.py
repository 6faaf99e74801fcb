"""When a breaker has seen too many failures."""

from __future__ import annotations

from dataclasses import dataclass

from postopt._checks import check_count, check_positive
from postopt.resilience.breaking.share import check_share
from postopt.resilience.outcome import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What opens a circuit: any one of three rules, each on its own.

    Successes, failures and slow calls count; the others never do. A slow call counts to `slow_rate`, and is neither
    failure nor success to the other rules. Without a `slow_rate` it counts as a failure.

    Attributes:
        failure_threshold: so many failures in a row open it; None for never.
        failure_rate: this share of failures among the last calls opens it; None for never.
        slow_rate: this share of slow calls among the last calls opens it; None for no rule of their own.
        minimum_calls: fewer calls than these show no share. A smaller `window` makes it smaller.
        window: how many calls the last calls are.
        window_seconds: the last calls are those of so many seconds instead; None for the number.
        slow_call_seconds: what takes longer is slow; None if nothing is.
        slow_gap_seconds: a stream that makes wait longer for its next item is slow; None if none is.
    """

    failure_threshold: int | None
    failure_rate: float | None
    slow_rate: float | None
    minimum_calls: int
    window: int
    window_seconds: float | None
    slow_call_seconds: float | None
    slow_gap_seconds: float | None

    def __post_init__(self) -> None:
        for name in ("failure_threshold", "minimum_calls", "window"):
            if name != "failure_threshold" or self.failure_threshold is not None:
                check_count(name, getattr(self, name))
        for name in ("failure_rate", "slow_rate"):
            if getattr(self, name) is not None:
                check_share(name, getattr(self, name))
        for name in ("window_seconds", "slow_call_seconds", "slow_gap_seconds"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), "seconds")

    @property
    def timed(self) -> bool:
        """Whether any of the rules has to know when calls began or ended."""
        return any(s is not None for s in (self.window_seconds, self.slow_call_seconds, self.slow_gap_seconds))

    @property
    def enough(self) -> int:
        """How many calls show a share."""
        return self.minimum_calls if self.window_seconds is not None else min(self.minimum_calls, self.window)

    @property
    def shares(self) -> bool:
        """Whether any rule is about a share."""
        return self.failure_rate is not None or self.slow_rate is not None

    def fails(self, kind: Kind) -> bool:
        """Tell whether a call of this kind counts as a failure."""
        return kind == "failure" or (kind == "slow" and self.slow_rate is None)

    def too_many_in_a_row(self, failures: int) -> bool:
        """Tell whether so many failures in a row are too many."""
        return self.failure_threshold is not None and failures >= self.failure_threshold

    def too_large_a_share(self, calls: int, failures: int, slow: int) -> bool:
        """Tell whether among so many calls there are too many failures, or too many slow ones."""
        if calls < self.enough:
            return False
        # Divided, not multiplied: 11 / 20 is the float 0.55, and 0.55 * 20 is more than 11.
        return (self.failure_rate is not None and failures / calls >= self.failure_rate) or (
            self.slow_rate is not None and slow / calls >= self.slow_rate
        )
