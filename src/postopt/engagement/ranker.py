"""Which of two texts does better: a probability, an interval on the difference, and no answer where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Final, NamedTuple, Self

import numpy as np

from postopt._checks import check_count, check_items, check_positive, check_share
from postopt.engagement.comparing.ranking import RankingEvaluation
from postopt.engagement.comparing.variantmodel import Seen, VariantModel, most_informative, pairs_of, spread_of
from postopt.engagement.embeddings import Embedder, Movable, check_device, check_embedder
from postopt.engagement.expecting.modelfile import ModelFile, read_model, write_model
from postopt.errors import BackendUnavailableError, ModelFileError, NotFittedError, OutcomeError, shown
from postopt.experiments.contrasts import DESIGN_EFFECT, contrasts, read_groups
from postopt.experiments.records import Group
from postopt.stats import Interval

# Fewer groups than that teach nothing about texts; arbitrary.
LEAST_GROUPS: Final = 20

_KIND: Final = "variant ranker"
_VERSIONS: Final = {"format": 1, "words": 1}

# Beyond it exp is too large for a float.
_MOST: Final = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is expected of text b against text a, shown to the same readers.

    Attributes:
        difference: expected log-odds of a success with b less those with a. Where successes are rare, exp of it less 1
            is the relative lift.
        p: probability that b is truly the better one.
        interval: of the true difference, in log-odds; `level` says how many true differences lie within, `n` from how
            many groups that was learned.
    """

    difference: float
    p: float
    interval: Interval

    @property
    def abstains(self) -> bool:
        """Whether no winner is named: the interval does not exclude 0."""
        return self.interval.low <= 0 <= self.interval.high

    @property
    def level(self) -> float:
        """That of the interval."""
        return self.interval.level

    @property
    def n(self) -> float:
        """How many groups this rests on."""
        return self.interval.n

    @property
    def lift(self) -> float:
        """The expected relative gain in odds from taking b for a."""
        return math.expm1(min(self.difference, _MOST))


class Fitted(NamedTuple):
    """What `fit` learned.

    Attributes:
        groups: contrasts given that compare anything.
        model: None if they were too few.
        spread: standard deviation of the true log-odds within a group.
    """

    groups: int
    model: VariantModel | None
    spread: float


