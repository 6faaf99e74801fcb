"""How long a circuit stays open."""

from __future__ import annotations

from random import Random

from postopt._checks import check_count, check_positive
from postopt.errors import shown
from postopt.resilience.breaking.share import check_share


class OpenTime:
    """Seconds for which a circuit opens: a base, grown each time that it opens again without having closed.

    The k-th time (from 0) it is `seconds * backoff**k`, at most `longest`, of which a share of up to `jitter` is
    taken off at random: with 0.5 that is the "equal jitter" of M. Brooker, "Exponential backoff and jitter" (AWS
    Architecture Blog, 2015). It spares a provider that many processes open and probe together.

    What a provider asks for (Retry-After) makes it longer, never shorter, but not longer than `longest`: a header that
    says a year must not shut a provider out for a year. `longest` never makes `seconds` itself smaller.
    """

    __slots__ = ("_backoff", "_draw", "_jitter", "_next", "_seconds", "_seed", "longest")

    def __init__(self, *, seconds: float, backoff: float, longest: float, jitter: float, seed: int | None) -> None:
        self._seconds = check_positive("open_seconds", seconds, "seconds")
        self._backoff = check_positive("open_backoff", backoff, "times")
        if self._backoff < 1:
            raise ValueError(f"open_backoff is {shown(backoff)}; 1 or more is needed, as open times do not shrink")
        self.longest = max(self._seconds, check_positive("max_open_seconds", longest, "seconds"))
        check_share("jitter", jitter, zero=True)
        if seed is not None:
            check_count("seed", seed, least=0)
        self._jitter = jitter
        self._seed = seed
        self._draw = Random(seed)  # noqa: S311 - spreads load, keeps no secret
        self._next = self._seconds

    def take(self) -> float:
        """Return the seconds for this time; the next are longer."""
        seconds = self._next
        self._next = min(seconds * self._backoff, self.longest)
        return seconds * (1 - self._jitter * self._draw.random()) if self._jitter else seconds

    def restart(self) -> None:
        """Begin with the base again, because the circuit has closed."""
        self._next = self._seconds

    def draw_anew(self) -> None:
        """Draw from a new source, because a copy of this process draws the same; a source that was seeded stays."""
        if self._seed is None:
            self._draw = Random(None)  # noqa: S311 - as above
