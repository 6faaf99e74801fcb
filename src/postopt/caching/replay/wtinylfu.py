"""W-TinyLFU, for comparison.

G. Einziger, R. Friedman, B. Manes, "TinyLFU: a highly efficient cache admission policy", ACM Trans. Storage 13, 2017;
the climber is that of G. Einziger, O. Eytan, R. Friedman, B. Manes, "Adaptive software cache management", Middleware
2018, as Caffeine has it. Frequencies are counted exactly, where a real one has a sketch.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable

Queue = OrderedDict[int, None]

_MOST = 15  # four bits
_PROTECTED = 0.8
_WINDOW = 0.01
_STEP = 0.0625
_STEP_DECAY = 0.98
_RESTART = 0.05


class WTinyLFU:
    """A window for newcomers, and a main part that they enter only if they were asked for more often.

    Args:
        entries: how many it holds.
        climbing: let the window grow and shrink by what that does to the hit ratio; else it is 1 %.
    """

    def __init__(self, entries: int, *, climbing: bool) -> None:
        self._entries = entries
        self._climbing = climbing
        self._window_size = max(1.0, entries * _WINDOW)
        self._window, self._probation, self._protected = Queue(), Queue(), Queue()
        self._counts: Counter[int] = Counter()
        self._counted = 0
        self._step = _STEP * entries
        self._requests = self._hits = 0
        self._last_ratio: float | None = None

    def hits(self, keys: Iterable[int]) -> int:
        """Return how many of these requests are hits."""
        return sum(map(self._request, keys))

    def _request(self, key: int) -> bool:
        self._count(key)
        hit = True
        if key in self._window:
            self._window.move_to_end(key)
        elif key in self._protected:
            self._protected.move_to_end(key)
        elif key in self._probation:
            del self._probation[key]
            self._protected[key] = None
            while len(self._protected) > int(_PROTECTED * (self._entries - int(self._window_size))):
                self._probation[self._protected.popitem(last=False)[0]] = None
        else:
            hit = False
            self._window[key] = None
        while len(self._window) > int(self._window_size):
            self._admit(self._window.popitem(last=False)[0])
        self._climb(hit=hit)
        return hit

    def _admit(self, candidate: int) -> None:
        self._probation[candidate] = None
        if len(self._window) + len(self._probation) + len(self._protected) <= self._entries:
            return
        queue = self._probation if len(self._probation) > 1 or not self._protected else self._protected
        victim = next(iter(queue))
        if self._counts[candidate] > self._counts[victim]:
            del queue[victim]
        else:
            del self._probation[candidate]

    def _count(self, key: int) -> None:
        self._counts[key] = min(self._counts[key] + 1, _MOST)
        self._counted += 1
        if self._counted >= 10 * self._entries:
            self._counts = Counter({key: count // 2 for key, count in self._counts.items() if count > 1})
            self._counted //= 2

    def _climb(self, *, hit: bool) -> None:
        self._requests += 1
        self._hits += hit
        if not self._climbing or self._requests < 10 * self._entries:
            return
        ratio = self._hits / self._requests
        if self._last_ratio is not None:
            change = ratio - self._last_ratio
            if change < 0:
                self._step = -self._step
            if abs(change) >= _RESTART:
                self._step = _STEP * self._entries * (1 if self._step > 0 else -1)
            else:
                self._step *= _STEP_DECAY
            self._window_size = max(1.0, min(self._window_size + self._step, 0.8 * self._entries))
        self._last_ratio = ratio
        self._requests = self._hits = 0
