"""The last calls of a closed circuit: so many calls, or those of so many seconds."""

from __future__ import annotations

import math
import sys
from collections import deque
from typing import Protocol

from postopt.resilience.breaking.rules import Rules
from postopt.resilience.breaking.tally import Tally
from postopt.resilience.outcome import Kind


class Window(Protocol):
    """What a closed circuit remembers of its calls; one thread at a time may use it.

    Attributes:
        epoch: which window of its circuit this is.
    """

    epoch: int

    def take(self, kind: Kind, now: float) -> bool:
        """Count a call that succeeded, failed or was slow; tell whether that makes too many failures."""
        ...


class CountWindow:
    """The last so many calls, counted without a lock as long as they succeed.

    Idea: what counts are the failures, and they are rare. All calls are numbered as they end, and of those that failed
    the numbers are kept. The failures among the last `window` calls are those whose number is larger than the newest
    less `window`. So a success only takes a number. It has to do more (`take_numbered`) while `watch` is set: to end a
    row of failures, to judge the share when the calls become enough for one, or because this window is over.

    Memory: at most `window` numbers of failures, and as many of slow calls.

    Attributes:
        epoch: which window of its circuit this is.
        end: gives a call that succeeded its number, without a lock.
        watch: whether a success has to be told to the circuit.
    """

    __slots__ = (
        "_calls", "_ended", "_failures", "_locked", "_row", "_rules", "_slow", "_tally", "end", "epoch", "watch"
    )  # fmt: skip

    def __init__(self, rules: Rules, epoch: int) -> None:
        self.epoch = epoch
        self.watch = False
        self._rules = rules
        self._tally = Tally()
        self.end = self._tally.tick
        self._locked = 0  # calls that were numbered by `take`
        self._ended = math.inf
        self._calls = 0
        self._row = 0
        most = min(rules.window, sys.maxsize)
        self._failures: deque[int] = deque(maxlen=most)
        self._slow: deque[int] = deque(maxlen=most)

    def take(self, kind: Kind, now: float) -> bool:  # noqa: ARG002 - as every window
        """Number a call that has ended, count it, and tell whether that makes too many failures."""
        self._locked += 1
        return self._count(self.end() - self._tally.looks, kind)

    def take_numbered(self, number: int) -> bool:
        """Count a success that has its number already, as `take` does."""
        return self._count(number - self._tally.looks, "success")

    def came_late(self, number: int) -> bool:
        """Tell whether a success took its number after `close`, so that it is in nobody's count."""
        return number >= self._ended

    def close(self) -> int:
        """Make every success from now on tell the circuit; return `unlocked`."""
        self.watch = True
        successes = self.unlocked()
        self._ended = successes + self._locked + self._tally.looks
        return successes

    def unlocked(self) -> int:
        """Return how many successes were counted without a lock."""
        return self._tally.read() - self._locked

    def _count(self, number: int, kind: Kind) -> bool:
        rules = self._rules
        if rules.fails(kind):
            self._row += 1
            self._failures.append(number)
        elif kind == "slow":
            self._slow.append(number)
        else:
            self._row = 0
        self._calls = max(self._calls, number + 1)  # a success that was overtaken by a failure is counted already
        self.watch = self._row > 0 or (rules.shares and self._calls < rules.enough)
        return rules.too_many_in_a_row(self._row) or (rules.shares and self._too_large_a_share())

    def _too_large_a_share(self) -> bool:
        for numbers in (self._failures, self._slow):
            while numbers and numbers[0] < self._calls - self._rules.window:
                numbers.popleft()
        calls = min(self._calls, self._rules.window)
        return self._rules.too_large_a_share(calls, len(self._failures), len(self._slow))


class TimeWindow:
    """The calls of the last so many seconds, in ten buckets (as Hystrix has them): the oldest leaves as a whole.

    So it spans between nine and ten tenths of `window_seconds`. Memory: ten buckets.

    Attributes:
        epoch: which window of its circuit this is.
    """

    __slots__ = ("_buckets", "_calls", "_failures", "_row", "_rules", "_slow", "_width", "epoch")

    def __init__(self, rules: Rules, epoch: int, seconds: float) -> None:
        self.epoch = epoch
        self._rules = rules
        self._width = seconds / 10
        self._row = 0
        self._calls = self._failures = self._slow = 0
        self._buckets: deque[_Bucket] = deque(maxlen=10)

    def take(self, kind: Kind, now: float) -> bool:
        """Count a call that ended `now`, and tell whether that makes too many failures."""
        tenth = int(now / self._width)
        buckets = self._buckets
        if not buckets or buckets[-1].tenth != tenth:
            self._forget(tenth - 10)
            buckets.append(_Bucket(tenth))
        newest = buckets[-1]
        newest.calls += 1
        self._calls += 1
        if self._rules.fails(kind):
            self._row += 1
            newest.failures += 1
            self._failures += 1
        elif kind == "slow":
            newest.slow += 1
            self._slow += 1
        else:
            self._row = 0
        if not (self._failures or self._slow):
            return False
        return self._rules.too_many_in_a_row(self._row) or self._rules.too_large_a_share(
            self._calls, self._failures, self._slow
        )

    def _forget(self, tenth: int) -> None:
        while self._buckets and self._buckets[0].tenth <= tenth:
            oldest = self._buckets.popleft()
            self._calls -= oldest.calls
            self._failures -= oldest.failures
            self._slow -= oldest.slow


class _Bucket:
    __slots__ = ("calls", "failures", "slow", "tenth")

    def __init__(self, tenth: int) -> None:
        self.tenth = tenth
        self.calls = self.failures = self.slow = 0
