"""What has become of a breaker's calls, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from postopt.resilience.breaking.machine import State


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMetrics:
    """What has happened since the breaker was made; in a forked process, since the fork.

    Attributes:
        state: as the next call will find it.
        success: calls that succeeded.
        failure: calls that failed.
        slow: calls that succeeded too late.
        ignored: calls whose error says nothing about whoever was called.
        cancelled: calls that were not waited for.
        rejected: calls that were refused.
        stale: calls, counted above, that ended in another epoch than they began in, or after their lease.
        lost: probes that had not ended when their lease was over.
        opened: how often it opened by its rules, or because another process did.
        closed: how often it closed, by whatever reason.
        withheld: how often it would have opened, had it not been "metrics_only".
        listener_errors: how often a listener raised.
        classifier_errors: how often the classifier raised, or said what is no kind.
    """

    state: State
    success: int
    failure: int
    slow: int
    ignored: int
    cancelled: int
    rejected: int
    stale: int
    lost: int
    opened: int
    closed: int
    withheld: int
    listener_errors: int
    classifier_errors: int
