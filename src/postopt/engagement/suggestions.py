"""What would improve a post, as far as experiments say so: edits that were applied, and by default nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final, Protocol, TypeAlias

from postopt._checks import check_count
from postopt.engagement.advising.advice import ADVICE
from postopt.engagement.advising.estimates import ALPHA
from postopt.engagement.advising.rewrites import REWRITES
from postopt.engagement.advising.traits import LONGEST, TRAITS, reading_of
from postopt.engagement.evidence import Evidence, EvidenceCatalogue
from postopt.errors import PostDataError, shown
from postopt.experiments.effects import as_lift
from postopt.generation.constraints import Constraints
from postopt.judgement import QualityReport
from postopt.quality import claims, policy
from postopt.quality.lexicon import FUNCTION_WORD_SETS, primary
from postopt.quality.mending.verdicts import Ranker
from postopt.quality.readable import read
from postopt.stats.interval import Interval
from postopt.types import Brief, Post

# The share of a text's words that are function words of its language, at least. On public posts 5 % of those in English
# that have any stay below, of those in Italian 85 %, in Indonesian 96 %.
_CLEAR = 1 / 8

# Code points of a text in which an edit is one as in the tests: the longest headline there has 120. In a longer text a
# mark is a small part. Arbitrary.
_MOST_REWRITTEN: Final = 280

# Words, in one line, that 98 % of the headlines have whose tests the shipped evidence comes from.
_LIKE_TESTED: Final = (7, 21)

MOST_ADVICE: Final = 3
"""Most pieces of advice that `suggest(post, advice=True)` adds; arbitrary."""

# Standard deviation, in log-odds, of a ranker that says it is sure.
_LEAST_DEVIATION: Final = 1e-6

# Advice to speak of one person, or to report what is said, is for texts that somebody is in.
_SOMEBODY: Final = ("people", "man", "woman", "child", "they", "he_she")
_OF_SOMEBODY: Final = frozenset({"person", "voice"})

AnyText: TypeAlias = str | Post | Mapping[str, Any]  # Any: what a host's row holds


class Scorer(Protocol):
    """Says what forbids publishing a text; `QualityScorer` does."""

    def score(self, text: str, brief: Brief | None, /) -> QualityReport:
        """Return the report on a text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One edit, and what it may bring.

    Attributes:
        edit: name of the edit, as its evidence has it: "without_question", "at_least_70_characters".
        text: the post with the edit applied; of mere advice (`advice=True`) the post as it is. So `text` always keeps
            the facts of the post, and is never a sentence about it.
        advice: the edit in words, for whoever writes; in the post's language.
        rewritten: whether `text` has the edit applied.
        lift: the predicted difference, .10 for 10 % more: by how much the evidence says that texts with the edit do
            better, together with what the ranker says of this one. The evidence is on other texts: what the edit
            brings to this one is less sure than the interval says.
        interval: of the lift, at 95 %. Its lower bound is what suggestions are ordered by.
        evidence: what that rests on, and of which outcome it speaks.
        p: the ranker's probability that `text` beats the post; None without a ranker, or where nothing was rewritten.
    """

    edit: str
    text: str
    advice: str
    rewritten: bool
    lift: float
    interval: Interval
    evidence: Evidence
    p: float | None = None

    def explain(self) -> str:
        """Return what is to be gained at least, the advice, and what it rests on, in words."""
        least, most = (f"{100 * bound:+.1f} %" for bound in self.interval[:2])
        return f"At least {least} (up to {most}): {self.advice} {self.evidence.explain()}"

    __str__ = explain


def suggest(
    post: AnyText,
    *,
    advice: bool = False,
    catalogue: EvidenceCatalogue | None = None,
    ranker: Ranker | None = None,
    scorer: Scorer | None = None,
    limit: int = 5,
) -> list[Suggestion]:
    """Return the post as edits make it that evidence speaks for, the surest first; for most posts there is none.

    An edit is shown if a rule can apply it without changing what the post says, and if the difference that is
    predicted excludes 0. The order is that of the interval's lower bound, not of the lift.

    Laws:
        - Only what stands is shown: told from no effect with all traits in mind, found again in later data, and an
          interval without 0. Only what the post lacks: `evidence.matches(post)` is false of each, and
          `evidence.matches(text)` true of each that is `rewritten`.
        - Evidence speaks of its own language alone. A post in another one, or in one that neither the post nor an
          eighth of its words tell, gets nothing: whether what holds in English holds there is not known.
        - What is denied (words of fear, grief, anger, or sensitive attributes) is never suggested, whatever it earns,
          nor is what `ADVICE` has no sentence for: superlatives, say, or speaking of women.
        - Of edits that speak of one thing, such as the length, the surest is shown, randomised evidence before all.
        - Associations, which only a catalogue has that a host added them to, come after all that is randomised, and not
          at all where randomised evidence on the same trait points the other way.
        - Evidence on clicks and evidence on reactions stand beside each other, each with its outcome.
        - A rewritten text holds what the brief asks for as far as the post did, and has the edit; one that breaks a
          rule that the post keeps is dropped.
        - With a ranker the lift is the mean of both, each weighted by how sure it is, as if they rested on different
          tests; a suggestion whose interval then holds 0 is dropped, and so is one that the ranker says is worse. The
          lift of an association stays as it is.
        - A blank text, and one of more than 280 code points, is not rewritten. Pure, but for scorer and ranker.

    Args:
        post: a `Post`, a mapping with `text` and perhaps `language` and `brief`, or a text.
        advice: whether to add, behind what is rewritten, up to `MOST_ADVICE` edits that no rule can apply, as
            sentences for whoever writes. Only for a post like the headlines of the tests, one line of 7 to 21 words; to
            speak of a person, or of what is said, only where the post speaks of somebody.
        catalogue: the evidence; the shipped one (clicks on English headlines) unless given.
        ranker: compares a rewritten text with the post.
        scorer: says whether a rewritten text may be published; unless given, the rules of `quality.policy` and
            `quality.claims` do.
        limit: most suggestions.

    Raises:
        PostDataError: `post` is none of these, or one of its fields has another type.
        ValueError: `limit` is below 1, `advice` is no bool, `catalogue` is none, or `ranker` or `scorer` lacks its
            method.
        ModelFileError: the shipped catalogue cannot be read.
    """
    check_count("limit", limit)
    if not isinstance(advice, bool):
        raise ValueError(f"advice is {shown(advice)}; True or False is needed")  # noqa: TRY004 - as all others
    known = EvidenceCatalogue.default() if catalogue is None else catalogue
    if not isinstance(known, EvidenceCatalogue):
        raise ValueError(f"catalogue is {shown(known)}; an EvidenceCatalogue is needed")  # noqa: TRY004 - as all others
    for name, judge, method in (("ranker", ranker, "compare"), ("scorer", scorer, "score")):
        if judge is not None and not callable(getattr(judge, method, None)):
            raise ValueError(f"{name} is {shown(judge)}; what has `{method}` is needed, or None")
    draft = _drafted(post)
    if not draft.text.strip() or len(draft.text) > LONGEST:
        return []
    edits, spoken_of = _edits(known, draft), set[tuple[str, str]]()
    found = _first_of_each(edits, lambda edit: _applied(draft, edit, ranker, scorer), spoken_of)
    found.sort(key=lambda shown: (shown.evidence.kind != "randomised", -shown.interval.low, shown.edit))
    if advice:
        found += _first_of_each(edits, lambda edit: _advised(draft, edit, scorer), spoken_of)[:MOST_ADVICE]
    return found[:limit]


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    language: str
    brief: Brief | None


@dataclass(frozen=True, slots=True)
class _Edit:
    evidence: Evidence
    about: str
    advice: str

    @property
    def place(self) -> tuple[str, str]:
        """Of which one is shown: what the edit is about, and which outcome it lifts; an association lifts any."""
        return self.about, self.evidence.outcome if self.evidence.kind == "randomised" else ""


def _drafted(post: AnyText) -> _Draft:
    if isinstance(post, Post):
        return _Draft(post.text, primary(post.brief.language), post.brief)
    if isinstance(post, str):
        return _Draft(post, _told(post), None)
    if not isinstance(post, Mapping):
        raise PostDataError(f"the post is {shown(post)}; a text, a Post or a mapping with `text` is needed")
    text, language, brief = post.get("text"), post.get("language"), post.get("brief")
    if not isinstance(text, str):
        raise PostDataError(f"the post's text is {shown(text)}; a text is needed")
    if not isinstance(language, str | None):
        raise PostDataError(f"the post's language is {shown(language)}; a language tag or None is needed")
    if not isinstance(brief, Brief | None):
        raise PostDataError(f"the post's brief is {shown(brief)}; a Brief or None is needed")
    spoken = language or (brief.language if brief is not None else _told(text))
    return _Draft(text, primary(spoken), brief)


def _told(text: str) -> str:
    """Return the language of a text that nobody names, "en" or "es", or "" where its words do not say so clearly."""
    reading = read(text[:LONGEST])  # readings are kept for a while, and so is the text they are of
    words = FUNCTION_WORD_SETS.get(reading.language, frozenset())
    clear = sum(word in words for word in reading.words) >= _CLEAR * len(reading.words)
    return reading.language if clear else ""


def _edits(known: EvidenceCatalogue, draft: _Draft) -> list[_Edit]:
    """Return what stands, the surest first, that the text lacks, has room for, and that there is a sentence for."""
    found = []
    for evidence in known.standing(draft.language):
        instruction = ADVICE.get(evidence.trait)
        advice = "" if instruction is None else instruction.line(draft.language, avoid=not evidence.wanted)
        if instruction is None or not advice or evidence.matches(draft.text):
            continue
        about = instruction.group or evidence.trait
        if _has_room(evidence, about, draft):
            found.append(_Edit(evidence, about, advice))
    return found


def _first_of_each(
    edits: Iterable[_Edit], make: Callable[[_Edit], Suggestion | None], spoken_of: set[tuple[str, str]]
) -> list[Suggestion]:
    """Return the first suggestion that can be made of each thing that was not spoken of; it is then."""
    found = []
    for edit in edits:
        suggestion = None if edit.place in spoken_of else make(edit)
        if suggestion is not None:
            found.append(suggestion)
            spoken_of |= {edit.place, (edit.about, "")}
    return found


def _has_room(evidence: Evidence, about: str, draft: _Draft) -> bool:
    """Whether a text that is as long as the brief allows could be as long as the edit asks for."""
    most = None if draft.brief is None else draft.brief.max_length
    asks_for_less = evidence.matches("")
    if most is None or about != "length" or asks_for_less:
        return True
    return evidence.matches(draft.text + (" x" * LONGEST)[: max(most - len(draft.text), 0)])


def _applied(draft: _Draft, edit: _Edit, ranker: Ranker | None, scorer: Scorer | None) -> Suggestion | None:
    """Return the edit as applied, or None where no rule can, or what is predicted is not surely a gain."""
    text = _rewritten(draft, edit, scorer)
    if text is None:
        return None
    suggestion = replace(_unchanged(draft, edit), text=text, rewritten=True)
    if ranker is None:
        return suggestion
    comparison = ranker.compare(draft.text, text)
    if not comparison.abstains and comparison.p < 0.5:
        return None
    suggestion = replace(suggestion, p=comparison.p)
    if edit.evidence.kind == "association":
        return suggestion  # of another outcome than that of tests
    lift, interval = _together(edit.evidence, comparison.interval)
    return replace(suggestion, lift=lift, interval=interval) if interval.low > 0 else None


def _together(evidence: Evidence, told: Interval) -> tuple[float, Interval]:
    """Return lift and interval from evidence and a ranker's interval: inverse-variance weights of two normal laws."""
    low, high, level, _ = told
    deviation = max((high - low) / (2 * NormalDist().inv_cdf((1 + level) / 2)), _LEAST_DEVIATION)
    weight, other = evidence.effect.error**-2, deviation**-2
    mean = (weight * evidence.effect.log_odds + other * (low + high) / 2) / (weight + other)
    return as_lift(evidence.effect._replace(log_odds=mean, error=(weight + other) ** -0.5), ALPHA)


