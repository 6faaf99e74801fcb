"""How far a prompt optimizer has come: what is kept between two steps, and every way to change it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from postopt.errors import PromptError, shown

MOST_WAITING = 20  # candidates that wait for a test; more would be stale before their turn; arbitrary
MOST_REFUSED = 500  # versions that are remembered as refused or as tried, the last ones; arbitrary
MOST_PAST = 50  # former prompts of production, the last ones; arbitrary


class Stage(StrEnum):
    """What is going on.

    Attributes:
        IDLE: nothing is tested.
        TEST: candidates are tried beside the present prompt.
        CHECK: the winner of a test is tried once more, on posts that took no part in the test.
        WATCH: it is in production, and the former prompt still writes a few posts to compare it with.
    """

    IDLE = "idle"
    TEST = "test"
    CHECK = "check"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate that may be tested; `score` is its screening's, or None."""

    version: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Everything that a restarted process needs to go on; plain JSON both ways.

    Attributes:
        production: version that writes where nothing is tested.
        past: versions that did so before, the last one last; where a rollback goes.
        stage: what is going on.
        round: number of the last experiment; each has one of its own, so that no two share their units.
        arms: versions of the experiment, its control first; empty while there is none.
        waiting: candidates, the first to be tested first.
        refused: versions that are not proposed again: they broke a check, were worse, did harm, or were rolled back.
        tried: versions that were not promoted, and not shown to be worse; only by hand they are proposed again.
        day: UTC day, since the epoch, for which `asked` counts.
        asked: calls that proposers were allowed that day.
        since: when the last change of stage or production was, in seconds since the epoch.
        changes: how often production has changed; their log is as long.
    """

    production: str
    past: tuple[str, ...] = ()
    stage: Stage = Stage.IDLE
    round: int = 0
    arms: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    refused: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    day: int = 0
    asked: int = 0
    since: float = 0.0
    changes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        lists = {name: list(getattr(self, name)) for name in ("past", "arms", "refused", "tried")}
        return {**asdict(self), **lists, "stage": str(self.stage), "waiting": [asdict(one) for one in self.waiting]}

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote.

        Raises:
            PromptError: this is something else.
        """
        try:
            lists = {name: tuple(data[name]) for name in ("past", "arms", "refused", "tried")}
            waiting = tuple(Waiting(**one) for one in data["waiting"])
            return cls(**{**data, **lists, "stage": Stage(data["stage"]), "waiting": waiting})
        except (KeyError, TypeError, ValueError) as error:
            raise PromptError(f"this is no state of a prompt optimizer: {shown(data)}") from error

    def experiment(self, name: str) -> str:
        """Return the name of the experiment that is going on, or "" without one; `name` is the optimizer's."""
        return "" if self.stage is Stage.IDLE else f"{name}/{self.round}/{self.stage}"

    def earlier(self, name: str) -> tuple[str, ...]:
        """Return the names of the experiments whose winner is now checked or watched."""
        if self.stage is Stage.CHECK:
            return (f"{name}/{self.round - 1}/{Stage.TEST}",)
        if self.stage is Stage.WATCH:
            return (f"{name}/{self.round - 1}/{Stage.CHECK}", f"{name}/{self.round - 2}/{Stage.TEST}")
        return ()

    def asked_on(self, day: int) -> int:
        """Return how many calls proposers were allowed on a day. A clock that goes back gains no new calls."""
        return self.asked if day <= self.day else 0

    def with_asked(self, day: int, calls: int) -> Self:
        """Count calls that proposers are about to make."""
        return replace(self, day=max(day, self.day), asked=self.asked_on(day) + calls)

    def with_waiting(self, candidates: Iterable[Waiting]) -> Self:
        """Let candidates wait: those with the best score first, then those without one, in order of arrival."""
        known = {self.production, *self.arms, *self.refused, *(one.version for one in self.waiting)}
        new = {one.version: one for one in candidates if one.version not in known}
        every = sorted((*self.waiting, *new.values()), key=lambda one: (one.score is None, -(one.score or 0.0)))
        return replace(self, waiting=tuple(every[:MOST_WAITING]))

    def with_refused(self, versions: Iterable[str]) -> Self:
        """Remember versions as refused."""
        new = [version for version in dict.fromkeys(versions) if version not in self.refused]
        refused = (*self.refused, *new)[-MOST_REFUSED:]
        return replace(self, refused=refused, waiting=tuple(one for one in self.waiting if one.version not in new))

    def tested(self, versions: Sequence[str], at: float) -> Self:
        """Begin to try candidates beside production."""
        return replace(
            self,
            stage=Stage.TEST,
            round=self.round + 1,
            arms=(self.production, *versions),
            waiting=tuple(one for one in self.waiting if one.version not in versions),
            tried=tuple(one for one in self.tried if one not in versions),
            since=at,
        )

    def checked(self, winner: str, at: float, worse: Iterable[str] = ()) -> Self:
        """Begin to try the winner of a test once more; of the other candidates, those that were worse are refused."""
        others = [version for version in self.arms[1:] if version != winner]
        arms = (self.production, winner)
        return replace(self._lost(others, worse), stage=Stage.CHECK, round=self.round + 1, arms=arms, since=at)

    def promoted(self, at: float) -> Self:
        """Bring the candidate of the check into production, beside a few posts of the former prompt."""
        former, winner = self.arms
        return replace(
            self,
            production=winner,
            past=(*self.past, former)[-MOST_PAST:],
            stage=Stage.WATCH,
            round=self.round + 1,
            arms=(former, winner),
            waiting=(),  # made of the former prompt; whoever proposed them proposes anew
            since=at,
            changes=self.changes + 1,
        )

    def ended(self, at: float, worse: Iterable[str] = ()) -> Self:
        """End what is going on; of the candidates that are not in production, those that were worse are refused."""
        lost = [version for version in self.arms if version != self.production and version not in self.past]
        return replace(self._lost(lost, worse), stage=Stage.IDLE, arms=(), since=at)

    def rolled_back(self, at: float) -> Self:
        """Go back to the former prompt of production; the present one is refused, and what is being tried ends.

        Raises:
            PromptError: there is none.
        """
        if not self.past:
            raise PromptError("there is no former prompt to go back to", hint="nothing was promoted yet")
        ended = self.ended(at)
        past = self.past[:-1]
        back = replace(ended, production=self.past[-1], past=past, waiting=(), changes=self.changes + 1)
        return back.with_refused((self.production,))

    def _lost(self, versions: Sequence[str], worse: Iterable[str]) -> Self:
        """Refuse those that were worse, and remember the others as tried."""
        refused = set(worse)
        tried = tuple(version for version in versions if version not in refused)
        others = self.with_refused(version for version in versions if version in refused)
        return replace(others, tried=(*self.tried, *tried)[-MOST_REFUSED:])
