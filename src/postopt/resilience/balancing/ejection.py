"""When a replica is left out because its calls fail, and when it may come back."""

from __future__ import annotations

import random
from math import isfinite

from postopt._checks import check_count, check_positive
from postopt.errors import shown

WINDOW = 20
"""How many of a replica's last calls its failure share is taken over (arbitrary)."""

MINIMUM_CALLS = 5
"""Calls below which a share says nothing (arbitrary): 3 of the first 5 fail by chance once in 13,000 at 2 %."""

_ALL = (1 << WINDOW) - 1


class Health:
    """What the last calls say about one replica. Pure: whoever holds it guards it with a lock.

    Attributes:
        epoch: counts ejections and returns. The result of a call that was sent in an older epoch says nothing about
            the present one.
        out_until: when an ejected replica may be tried, by the balancer's clock; None if it is not ejected.
        on_trial: one call is trying an ejected replica.
        failing: it should be out, but too many others are.
        ejections: how often in a row it was ejected; how long it stays out grows with it.
    """

    __slots__ = (
        "_back_at", "_ended_before", "_history", "_seconds", "_streak", "ejections", "epoch", "failing", "on_trial",
        "out_until",
    )  # fmt: skip

    def __init__(self) -> None:
        self.epoch = 0
        self.out_until: float | None = None
        self.on_trial = False
        self.failing = False
        self.ejections = 0
        self._streak = 0
        self._history = 0  # one bit a call, the last one lowest; 1 is a failure
        self._ended_before = 0
        self._seconds = 0.0
        self._back_at = 0.0

    @property
    def quiet(self) -> bool:
        """Nothing speaks against the replica: its successes need not be noted."""
        return self._history == 0 and self.out_until is None

    def take_success(self) -> None:
        """Note an answer; while all is `quiet` nobody needs to."""
        self._streak = 0
        self._history = self._history << 1 & _ALL

    def take_failure(self) -> None:
        """Note a failure."""
        self._streak += 1
        self._history = (self._history << 1 | 1) & _ALL

    def fails(self, rules: Ejection, ended: int) -> bool:
        """Tell whether the replica should be out; `ended` calls of it were answered or failed so far."""
        if self._streak >= rules.failures:
            return True
        seen = min(ended - self._ended_before, WINDOW)
        return seen >= MINIMUM_CALLS and self._history.bit_count() >= rules.share * seen

    def eject(self, rules: Ejection, now: float, retry_after: float | None) -> None:
        """Leave the replica out from `now` on."""
        # One that held for as long as it had been out is well again: the next time starts from the beginning.
        relapsed = self.out_until is not None or now - self._back_at < self._seconds
        self.ejections = self.ejections + 1 if relapsed else 1
        self._seconds = rules.duration(self.ejections, retry_after)
        self.out_until = now + self._seconds
        self.epoch += 1
        self.on_trial = self.failing = False

    def restore(self, now: float, ended: int) -> None:
        """Let the replica back in, with nothing held against it; `ended` as for `fails`."""
        self.out_until = None
        self.epoch += 1
        self.on_trial = self.failing = False
        self._streak = self._history = 0
        self._ended_before = ended
        self._back_at = now


class Ejection:
    """The rules of outlier ejection, after Envoy's: who is out, for how long, and how many at most.

    A replica is out after `failures` in a row, or once `share` of its last calls failed (of the last 20; 5 at least).
    The k-th time in a row it stays out for k times `seconds`, at most `max_seconds`, plus up to a tenth of that by
    chance so that replicas do not come back together; a provider's retry-after can make it longer within that limit.

    Args:
        failures: in a row.
        share: of the last calls.
        seconds: of the first ejection.
        max_seconds: of any.
        max_share: of the replicas that may be out at the same time; one always stays.
        rng: draws the jitter.

    Raises:
        ValueError: an argument is none of those.
    """

    def __init__(
        self, *, failures: int, share: float, seconds: float, max_seconds: float, max_share: float, rng: random.Random
    ) -> None:
        self.failures = check_count("eject_failures", failures)
        self.share = check_share("eject_share", share)
        self.seconds = check_positive("eject_seconds", seconds, "seconds")
        self.max_seconds = check_positive("max_eject_seconds", max_seconds, "seconds")
        if self.max_seconds < self.seconds:
            raise ValueError(
                f"max_eject_seconds is {shown(max_seconds)}; eject_seconds or more, {self.seconds:g}, is needed"
            )
        self.max_share = check_share("max_ejected_share", max_share)
        self._rng = rng

    def limit(self, replicas: int) -> int:
        """Return how many of so many replicas may be out at the same time."""
        return max(0, min(int(replicas * self.max_share), replicas - 1))

    def duration(self, ejections: int, retry_after: float | None) -> float:
        """Return the seconds of the `ejections`-th ejection in a row."""
        seconds = self.seconds * ejections
        if isinstance(retry_after, int | float) and isfinite(retry_after):  # it comes from outside
            seconds = max(seconds, retry_after)
        return min(seconds, self.max_seconds) * (1 + 0.1 * self._rng.random())


def check_share(name: str, value: object) -> float:
    """Return a share, more than 0 and at most 1; raises ValueError for anything else."""
    share = check_positive(name, value, "shares of at most 1")
    if share > 1:
        raise ValueError(f"{name} is {shown(value)}; shares of at most 1, more than zero, are needed")
    return share