def _advised(draft: _Draft, edit: _Edit, scorer: Scorer | None) -> Suggestion | None:
    """Return the edit as a sentence where the post is like those it was tested on, and no rule can apply it."""
    text = draft.text.strip()
    least, most = _LIKE_TESTED
    if "\n" in text or not least <= len(text.split()) <= most:
        return None
    reading = reading_of(text, draft.language)
    if edit.about in _OF_SOMEBODY and not any(TRAITS[name].holds(reading) for name in _SOMEBODY):
        return None
    # What a rule can apply was shown, or dropped for a reason.
    return None if _rewritten(draft, edit, scorer) is not None else _unchanged(draft, edit)


def _unchanged(draft: _Draft, edit: _Edit) -> Suggestion:
    return Suggestion(
        edit=edit.evidence.edit,
        text=draft.text,
        advice=edit.advice,
        rewritten=False,
        lift=edit.evidence.lift,
        interval=edit.evidence.interval,
        evidence=edit.evidence,
    )


def _rewritten(draft: _Draft, edit: _Edit, scorer: Scorer | None) -> str | None:
    """Return the post with the edit applied, or None where no rule can, or not without harm."""
    evidence, rewrite = edit.evidence, REWRITES.get((edit.about, edit.evidence.wanted))
    if rewrite is None or len(draft.text) > _MOST_REWRITTEN:
        return None
    kept = () if draft.brief is None else (*draft.brief.facts.values(), draft.brief.brand or "")
    text = rewrite(draft.text, kept, draft.language)
    if not evidence.matches(text):
        return None
    if draft.brief is not None:
        constraints = Constraints(draft.brief)
        if not set(constraints.violations(text)) <= set(constraints.violations(draft.text)):
            return None
    before, after = (_rules(t, draft.brief, scorer) for t in (draft.text, text))
    return None if after - before else text


def _rules(text: str, brief: Brief | None, scorer: Scorer | None) -> Counter[str]:
    """Return how often each rule finds fault with a text: the scorer's hard ones, or those of policy and claims."""
    if scorer is not None:
        return Counter(finding.rule for finding in scorer.score(text, brief).hard_failures)
    return Counter(finding.rule for finding in (*policy.check(text, brief), *claims.check(text, brief)))
