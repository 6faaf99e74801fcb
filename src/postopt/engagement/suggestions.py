"""What would improve a post, as far as experiments say so; mostly nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from postopt._checks import check_count
from postopt.engagement.advising.advice import ADVICE
from postopt.engagement.advising.rewrites import REWRITES
from postopt.engagement.advising.traits import LONGEST
from postopt.engagement.evidence import Evidence, EvidenceCatalogue
from postopt.errors import PostDataError, shown
from postopt.generation.constraints import Constraints
from postopt.judgement import QualityReport
from postopt.quality import claims, policy
from postopt.quality.lexicon import FUNCTION_WORD_SETS, primary
from postopt.quality.readable import read
from postopt.stats.interval import Interval
from postopt.types import Brief, Post

# The share of a text's words that are function words of its language, at least. On public posts 5 % of those in English
# that have any stay below, of those in Italian 85 %, in Indonesian 96 %.
_CLEAR = 1 / 8

AnyText: TypeAlias = str | Post | Mapping[str, Any]  # Any: what a host's row holds


class Comparison(Protocol):
    """Which of two texts does better; see `VariantRanker.compare`."""

    @property
    def p(self) -> float: ...  # noqa: D102 - the probability that the second one does
    @property
    def abstains(self) -> bool: ...  # noqa: D102 - whether nothing is claimed


class Ranker(Protocol):
    """Says which of two texts does better; `VariantRanker` does."""

    def compare(self, a: str, b: str, /) -> Comparison:
        """Compare two texts."""
        ...


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
        text: the post as the edit makes it, where a rule can apply it; else the post as it is. So `text` always keeps
            the facts of the post, and is never a sentence about it.
        advice: the edit in words, for whoever writes; in the post's language.
        rewritten: whether `text` has the edit applied.
        lift: by how much the evidence says that texts with the edit do better, .10 for 10 %. It is measured on other
            texts: what it brings to this one is less sure than the interval says.
        interval: of the lift, at 95 %.
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
        """Return the advice and what it rests on, in words."""
        return f"{self.advice} {self.evidence.explain()}"

    __str__ = explain


def suggest(
    post: AnyText,
    *,
    catalogue: EvidenceCatalogue | None = None,
    ranker: Ranker | None = None,
    scorer: Scorer | None = None,
    limit: int = 5,
) -> list[Suggestion]:
    """Return what evidence says would improve a post, the surest first; often that is nothing.

    Laws:
        - Only what stands is shown: told from no effect with all traits in mind, found again in later data, and an
          interval without 0. Only what the post lacks: `evidence.matches(post)` is false of each.
        - Evidence speaks of its own language alone. A post in another one, or in one that neither the post nor an
          eighth of its words tell, gets nothing: whether what holds in English holds there is not known.
        - What is denied (words of fear, grief, anger, or sensitive attributes) is never suggested, whatever it earns,
          nor is what `ADVICE` has no sentence for: superlatives, say, or speaking of women.
        - Of edits that speak of one thing, such as the length, the surest is shown, randomised evidence before all.
        - Associations, which only a catalogue has that a host added them to, come after all that is randomised, and not
          at all where randomised evidence on the same trait points the other way.
        - Evidence on clicks and evidence on reactions stand beside each other, each with its outcome.
        - A rewritten text holds what the brief asks for as far as the post did, and has the edit; one that breaks a
          rule that the post keeps is dropped, one that the ranker says is worse together with its suggestion.
        - A blank text, and one of more than 10,000 code points, gets nothing. Pure, but for scorer and ranker.

    Args:
        post: a `Post`, a mapping with `text` and perhaps `language` and `brief`, or a text.
        catalogue: the evidence; the shipped one (clicks on English headlines) unless given.
        ranker: compares a rewritten text with the post.
        scorer: says whether a rewritten text may be published; unless given, the rules of `quality.policy` and
            `quality.claims` do.
        limit: most suggestions.

    Raises:
        PostDataError: `post` is none of these, or one of its fields has another type.
        ValueError: `limit` is below 1, `catalogue` is none, or `ranker` or `scorer` lacks its method.
        ModelFileError: the shipped catalogue cannot be read.
    """
    check_count("limit", limit)
    known = EvidenceCatalogue.default() if catalogue is None else catalogue
    if not isinstance(known, EvidenceCatalogue):
        raise ValueError(f"catalogue is {shown(known)}; an EvidenceCatalogue is needed")  # noqa: TRY004 - as all others
    for name, judge, method in (("ranker", ranker, "compare"), ("scorer", scorer, "score")):
        if judge is not None and not callable(getattr(judge, method, None)):
            raise ValueError(f"{name} is {shown(judge)}; what has `{method}` is needed, or None")
    draft = _drafted(post)
    if not draft.text.strip() or len(draft.text) > LONGEST:
        return []
    found: list[Suggestion] = []
    spoken_of: set[tuple[str, str]] = set()
    for evidence in known.standing(draft.language):
        about, advice = _advice(evidence, draft.language)
        place = (about, evidence.outcome if evidence.kind == "randomised" else "")
        if not advice or place in spoken_of or evidence.matches(draft.text) or not _has_room(evidence, about, draft):
            continue
        suggestion = _suggested(draft, evidence, about, advice, ranker, scorer)
        if suggestion is not None:
            found.append(suggestion)
            spoken_of |= {place, (about, "")}
            if len(found) == limit:
                break
    return found


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    language: str
    brief: Brief | None


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


def _advice(evidence: Evidence, language: str) -> tuple[str, str]:
    """Return what an edit is about, and the sentence that asks for it, or "" where there is none."""
    instruction = ADVICE.get(evidence.trait)
    if instruction is None:
        return "", ""
    return instruction.group or evidence.trait, instruction.line(language, avoid=not evidence.wanted)


def _has_room(evidence: Evidence, about: str, draft: _Draft) -> bool:
    """Whether a text that is as long as the brief allows could be as long as the edit asks for."""
    most = None if draft.brief is None else draft.brief.max_length
    asks_for_less = evidence.matches("")
    if most is None or about != "length" or asks_for_less:
        return True
    return evidence.matches(draft.text + " x" * ((most - len(draft.text)) // 2))


def _suggested(
    draft: _Draft, evidence: Evidence, about: str, advice: str, ranker: Ranker | None, scorer: Scorer | None
) -> Suggestion | None:
    text, p = _rewritten(draft, evidence, about, scorer), None
    if text is not None and ranker is not None:
        comparison = ranker.compare(draft.text, text)
        if not comparison.abstains and comparison.p < 0.5:
            return None
        p = comparison.p
    return Suggestion(
        edit=evidence.edit,
        text=draft.text if text is None else text,
        advice=advice,
        rewritten=text is not None,
        lift=evidence.lift,
        interval=evidence.interval,
        evidence=evidence,
        p=p,
    )


def _rewritten(draft: _Draft, evidence: Evidence, about: str, scorer: Scorer | None) -> str | None:
    """Return the post with the edit applied, or None where no rule can, or not without harm."""
    rewrite = REWRITES.get((about, evidence.wanted))
    if rewrite is None:
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
