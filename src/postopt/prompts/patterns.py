"""Which readable features of a text go with success: proposed, confirmed on later contrasts, retired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import RLock
from typing import Any, TypeAlias

import numpy as np

from postopt._checks import check_callable, check_name, check_positive
from postopt.errors import shown
from postopt.experiments.contrasts import DESIGN_EFFECT, Contrasts, Vector, contrasts, read_groups
from postopt.experiments.effects import as_lift, discoveries, effects, usual_spread
from postopt.experiments.entries import DAY
from postopt.experiments.records import Group
from postopt.experiments.wording import WordingModel
from postopt.prompts.pattern import Pattern
from postopt.prompts.record import At, Record, checked_time, corrected, digest, replaced
from postopt.quality.readable import DENIED, FEATURES, Feature, Given, given, read
from postopt.types import Feedback

Past: TypeAlias = Callable[[], Iterable[Group]]
_Rows: TypeAlias = Sequence[tuple[tuple[str, float, float], ...]]

# Contrasts that `step` takes at once, at least; arbitrary, five times what a feature has to vary in.
_BATCH = 100

# What share of the proposed patterns may be none: they are looked for later, not claimed. Arbitrary.
_PROPOSED = 0.25

# A feature of which so much is also one that is denied is denied, too; arbitrary.
_SAME = 0.8


class PatternMiner:
    """Finds readable features of texts that go with success, and believes them only when they are found again.

    Each feature is compared within contrasts, by a regression on that feature alone with a mean of its own for each
    contrast, and errors that are robust to what related contrasts share (`evidence`). `fit` proposes what is worth a
    second look. `confirm` looks at that in later contrasts, of which those that share a text with what it was proposed
    from are left out. Confirmed is what

    - those show again, in the same direction, at the level alpha;
    - passes Benjamini-Hochberg at alpha over all features tested, all contrasts together;
    - as many new contrasts would show once more, with a probability of 90 %.

    Each further look at growing evidence has a smaller share of alpha. Evidence ages: it counts half after each
    half-life, so that what is never seen again is retired; so is what later contrasts contradict. What is retired stays
    so until the next `fit`.

    A pattern is a difference between texts that people wrote, not proof that adding the feature to any text helps.

    What is denied is tested like all others, and listed in `denied` where it is found, but never proposed, nor is a
    feature of which four fifths of the matches are denied ones. Its words add nothing to a score, and what texts that
    have it earn for it is taken out before other words are learned from, whether or not it has words of its own.

    Any number of threads may use one object. A copy in another process learns on its own.

    Args:
        features: further features of the host by name: a regular expression, which is searched, or a pure function of
            the text that returns True or False; any other answer, numpy's bools included, is a ValueError where the
            function is called. What it raises is not caught, and loses no contrasts.
        alpha: share of false patterns among those confirmed, and the error of every interval.
        deny: names of features that no text is to be pushed towards.
        language: of all texts ("en", "es"), or None to tell it for each text.
        design_effect: how much larger the variance of the counts is than the binomial one.
        half_life_days: after which evidence counts half; the default is arbitrary.
        past: gives all past contrasts, as `ExperimentStore.past` does; `step` looks there for new ones.
        name: of the miner, where a loop has several learners.

    Raises:
        ValueError: an argument cannot be used.
    """

    def __init__(
        self,
        *,
        features: Mapping[str, Given] | None = None,
        alpha: float = 0.05,
        deny: Iterable[str] = DENIED,
        language: str | None = None,
        design_effect: float = DESIGN_EFFECT,
        half_life_days: float = 365.0,
        past: Past | None = None,
        name: str = "patterns",
    ) -> None:
        if not 0 < check_positive("alpha", alpha, "a share") < 1:
            raise ValueError(f"alpha is {shown(alpha)}; a share between 0 and 1 is needed")
        if language is not None:
            check_name("language", language)
        if past is not None:
            check_callable("past", past, "returns the past contrasts")
        if check_positive("design_effect", design_effect, "times the binomial variance") < 1:
            raise ValueError(f"design_effect is {shown(design_effect)}; 1 or more is needed")
        self.name = check_name("name", name)
        self.alpha = alpha
        self._language = language
        self._design_effect = design_effect
        self._half_life = check_positive("half_life_days", half_life_days, "days") * DAY
        self._past = past
        self._host = {feature.name: feature for feature in given(features)}
        self._features = {feature.name: feature for feature in FEATURES} | self._host
        self._deny = _denied(deny, self._features)
        self._lock = RLock()
        self._records: dict[str, Record] = {}
        self._own: _Rows = ()  # contrasts that are in no store
        self._seen: set[str] = set()  # digests of contrasts
        self._mined: set[str] = set()  # digests of texts that patterns were proposed from
        self._model: WordingModel | None = None
        self._tested = 0
        self._spread = 0.0  # of the contrasts that patterns were last proposed from: it weighs later ones
        self._at: At = None

    def fit(self, groups: Iterable[Group], at: At = None) -> PatternMiner:
        """Forget everything and propose patterns from these contrasts; returns the miner.

        Args:
            groups: each the `(text, n, successes)` of texts that were compared at random.
            at: when that was, in seconds since the epoch.

        Raises:
            OutcomeError: a row is no `(text, n, successes)`, or its counts cannot be.
            ValueError: `at` is no time.
        """
        rows, at = read_groups(groups), checked_time("at", at)
        with self._lock:
            self._forget()
            self._mine(rows, at)
            self._take(rows)
        return self

    def confirm(self, groups: Iterable[Group], at: At = None) -> PatternMiner:
        """Look at the patterns in later contrasts, and settle which are confirmed or retired; returns the miner.

        Contrasts that were seen before, or share a text with those that patterns were proposed from, are left out. The
        others may come in batches of any size: those in which a feature varies wait until they are enough for one look,
        at least 20 and half as many as it was looked at in before. What waits is part of the state.

        Raises:
            OutcomeError: a row is no `(text, n, successes)`, or its counts cannot be.
            ValueError: `at` is no time.
        """
        rows, at = read_groups(groups), checked_time("at", at)
        with self._lock:
            fresh = self._unseen(rows)
            self._look(fresh, [*self._all(), *fresh], at)  # first: a host's function may raise
            self._take(fresh)
            self._settle(at)
        return self

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """All that are proposed, confirmed or retired; the confirmed first, then by size of the lift."""
        return self._shown(("confirmed", "proposed", "retired"))

    @property
    def denied(self) -> tuple[Pattern, ...]:
        """What was found but is denied: so that the host knows, and for no other use."""
        return self._shown(("denied",))

    def score(self, text: str) -> float:
        """Return the expected log-odds of a success, above those of an average text of a contrast.

        From the words, marks and lengths that patterns are made of, and the confirmed features of the host, learned
        from all contrasts seen so far (`WordingModel`): for choosing among texts that could be shown to the same
        readers. It makes no claim about any one of them.
        """
        return self.wording.score(text)

    def score_many(self, texts: Iterable[str]) -> Vector:
        """Return the score of each text."""
        return self.wording.score_many(texts)

    @property
    def wording(self) -> WordingModel:
        """The model behind `score`, fitted when it is first asked for after new contrasts."""
        with self._lock:
            if self._model is None:
                words = {word for name in self._deny for word in self._features[name].words}
                # What our own features look for is among words and cues; as columns, too, they made picks worse.
                told = [n for n in sorted(self._host) if n in self._records and self._records[n].status == "confirmed"]
                self._model = WordingModel.fit(
                    self._all(),
                    design_effect=self._design_effect,
                    columns=partial(self._row, features=[self._host[name] for name in told]),
                    ignored=sorted(words),
                    aside=partial(self._row, features=[self._features[name] for name in sorted(self._deny)]),
                )
            return self._model

    def explain(self) -> str:
        """Return everything that is known, in words."""
        with self._lock:
            lines = [f"{self._tested} features tested in {len(self._seen)} contrasts, at alpha {self.alpha}."]
            lines += [pattern.explain() for pattern in (*self.patterns, *self.denied)]
        return "\n".join(lines)

    __str__ = explain

    def learn(self, decision_id: str, feedback: Feedback, /) -> bool:  # noqa: ARG002 - the protocol's arguments
        """Return False: contrasts come from experiments that are over, not from single reports."""
        return False

    def step(self, now: float, /) -> Sequence[str]:
        """Take what is new in `past`: settle the known patterns by it, then propose others. Returns words.

        New contrasts wait until there are 100, since a handful shows nothing of a feature that few of them vary in.
        """
        at = checked_time("now", now)
        with self._lock:
            before = {name: record.status for name, record in self._records.items()}
            rows = read_groups(self._past()) if self._past is not None else []
            fresh = self._unseen(rows)
            if len(fresh) < _BATCH:
                fresh = []
            known = self._seen.union(map(digest, fresh))
            seen = [*self._own, *(row for row in rows if digest(row) in known)]
            self._look(fresh, seen, at)
            self._seen = known
            self._settle(at)
            if fresh:
                self._model = None
                self._mine(seen, at)
            return [
                f"Pattern {name} is {record.status}: {record.reason}."
                for name, record in sorted(self._records.items())
                if record.status != before.get(name)
            ]

    def needs(self) -> Sequence[str]:
        """Return what it would take to know more, in words."""
        waiting = sum(pattern.status == "proposed" for pattern in self.patterns)
        return [f"{waiting} proposed patterns wait for later contrasts."] if waiting else []

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return everything that was learned as plain JSON.

        The texts of contrasts that came by `fit` and `confirm` are in it; of those in `past` only digests are.
        """
        with self._lock:
            return {
                "tested": self._tested,
                "spread": self._spread,
                "at": self._at,
                "records": [self._records[name].state() for name in sorted(self._records)],
                "seen": sorted(self._seen),
                "mined": sorted(self._mined),
                "groups": [[list(row) for row in group] for group in self._own],
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set back to what `state` once returned, of a miner with the same arguments.

        Raises:
            ValueError: it is no such state; nothing was changed.
        """
        try:
            records = {entry["name"]: Record.from_state(entry) for entry in state["records"]}
            own = read_groups(state["groups"])
            tested, spread, at = state["tested"], state["spread"], state["at"]
            seen, mined = set(state["seen"]), set(state["mined"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("the state is not one that PatternMiner.state returned") from error
        with self._lock:
            self._tested, self._spread, self._at, self._records = tested, spread, at, records
            self._seen, self._mined, self._own, self._model = seen, mined, own, None

    def _forget(self) -> None:
        self._records, self._own, self._seen, self._mined = {}, (), set(), set()
        self._model, self._tested, self._spread, self._at = None, 0, 0.0, None

    def _take(self, rows: _Rows) -> None:
        self._own = sorted([*self._own, *rows])
        self._seen.update(map(digest, rows))
        self._model = None

    def _unseen(self, rows: _Rows) -> _Rows:
        return [row for row in rows if digest(row) not in self._seen]

    def _all(self) -> _Rows:
        """Return all contrasts seen: the own ones, and of those in the store the ones that `step` has taken."""
        stored = read_groups(self._past()) if self._past is not None else []
        own = set(self._own)
        return [*self._own, *(row for row in stored if row not in own and digest(row) in self._seen)]

    def _mine(self, rows: _Rows, at: At) -> None:
        """Propose what is found in these contrasts and was not known before."""
        data = contrasts(rows, design_effect=self._design_effect)
        self._spread = data.spread()
        names = list(self._features)
        matrix = self._matrix(data, names)
        found = dict(zip(names, effects(data, matrix, self._spread), strict=True))
        tested = {name: effect for name, effect in found.items() if effect is not None}
        self._tested = len(tested)
        self._at = at
        usual = usual_spread(list(tested.values()))
        rejected = discoveries([effect.p_value for effect in tested.values()], _PROPOSED)
        banned = self._banned(names, matrix)
        new = [
            Record(name, "denied", effect, usual, at, "found, but denied by the host or by default")
            if name in banned
            else Record(name, "proposed", effect, usual, at, "found where it was looked for")
            for (name, effect), passed in zip(tested.items(), rejected, strict=True)
            if passed and name not in self._records
        ]
        self._records = replaced(self._records, new)
        self._mined.update(digest(text) for text in data.texts)

    def _look(self, fresh: _Rows, seen: _Rows, at: At) -> None:
        """Let new contrasts wait for each pattern; where enough of them do, add what they say to its evidence."""
        disjoint = [row for row in fresh if not any(digest(text) in self._mined for text, _, _ in row)]
        if not disjoint:
            return
        self._wait(disjoint)
        ready = [r for r in self._records.values() if len(r.waiting) >= r.enough(at, self._half_life)]
        names = {name for record in ready for name in record.waiting}
        rows = {name: row for row in seen if (name := digest(row)) in names}
        data = contrasts(list(rows.values()), design_effect=self._design_effect)
        matrix = self._matrix(data, [record.name for record in ready])
        for column, record in enumerate(ready):
            own = np.array([name in record.waiting for name in rows], dtype=np.float64)
            matrix[:, column] *= own[data.group]  # constant in a contrast is the same as not being there
        self._records = replaced(self._records, [
            replace(record, evidence=(*record.evidence, (effect, at)), waiting=frozenset())
            for record, effect in zip(ready, effects(data, matrix, self._spread), strict=True)
            if effect is not None
        ])  # fmt: skip

    def _wait(self, rows: _Rows) -> None:
        names = [name for name, record in self._records.items() if record.status != "retired"]
        data = contrasts(rows)
        matrix = self._matrix(data, names)
        digests = [digest(row) for row in rows]
        size = np.bincount(data.group)
        new = []
        for name, column in zip(names, matrix.T, strict=True):
            have = data.sums(column)
            varies = np.flatnonzero((have > 0) & (have < size)).tolist()
            record = self._records[name]
            new.append(replace(record, waiting=record.waiting.union(digests[index] for index in varies)))
        self._records = replaced(self._records, new)

    def _settle(self, at: At) -> None:
        self._at = at
        waiting = [record for record in self._records.values() if record.status == "proposed" and record.evidence]
        p_values = [corrected(r.together(at, self._half_life).p_value, len(r.evidence)) for r in waiting]
        # Of the features that were tested and not proposed none is rejected: as if their p-values were 1.
        p_values += [1.0] * (self._tested - len(waiting))
        passed = {r.name for r, yes in zip(waiting, discoveries(p_values, self.alpha), strict=False) if yes}
        settled = {
            name: record.settled(
                significant=name in passed, alpha=self.alpha, at=at, half_life=self._half_life
            )
            for name, record in self._records.items()
        }  # fmt: skip
        if any(settled[name].status != record.status for name, record in self._records.items()):
            self._model = None  # it rests on the patterns that stand
        self._records = settled

    def _shown(self, statuses: Sequence[str]) -> tuple[Pattern, ...]:
        with self._lock:
            patterns = [self._pattern(record) for record in self._records.values() if record.status in statuses]
        return tuple(sorted(patterns, key=lambda p: (statuses.index(p.status), -abs(p.lift), p.name)))

    def _pattern(self, record: Record) -> Pattern:
        known = record.known(self._at, self._half_life)
        lift, interval = as_lift(known, self.alpha)
        return Pattern(
            record.name, record.status, lift, interval, known.n, record.proposed_at, record.confirmed_at,
            record.retired_at, record.reason, self._features[record.name], self._language,
        )  # fmt: skip

    def _matrix(self, data: Contrasts, names: Sequence[str]) -> Vector:
        """Return a row of 0 and 1 for each text, a column for each feature."""
        chosen = [self._features[name] for name in names]
        return np.array([self._row(text, chosen) for text in data.texts]).reshape(len(data.texts), len(names))

    def _row(self, text: str, features: Sequence[Feature]) -> list[float]:
        reading = read(text, self._language)
        return [float(feature.holds(reading)) for feature in features]

    def _banned(self, names: Sequence[str], matrix: Vector) -> set[str]:
        """Return the denied features and those whose matches are mostly denied ones'."""
        denied = matrix[:, [name in self._deny for name in names]].max(axis=1, initial=0.0)
        both, all_ = denied @ matrix, matrix.sum(axis=0)
        same = {name for name, b, a in zip(names, both.tolist(), all_.tolist(), strict=True) if a and b >= _SAME * a}
        return same | self._deny


def _denied(deny: Iterable[str], features: Mapping[str, Feature]) -> frozenset[str]:
    if isinstance(deny, str) or not isinstance(deny, Iterable):
        raise ValueError(f"deny is {shown(deny)}; names of features are needed")  # noqa: TRY004 - as all others
    names = frozenset(deny)
    for name in names:
        if name not in features:
            raise ValueError(f"deny has {shown(name)}; names of features are needed: {', '.join(features)}")
    return names