class VariantRanker:
    """Tells which of two texts will do better with the same readers, learned from past randomised contrasts.

    Learns within contrasts only, so nothing that makes one group of texts better than another counts: a Gaussian
    process over words, parts of words, lengths and marks, and over an embedder's vectors if one is given, which is
    better by far (see the design note on ranking). How much of the differences it can know, and how far it is off, is
    taken from predictions for groups that were left out.

    Laws:
        - `compare(b, a)` mirrors `compare(a, b)`: p and 1 - p exactly, the interval negated.
        - A text against itself has p = 0.5, and no winner.
        - Fewer than `LEAST_GROUPS` groups that compare anything, those that share a text counted as one: no winner is
          ever named, and every score is 0.
        - What is learned depends on the groups, not on their order.
        - Where outcomes do not differ more than by chance, intervals hold 0, and are the narrower the more was seen.
        - Once fitted it may be used by any number of threads, if the embedder may; `fit` replaces all at once.

    The most informative groups are learned from, up to 7,000 texts: the fit takes memory by the square and time by the
    cube of the texts (5,000: some 20 s and 600 MB). It has a `score`, so that it can stand as a bandit's prior
    (`Priors.experiment(texts, scorer=ranker)`).

    Args:
        embedder: any local model; None to do without.
        alpha: how many intervals may miss the true difference, in the long run. Arbitrary: at 0.2 a winner is named
            where it is one with a probability of 0.9 or more.
        design_effect: how much larger the variance of counts is than the binomial one.
        seed: of the bootstrap in `evaluate`; nothing else is drawn.

    Raises:
        ValueError: the embedder is none, alpha is not between 0 and 1, or design_effect is less than 1.
    """

    def __init__(
        self,
        *,
        embedder: Embedder | None = None,
        alpha: float = 0.2,
        design_effect: float = DESIGN_EFFECT,
        seed: int = 0,
    ) -> None:
        self.embedder = None if embedder is None else check_embedder(embedder)
        self.alpha = check_share("alpha", alpha, above=0, below=1)
        self.design_effect = check_positive("design_effect", design_effect, "times the binomial variance")
        if self.design_effect < 1:
            raise ValueError(f"design_effect is {shown(design_effect)}; 1 or more is needed")
        self.seed = check_count("seed", seed, least=0)
        self._fitted: Fitted | None = None

    def fit(self, groups: Iterable[Group]) -> Self:
        """Learn from past contrasts, each the `(text, n, successes)` of texts that were compared at random.

        Groups that compare nothing are left out.

        Raises:
            OutcomeError: no group has two texts that somebody saw, a row is no `(text, n, successes)`, or its
                counts cannot be.
            ModelError: the embedder cannot embed the texts.
        """
        read = read_groups(groups)
        if not read:
            raise OutcomeError("no group has two texts that somebody saw; there is nothing to learn from")
        data = contrasts(read, design_effect=self.design_effect)
        model = None
        if len(set(data.component.tolist())) >= LEAST_GROUPS:
            kept = most_informative(read, self.design_effect)
            model = VariantModel.learn(kept, self.embedder, design_effect=self.design_effect)
        self._fitted = Fitted(len(read), model, spread_of(data))
        return self

    def compare(self, a: str, b: str) -> Comparison:
        """Return what is expected of b against a.

        Raises:
            NotFittedError: it was not fitted.
            ValueError: a or b is no str.
            ModelError: the embedder cannot embed them.
        """
        return self.compare_many([(a, b)])[0]

    def compare_many(self, pairs: Iterable[tuple[str, str]]) -> list[Comparison]:
        """Return what is expected of the second text of each pair against the first; each text is read once.

        Raises:
            NotFittedError: it was not fitted.
            ValueError: `pairs` are no pairs of str.
            ModelError: the embedder cannot embed them.
        """
        wanted = [_checked_pair(pair) for pair in check_items("pairs", pairs, "pairs of texts")]
        fitted = self._known()
        seen = self._see(fitted, [text for pair in wanted for text in pair])
        return [self._comparison(fitted, a, b, seen) for a, b in wanted]

    def score(self, text: str) -> float:
        """Return the expected log-odds of a success above those of the average text it was fitted on.

        Differences between scores are what it is for; they are those of `compare`.

        Raises:
            NotFittedError: it was not fitted.
            ValueError: text is no str.
            ModelError: the embedder cannot embed it.
        """
        return self.score_many([text])[0]

    def score_many(self, texts: Iterable[str]) -> list[float]:
        """Return the score of each text, as `score` does."""
        wanted = [_checked(text) for text in check_items("texts", texts, "texts")]
        seen = self._see(self._known(), wanted)
        return [seen[text].score if seen else 0.0 for text in wanted]

    def evaluate(self, groups: Iterable[Group]) -> RankingEvaluation:
        """Return how well it does on contrasts that it was not fitted on.

        Raises:
            NotFittedError: it was not fitted, or no group compares anything.
            OutcomeError: there are no groups, or one cannot be.
            ModelError: the embedder cannot embed the texts.
        """
        fitted, read = self._known(), read_groups(groups)
        if not read:
            raise NotFittedError("no group has two texts that somebody saw; there is nothing to evaluate on")
        data = contrasts(read, design_effect=self.design_effect)
        seen = self._see(fitted, data.texts)
        scores = np.array([seen[text].score if seen else 0.0 for text in data.texts], dtype=np.float64)
        pairs = zip(*pairs_of(data), strict=True)
        variance = [_variance(fitted, data.texts[a], data.texts[b], seen) for a, b in pairs]
        return RankingEvaluation.of(
            read, data, scores, np.array(variance), level=1 - self.alpha, design_effect=self.design_effect,
            seed=self.seed,
        )  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write what was learned to a folder, whole or not at all; the embedder's name is in it, not the embedder.

        Raises:
            NotFittedError: it was not fitted.
            ModelFileError: the folder holds something else.
            OSError: it cannot be written.
        """
        fitted = self._known()
        model = fitted.model
        state = {
            "alpha": self.alpha, "design_effect": self.design_effect, "seed": self.seed, "groups": fitted.groups,
            "spread": fitted.spread, "model": None if model is None else model.state(),
            "embedder": None if self.embedder is None else [self.embedder.name, self.embedder.dimension],
        }  # fmt: skip
        write_model(path, _KIND, _VERSIONS, ModelFile({} if model is None else model.arrays(), state))

    @classmethod
    def load(cls, path: str | Path, *, embedder: Embedder | None = None) -> Self:
        """Return a ranker that `save` wrote.

        Args:
            path: of the folder.
            embedder: the one it was fitted with, which must have the same name and dimension.

        Raises:
            ModelFileError: there is none, it is damaged, or it was fitted with another embedder, or with none.
            NewerModelError: another version of postopt wrote it.
            ValueError: the embedder is none.
        """
        arrays, state = read_model(path, _KIND, _VERSIONS)
        given = None if embedder is None else [check_embedder(embedder).name, embedder.dimension]
        try:
            if state["embedder"] != given:
                raise ModelFileError(
                    f"{path} was fitted with the embedder {shown(state['embedder'])}, and {shown(given)} is given",
                    hint="pass embedder= as it was, or fit again",
                )
            ranker = cls(
                embedder=embedder, alpha=state["alpha"], design_effect=state["design_effect"], seed=state["seed"]
            )
            model = None if state["model"] is None else VariantModel.restore(arrays, state["model"])
            ranker._fitted = Fitted(int(state["groups"]), model, float(state["spread"]))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(f"{path} does not hold what a ranker saves: {error}") from error
        return ranker

    def on(self, device: str) -> VariantRanker:
        """Return it with its embedder on a device, "auto", "cpu" or "cuda"; what was learned is shared.

        All else is computed on the CPU. An embedder that cannot be moved stays where it is, and is refused on "cuda".

        Raises:
            BackendUnavailableError: the device is "cuda", and there is none, or the embedder cannot be moved.
            ValueError: there is no such device.
        """
        check_device(device)
        if self.embedder is None:
            return self
        if not isinstance(self.embedder, Movable):
            if device == "cuda":
                raise BackendUnavailableError(f"embedder {self.embedder.name} cannot be moved: it has no `on`")
            return self
        moved = self.embedder.on(device)
        if moved is self.embedder:
            return self
        ranker = VariantRanker(embedder=moved, alpha=self.alpha, design_effect=self.design_effect, seed=self.seed)
        ranker._fitted = self._fitted
        return ranker

    def _known(self) -> Fitted:
        if self._fitted is None:
            raise NotFittedError("the ranker was asked before it learned", hint="call fit(groups) first, or load(path)")
        return self._fitted

    def _see(self, fitted: Fitted, texts: Iterable[str]) -> dict[str, Seen]:
        """Return each distinct text as the model compares it; nothing if there is no model."""
        distinct = sorted(set(texts))
        if fitted.model is None or not distinct:
            return {}
        return dict(zip(distinct, fitted.model.see(distinct, self.embedder), strict=True))

    def _comparison(self, fitted: Fitted, a: str, b: str, seen: dict[str, Seen]) -> Comparison:
        difference = seen[b].score - seen[a].score if seen and a != b else 0.0
        deviation = math.sqrt(_variance(fitted, a, b, seen))
        half = NormalDist().inv_cdf(1 - self.alpha / 2) * deviation
        # Only numbers from 0.5 to 1 are mirrored without rounding.
        likely = NormalDist().cdf(abs(difference) / deviation) if deviation > 0 else 0.5
        return Comparison(
            difference=difference,
            p=likely if difference >= 0 else 1 - likely,
            interval=Interval(difference - half, difference + half, 1 - self.alpha, float(fitted.groups)),
        )


def _variance(fitted: Fitted, a: str, b: str, seen: dict[str, Seen]) -> float:
    """Return the variance of the true difference around the expected one: 0 for one text and itself."""
    if a == b:
        return 0.0
    if fitted.model is None:
        return 2 * fitted.spread**2
    return fitted.model.variance(seen[a], seen[b])


def _checked_pair(pair: object) -> tuple[str, str]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"pairs has {shown(pair)}; two texts are needed")
    return _checked(pair[0]), _checked(pair[1])


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError(f"text is {shown(text)}; a str is needed")  # noqa: TRY004 - as all others
    return text
