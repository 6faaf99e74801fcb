"""What is right and wrong with a text, axis by axis, and how likely the host is to take it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np

from postopt._checks import check_count, check_items
from postopt.errors import PostDataError, shown
from postopt.judgement import Axis, Prediction, QualityReport
from postopt.quality import axes, claims, correctness, novelty, platform, policy
from postopt.quality.arguments import check_arguments
from postopt.quality.decisions import Decision, Decisions
from postopt.quality.novelty import RecentPosts
from postopt.quality.platform import PlatformProfile
from postopt.quality.reliability import Reliability
from postopt.types import Brief, Post

Scored: TypeAlias = Post | Mapping[str, Any] | str  # Any: what a host's row holds


class QualityScorer:
    """Judges texts on seven separate axes; the only number over all of them is learned from what the host did.

    The axes and their values, from 0 to 1, or None where nothing can be said:
        - policy, platform, correctness, fidelity: 1 / (1 + findings), and 0 where a finding forbids publishing. Without
          a brief, fidelity is None.
        - readability: Flesch's score (English) or Szigriszt-Pazos' (Spanish) by a hundred, cut off at 0 and 1; None for
          other languages and for texts without words.
        - novelty: one minus the greatest similarity to a recent text; None without any.
        - response: the probability that the post does better than its page's recent median; None without a prediction.

    A report has no total. Once the host has told what it did with enough texts (`record`), it has the probability that
    it takes this one unchanged, measured on decisions that were not learned from (`evaluate`). Until then it says
    "uncalibrated".

    Thread-safe. Scoring changes nothing: the same text gets the same report until `record`, `remember` or `restore`.

    Args:
        profile: of the platform, by name or your own; None for that of each brief, or Facebook's without one.
        recent: what was published lately, the oldest first: texts, posts, or `RecentPosts` to share them.
        response: who predicts how a post does, if nobody hands in a prediction.
        seed: of the folds by which the probability of acceptance is learned and measured.

    Raises:
        ValueError: `profile` is unknown, `recent` holds what is no text, `response` cannot predict, or
            `seed` is negative.
    """

    def __init__(
        self,
        *,
        profile: PlatformProfile | str | None = None,
        recent: Iterable[str | Post] | RecentPosts = (),
        response: axes.Response | None = None,
        seed: int = 0,
    ) -> None:
        self.profile = platform.profile(profile) if isinstance(profile, str) else profile
        platform.profile_for(None, self.profile)
        self.recent = recent if isinstance(recent, RecentPosts) else RecentPosts(_texts(recent))
        if response is not None and not callable(getattr(response, "predict", None)):
            raise ValueError(f"response is {shown(response)}; something with a method predict(post) is needed")
        self.response = response
        self._decisions = Decisions(axes.COLUMNS, seed=check_count("seed", seed, least=0))

    def score(
        self,
        post: Scored,
        brief: Brief | None = None,
        *,
        language: str | None = None,
        prediction: Prediction | None = None,
    ) -> QualityReport:
        """Return what is right and wrong with a post or a text.

        Args:
            post: a `Post`, which brings its brief, a mapping with a `text`, and maybe `brief` and `language`, or any
                text.
            brief: what the text was to say.
            language: a tag; None for the brief's, or else the one that the words speak for.
            prediction: how it may do, if that is known; else the post's own, or that of `response`.

        Raises:
            PostDataError: `post` is neither a post nor a text, `brief` is no brief, `language` no tag, or
                `prediction` no prediction.
        """
        text, brief, language = read(post, brief, language)
        if prediction is not None and not isinstance(prediction, Prediction):
            raise PostDataError(f"prediction is {shown(prediction)}; a Prediction or None is needed")
        report = self._report(post, text, brief, language, prediction)
        model = self._decisions.model
        if model is None:
            return report
        return replace(
            report,
            acceptance=model(np.array(axes.columns(report, text))),
            acceptance_n=model.reliability.n,
            calibration=str(model.reliability),
        )

    def rank(self, reports: Sequence[QualityReport]) -> list[int]:
        """Return the places of the reports, the best first; `postopt.quality.axes.rank` says by what.

        Raises:
            ValueError: they are no reports.
        """
        return axes.rank(reports)

    def remember(self, post: Scored) -> None:
        """Take what was published as the newest of the recent texts."""
        self.recent.add(read(post, None)[0])

    def record(
        self, post: Scored, decision: Decision, brief: Brief | None = None, *, language: str | None = None
    ) -> None:
        """Take what the host did with a text: "accepted" unchanged, "edited" before it was published, or "rejected".

        The text itself is not counted among the recent ones. The latest decision on a text counts.
        Now and then the probability is learned anew, which takes up to half a second.

        Raises:
            PostDataError: the decision is none of the three, or `post` or `brief` are not what `score` takes.
        """
        text, brief, language = read(post, brief, language)
        report = self._report(post, text, brief, language, None, beside_itself=True)
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        self._decisions.record(key, axes.columns(report, text), decision)

    def evaluate(self) -> Reliability:
        """Return how well the probabilities of acceptance fit decisions that they were not learned from.

        Raises:
            NotFittedError: there are too few decisions, or too few of one kind.
        """
        return self._decisions.evaluate()

    def state(self) -> dict[str, Any]:  # Any: plain JSON
        """Return what the host decided as plain JSON, without any text of it; the recent texts are not in it."""
        return self._decisions.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put what `state` returned in the place of all decisions, and learn from it.

        Raises:
            NewerModelError: it was written by a version that reads other things from a report.
            ModelFileError: it is damaged or foreign, or an older version wrote it; nothing was changed.
        """
        self._decisions.restore(state)

    def _report(
        self,
        post: Scored,
        text: str,
        brief: Brief | None,
        language: str | None,
        prediction: Prediction | None,
        *,
        beside_itself: bool = False,
    ) -> QualityReport:
        spoken = correctness.spoken_in(text, brief, language)
        tag = spoken or None
        profile = self.profile
        similar = novelty.check(text, self.recent, beside_itself=beside_itself)
        found = (
            axes.of_rules("policy", policy.check(text, brief, tag, profile=profile)),
            axes.of_rules("platform", platform.check(text, brief, tag, profile=profile)),
            axes.of_rules("correctness", correctness.check(text, brief, language)),
            axes.of_readability(text, spoken),
            axes.unknown("fidelity", "no brief to be true to")
            if brief is None
            else axes.of_rules("fidelity", claims.check(text, brief, tag)),
            axes.of_novelty(*similar, len(self.recent)),
            self._responds(post, text, spoken, prediction),
        )
        return QualityReport(axes={axis.name: axis for axis in found})

    def _responds(self, post: Scored, text: str, language: str, prediction: Prediction | None) -> Axis:
        if prediction is None and isinstance(post, Post):
            prediction = post.prediction
        if prediction is not None:
            return axes.of_response(prediction)
        return axes.predicted(self.response, {"text": text, "language": language} if isinstance(post, str) else post)


def read(post: Scored, brief: Brief | None, language: str | None = None) -> tuple[str, Brief | None, str | None]:
    """Return text, brief and language of a post or a text; what is given goes before the post's own.

    Raises:
        PostDataError: the first is neither, the second no brief, or the third no tag.
    """
    if not isinstance(post, Post | Mapping | str):
        raise PostDataError(f"post is {shown(post)}; a Post, a mapping with a text, or a text is needed")
    own: Mapping[str, Any] = {}  # Any: what a host's row holds
    if isinstance(post, Mapping):
        text, own = post.get("text"), post
    elif isinstance(post, Post):
        text, own = post.text, {"brief": post.brief}
    else:
        text = post
    brief = own.get("brief") if brief is None else brief
    language = own.get("language") or None if language is None else language
    check_arguments(text, brief, language)
    return str(text), brief, language


def _texts(recent: Iterable[str | Post]) -> Iterable[str]:
    given = check_items("recent", recent, "texts or posts")
    return [post.text if isinstance(post, Post) else post for post in given]
