"""What the words of a text say about how well it will do, learned from past randomised contrasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np

from postopt._checks import check_positive
from postopt.errors import shown
from postopt.experiments.contrasts import DESIGN_EFFECT, Contrasts, Indices, Vector, contrasts, read_groups
from postopt.experiments.records import Group
from postopt.experiments.ridge import Design, Within
from postopt.experiments.terms import cues, key, tokens

Columns: TypeAlias = Callable[[str], Sequence[float]]

# Arbitrary, a factor of about three apart: what cross-validation chooses from.
PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0)
FOLDS = 5

# Fewer groups than that teach nothing about words; arbitrary.
LEAST_GROUPS = 20

# Arbitrary, far above any post: what comes after it is not read.
_MOST_CHARACTERS = 10_000


class WordingModel:
    """The expected effect of a text's wording: a ridge regression on hashed words and on cues such as its length.

    It is fitted within contrasts only: the log-odds of each text less the mean of its group, each row weighted by its
    information. So it learns what makes one text better than another for the same readers, and nothing of what makes
    one group of texts better than another. The penalty is chosen by cross-validation over groups, those that share a
    text kept together; predictions out of fold then give the slope by which scores are shrunk, so that a score is an
    expected difference in log-odds, and `residual` is how far the truth is spread around it.

    Laws:
        - What is learned depends on the groups, not on their order; the same groups give the same state.
        - Fewer than `LEAST_GROUPS` groups that compare anything, those that share a text counted as one: every score is
          0, and `residual` is `spread`.
        - A text without words that were seen still has a score, from its cues; a cue counts no further than the texts
          it was learned from went, so that no text is scored by extrapolation.
        - A fitted model is never changed, so any number of threads may use it.

    Attributes:
        groups: contrasts it was fitted on.
        n: their texts.
        spread: standard deviation of the true log-odds within a group.
        residual: what is left of it when the score is known.
        penalty: the one chosen.
        slope: by which the regression is shrunk; already in the scores.
    """

    def __init__(self) -> None:
        self.groups = 0
        self.n = 0
        self.spread = 0.0
        self.residual = 0.0
        self.penalty = 0.0
        self.slope = 0.0
        self._columns: Columns = _no_columns
        self._terms: dict[int, tuple[float, float]] = {}  # what a term adds to the score, and its rarity
        self._dense: list[tuple[float, float, float]] = []  # weight, least and most of each column
        self._unknown = 0.0
        self._centre = 0.0

    @classmethod
    def fit(
        cls,
        groups: Iterable[Group],
        *,
        design_effect: float = DESIGN_EFFECT,
        columns: Columns | None = None,
        ignored: Iterable[str] = (),
        aside: Columns | None = None,
    ) -> Self:
        """Learn from past contrasts, each the `(text, n, successes)` of texts that were compared at random.

        Args:
            groups: past contrasts; those that compare nothing are left out.
            design_effect: how much larger the variance of the counts is than the binomial one.
            columns: gives further numbers of a text, as many for each, to learn from; must be a pure function.
            ignored: words that never count in a score; their effect is learned, so that nothing stands in for them.
            aside: gives numbers of a text, as many for each, whose effect is taken out before anything is learned, so
                that no word stands in for them; a score does not ask for them. Must be a pure function.

        Raises:
            OutcomeError: there are no groups at all, a row is no `(text, n, successes)`, or its counts cannot be.
            ValueError: `design_effect` is less than 1 or not finite.
        """
        if check_positive("design_effect", design_effect, "times the binomial variance") < 1:
            raise ValueError(f"design_effect is {shown(design_effect)}; 1 or more is needed")
        model = cls()
        model._columns = _no_columns if columns is None else columns
        data = contrasts(read_groups(groups), design_effect=design_effect)
        model.groups, model.n = len(data), len(data.texts)
        model.spread = model.residual = _rounded(data.spread())
        if len(set(data.component.tolist())) >= LEAST_GROUPS:
            left_out = [() if aside is None else aside(text) for text in data.texts]
            numbers = np.array(left_out, dtype=np.float64).reshape(len(data.texts), -1)
            model._learn(data, {key(token) for word in ignored for token in tokens(word)}, numbers)
        return model

    def _learn(self, data: Contrasts, ignored: set[int], aside: Vector) -> None:
        read = [self._read(text) for text in data.texts]
        rows = [sorted(terms) for terms, _ in read]
        dense = np.array([columns for _, columns in read], dtype=np.float64)
        weights = 1 / (data.variance + self.spread**2)
        self._choose(data, rows, dense, weights, aside)
        design = Design(rows, dense, np.arange(len(rows)))
        beta = design.ridge(Within(data, weights, aside), data.effect, weights, self.penalty)
        self._unknown = _rounded(design.unknown)
        known = len(design.keys)
        gain = self.slope * beta[:known] * np.sqrt(np.maximum(design.rarity, 0.0)) * design.scale
        self._terms = {
            term: (0.0 if term in ignored else _rounded(adds), _rounded(rarity))
            for term, adds, rarity in zip(design.keys.tolist(), gain.tolist(), design.rarity.tolist(), strict=True)
        }
        weight = self.slope * beta[known:] * design.dense_scale
        ends = zip(weight.tolist(), design.low.tolist(), design.high.tolist(), strict=True)
        self._dense = [(_rounded(w), _rounded(low), _rounded(high)) for w, low, high in ends]
        self._centre = _rounded(float(np.mean(self.score_many(data.texts))))

    def _choose(
        self, data: Contrasts, rows: Sequence[Sequence[int]], dense: Vector, weights: Vector, aside: Vector
    ) -> None:
        """Choose penalty and slope by predictions for groups that were left out, and measure what they leave."""
        fold = _folds(data)
        predicted = np.zeros((len(PENALTIES), len(data.texts)))
        for held in range(FOLDS):
            out = fold == held
            design, learned = Design(rows, dense, np.flatnonzero(~out)), np.where(out, 0.0, weights)
            within = Within(data, learned, aside)
            for row, penalty in zip(predicted, PENALTIES, strict=True):
                row[out] = design.times(design.ridge(within, data.effect, learned, penalty))[out]
        least, within = np.inf, Within(data, weights, aside)
        effect = within(data.effect)
        for row, penalty in zip(predicted, PENALTIES, strict=True):
            held_out = within(row)
            power = float(np.sum(weights * held_out**2))
            slope = max(float(np.sum(weights * held_out * effect)) / power, 0.0) if power > 0 else 0.0
            loss = float(np.sum(weights * (effect - slope * held_out) ** 2))
            if loss < least:
                least, self.penalty, self.slope = loss, penalty, _rounded(slope)
                self.residual = _rounded(replace(data, effect=data.effect - slope * held_out).spread())

    def _read(self, text: str) -> tuple[set[int], list[float]]:
        text = text[:_MOST_CHARACTERS]
        found = tokens(text)
        return {key(token) for token in found}, [*cues(text, found), *map(float, self._columns(text))]

    def score(self, text: str) -> float:
        """Return the expected log-odds of a success above those of the average text of the same contrast.

        Above the average of all texts it was fitted on, to be exact: differences between scores are what it is for.

        Raises:
            ValueError: `text` is no str.
        """
        if not isinstance(text, str):
            raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
        if not self._dense:
            return 0.0
        terms, columns = self._read(text)
        adds, rarity, unknown, size = -self._centre, 0.0, 0, 0
        for term in sorted(terms):
            known = self._terms.get(term)
            size += 1
            if known is None:
                unknown += 1
                rarity += self._unknown
            else:
                adds += known[0]
                rarity += known[1]
        columns += [rarity / max(size, 1), float(unknown)]
        ends = zip(self._dense, columns, strict=True)
        return adds + sum(weight * min(max(value, low), high) for (weight, low, high), value in ends)

    def score_many(self, texts: Iterable[str]) -> Vector:
        """Return the score of each text."""
        return np.array([self.score(text) for text in texts], dtype=np.float64)

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return all that was learned as plain JSON; `columns` is not in it."""
        return {
            "groups": self.groups, "n": self.n, "spread": self.spread, "residual": self.residual,
            "penalty": self.penalty, "slope": self.slope, "centre": self._centre, "unknown": self._unknown,
            "dense": [list(column) for column in self._dense], "terms": list(self._terms),
            "adds": [adds for adds, _ in self._terms.values()],
            "rarity": [rarity for _, rarity in self._terms.values()],
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, columns: Columns | None = None) -> Self:
        """Return a model like the one that gave this state, which had the same `columns`.

        Raises:
            ValueError: the state is not one that `state` returned.
        """
        model = cls()
        model._columns = _no_columns if columns is None else columns
        try:
            for name in ("groups", "n", "spread", "residual", "penalty", "slope"):
                setattr(model, name, state[name])
            model._centre, model._unknown = float(state["centre"]), float(state["unknown"])
            model._dense = [(w, low, high) for w, low, high in state["dense"]]
            pairs = zip(state["adds"], state["rarity"], strict=True)
            model._terms = dict(zip(state["terms"], pairs, strict=True))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("the state is not one that WordingModel.state returned") from error
        return model


def _no_columns(_: str) -> Sequence[float]:
    return ()


def _folds(data: Contrasts) -> Indices:
    """Return each row's fold: components go round, the largest first."""
    names, place, sizes = np.unique(data.component, return_inverse=True, return_counts=True)
    turn = np.empty(len(names), dtype=np.int64)
    turn[np.argsort(-sizes, kind="stable")] = np.arange(len(names)) % FOLDS
    return np.asarray(turn[place][data.group], dtype=np.int64)


def _rounded(value: float) -> float:
    # Seven digits: what is beyond depends on the order in which a machine adds.
    return float(f"{value:.6e}")
