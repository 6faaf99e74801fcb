"""What is said of posts once they are written, and the order that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec, Protocol, TypeVar

from postopt.errors import PostoptError
from postopt.types import Brief, Post, Posts, Prediction, QualityReport

P = ParamSpec("P")
T = TypeVar("T")


class Repaired(Protocol):
    """What became of a text.

    `rules` names what was repaired, and `left` what forbids publishing it even so, both without a word of it; each is
    empty if there is nothing.
    """

    @property
    def text(self) -> str: ...  # noqa: D102 - said above
    @property
    def rules(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def left(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def cost_usd(self) -> float: ...  # noqa: D102


class TextEnhancer(Protocol):
    """Repairs a text before it is checked; `postopt.quality.Enhancer` is one."""

    async def enhance(self, text: str, brief: Brief, /) -> Repaired:
        """Return the text, repaired or as it is; what a generator behind it fails to do is no error."""
        ...


class PostScorer(Protocol):
    """Says what is right and wrong with a post; `postopt.quality.QualityScorer` is one."""

    def score(self, post: Post, /, *, prediction: Prediction | None) -> QualityReport:
        """Return the report; a prediction, where there is one, is part of it."""
        ...

    def rank(self, reports: Sequence[QualityReport], /) -> Sequence[int]:
        """Return the places of the reports, the best first."""
        ...


class PostPredictor(Protocol):
    """Says how a post may do; `postopt.engagement.EngagementPredictor` is one."""

    def predict(self, post: Post, /) -> Prediction:
        """Return the prediction."""
        ...


class Judge:
    """Gives each post its report and prediction, and puts the best first.

    One that fails costs no post: the post has no report, or no prediction, and stands behind those that have.

    Args:
        scorer: who writes the reports and ranks them, or None.
        predictor: who predicts, and ranks where there is no scorer, or None.

    Attributes:
        failed: how often a report or a prediction could not be made.
    """

    def __init__(self, scorer: PostScorer | None = None, predictor: PostPredictor | None = None) -> None:
        self.failed = 0
        self._scorer = scorer
        self._predictor = predictor

    def __call__(self, posts: Posts) -> Posts:
        """Return the posts with what is said of them; in the order they had if nobody judges."""
        if self._scorer is None and self._predictor is None:
            return posts
        judged = [self._judged(post) for post in posts]
        return Posts(posts.brief, self._ranked(judged), posts.rejections)

    def _judged(self, post: Post) -> Post:
        prediction, report = None, None
        if self._predictor is not None:
            prediction = self._tried(self._predictor.predict, post)
        if self._scorer is not None:
            report = self._tried(self._scorer.score, post, prediction=prediction)
        return replace(post, report=report, prediction=prediction)

    def _ranked(self, posts: Sequence[Post]) -> list[Post]:
        if self._scorer is None:
            return sorted(posts, key=_chance, reverse=True)  # stable: equals stay in the order of their variants
        reported = [post for post in posts if post.report is not None]
        order = self._tried(self._scorer.rank, [post.report for post in reported if post.report is not None])
        ranked = reported if order is None else [reported[place] for place in order]
        return ranked + [post for post in posts if post.report is None]

    def _tried(self, call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | None:
        try:
            return call(*args, **options)
        except PostoptError:
            self.failed += 1
            return None


def _chance(post: Post) -> float:
    return -1.0 if post.prediction is None else post.prediction.p_above_baseline
