"""Edits that follow from a finding by a rule, without any model: the same each time.

An edit only proposes; whether it stays is decided in `verdicts`. Edits of the letter change marks, spaces and
characters. Edits of the content leave out sentences or words, add a fact, or put one back. None leaves half a sentence
behind: what cannot go as a whole stays, and so does its finding, for a generator or the host. What a model says of
itself, or instead of a post, no edit touches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from postopt.judgement import Finding, QualityReport
from postopt.quality import platform, policy
from postopt.quality.correctness import mended, spoken_in
from postopt.quality.mending.keeping import places
from postopt.quality.mending.leaving_out import without_sentences
from postopt.quality.mending.sentences import holding, sentences, without
from postopt.quality.mending.sparing import Cut, cut, greeted
from postopt.quality.platform import Limit, PlatformProfile
from postopt.quality.spans import Span, overlap
from postopt.quality.stating.facts import BrokenFact, broken_facts, kept_places
from postopt.quality.stating.units import same_kind
from postopt.types import Brief

Texts: TypeAlias = Iterator[tuple[str, str]]  # what was done, and the text

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")
_HASHTAG = re.compile(r"#\w+")
_SIGNATURE = re.compile(r"(?:\A|\n)[ \t]*[—–―][^\n]{0,100}\Z")
_LETTERS = re.compile(r"[^\W\d_]+")
_STEM = 4  # letters that tell that "ships" speaks of "shipping"; arbitrary
_MOST_TAGS = 100  # looked at; arbitrary, more than any platform takes
_NO_SPACE_BEFORE = " \t\n.,;:!?)"  # and so the end of a text, which is "" and in every text
_BLANKS = 8  # more of them in a row are not looked at
_LENGTHS = ("code_points", "weighted")


class Edit(NamedTuple):
    """A proposal.

    Attributes:
        rule: whose finding it is to remove.
        axis: of that finding.
        hard: whether that finding forbids publishing.
        content: whether it changes what the text says, and not only its letter.
        did: what it did, in words.
        text: the text after it.
    """

    rule: str
    axis: str
    hard: bool
    content: bool
    did: str
    text: str


class Draft(NamedTuple):
    """A text, with all that an edit of it needs to know."""

    text: str
    brief: Brief | None
    profile: PlatformProfile
    language: str | None  # told by somebody


def edits(draft: Draft, report: QualityReport) -> Iterator[Edit]:
    """Yield the edits that the findings of a report ask for, those of hard ones first; each gives another text."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(report.findings, key=lambda finding: not finding.hard):
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, findings in by_rule.items():
        first = findings[0]
        letter = _of_the_letter(draft, rule)
        if letter != draft.text:
            yield Edit(rule, first.axis, first.hard, content=False, did="mended the letter", text=letter)
        propose = _BY_RULE.get(rule) or _BY_AXIS.get(rule.partition(".")[0])
        for did, text in propose(draft, findings) if propose else ():
            if text != draft.text and text.strip():
                yield Edit(rule, first.axis, first.hard, content=True, did=did, text=text)


def _of_the_letter(draft: Draft, rule: str) -> str:
    if rule in ("platform.control_character", "platform.unencodable"):
        return _UNPRINTABLE.sub("", draft.text)
    return mended(draft.text, rule, draft.brief, draft.language) if rule.startswith("correctness.") else draft.text


def _changed_facts(draft: Draft, _: list[Finding]) -> Texts:
    text = draft.text
    near = [(_widened(text, fact.span, fact.value), fact.value) for fact in _broken(draft) if fact.span is not None]
    for (start, end), value in sorted(near, reverse=True):
        text = f"{text[:start]}{value}{text[end:]}"
    yield "put the facts back as they are in the brief", text


def _broken(draft: Draft) -> tuple[BrokenFact, ...]:
    return () if draft.brief is None else broken_facts(draft.text, draft.brief)


def _missing_facts(draft: Draft, _: list[Finding]) -> Texts:
    """Yield the text with its missing facts in lines of their own: all of them, then one by one.

    Not those that the text seems to contradict: it would say both.
    """
    missing = [fact for fact in _broken(draft) if fact.span is None and not _contradicted(draft, fact)]
    for facts in (missing, *([fact] for fact in missing)) if len(missing) > 1 else (missing,):
        what = f"added {len(facts)} missing {'fact' if len(facts) == 1 else 'facts'}"
        for lines in ([f"{_initial(fact.name)}: {fact.value}" for fact in facts], [fact.value for fact in facts]):
            longer = _with_lines(draft.text, lines)
            yield what, longer
            yield f"{what} and shortened the rest", _shortened(draft._replace(text=longer), _most)


def _contradicted(draft: Draft, fact: BrokenFact) -> bool:
    """Whether a sentence names an amount and what a fact is called, and the fact is an amount of that kind."""
    stated = kept_places(draft.text, draft.brief) if draft.brief is not None else []
    others = [span for span in same_kind(draft.text, fact.value) if not any(overlap(span, place) for place in stated)]
    if not others:
        return False
    called = {word[:_STEM] for word in _LETTERS.findall(fact.name.casefold()) if len(word) >= _STEM}
    parts = sentences(draft.text)
    said = (draft.text[parts[number].start : parts[number].end].casefold() for number in holding(others, parts))
    return any(word[:_STEM] in called for sentence in said for word in _LETTERS.findall(sentence))


def _forbidden(draft: Draft, _: list[Finding]) -> Texts:
    def found(text: str) -> list[Span]:
        every = policy.forbidden_places(text, draft.brief) if draft.brief is not None else ()
        return [_whole_hashtag(text, span) for _, span in every]

    language = spoken_in(draft.text, draft.brief, draft.language)
    yield "left out the forbidden words before what they describe", _spared(draft.text, found, language)
    yield "left out the sentences with a forbidden word", without_sentences(draft.text, found(draft.text), draft.brief)


def _spared(text: str, found: Callable[[str], list[Span]], language: str) -> str:
    """Return a text without what is found in it, wherever that can go alone."""
    text = text.strip()
    end = len(text)
    for span in reversed(found(text)):  # what goes moves nothing that stands before it
        if span[1] <= end:
            end = span[0]
            if (gone := cut(text, span, language)) is not None:
                text = _replaced(text, gone)
                end = min(end, gone.start)
    return text


def _sentences_found(draft: Draft, findings: list[Finding]) -> Texts:
    yield "left out the sentences that it stands in", without_sentences(draft.text, _spans(findings), draft.brief)


def _placeholder(draft: Draft, findings: list[Finding]) -> Texts:
    text = draft.text
    for span in sorted(_spans(findings), reverse=True):
        if (gone := greeted(text, span)) is not None:
            text = _replaced(text, gone)
    yield "left out the name that is greeted", text
    yield from _sentences_found(draft, findings)


def _too_long(draft: Draft, findings: list[Finding]) -> Texts:
    most = _most if any(finding.hard for finding in findings) else _undisputed
    yield "left out the last sentences that hold no fact", _shortened(draft, most)


def _longer_than_recommended(draft: Draft, _: list[Finding]) -> Texts:
    yield "left out the last sentences that hold no fact", _shortened(draft, _recommended)


def _too_many_hashtags(draft: Draft, findings: list[Finding]) -> Texts:
    start = min((finding.span[0] for finding in findings if finding.span is not None), default=len(draft.text))
    spare = [found.span() for found in _HASHTAG.finditer(draft.text, start)]
    yield "left out the last hashtags", _without_words(draft.text, spare)


def _fold(draft: Draft, findings: list[Finding]) -> Texts:
    """Yield the text with fewer sentences before what the fold hides, as many as it takes."""
    held = places(draft.text, draft.brief)
    parts = sentences(draft.text, held)
    hidden = min((finding.span[0] for finding in findings if finding.span is not None), default=0)
    needed = holding(held, parts)
    spare = [number for number, part in enumerate(parts) if part.end <= hidden and number not in needed]
    for count in range(1, len(spare) + 1):
        shorter = without(draft.text, spare[-count:], parts)
        left = platform.check(shorter, draft.brief, draft.language, profile=draft.profile)
        if not any(finding.rule == "platform.fold" for finding in left):
            yield "left out sentences before the fold that hold no fact", shorter
            return


_BY_RULE: Final[dict[str, Callable[[Draft, list[Finding]], Texts]]] = {
    "facts.changed": _changed_facts,
    "facts.missing": _missing_facts,
    "policy.forbidden_word": _forbidden,
    "correctness.placeholder": _placeholder,
    "platform.too_long": _too_long,
    "platform.longer_than_recommended": _longer_than_recommended,
    "platform.too_many_hashtags": _too_many_hashtags,
    "platform.fold": _fold,
}
_BY_AXIS: Final[dict[str, Callable[[Draft, list[Finding]], Texts]]] = {
    "claims": _sentences_found,
    "policy": _sentences_found,
}


def _widened(text: str, span: Span, value: str) -> Span:
    """Return a place with what stands around it already of the value that will: " am" for "7:30 am" at "8:30" am."""
    start, end = span
    for place in range(1, len(value)):
        if not value[place].isalnum() and text.startswith(value[place:], end):
            end += len(value) - place
            break
    for place in range(len(value) - 1, 0, -1):
        if not value[place - 1].isalnum() and text.endswith(value[:place], 0, start):
            start -= place
            break
    return start, end


def _spans(findings: Iterable[Finding]) -> list[Span]:
    return [finding.span for finding in findings if finding.span is not None]


def _replaced(text: str, gone: Cut) -> str:
    if not gone.instead:
        return _without_words(text, [(gone.start, gone.end)])
    return text[: gone.start] + gone.instead + text[gone.end :]


def _without_words(text: str, spans: Iterable[Span]) -> str:
    """Return the text without these places, and without the spaces that would stand alone then."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        piece, after = text[end:start], text[stop : stop + 1]
        if after in _NO_SPACE_BEFORE:
            piece = piece.rstrip(" \t")
        pieces.append(piece)
        end = max(end, stop)
        if not piece or piece[-1] == "\n":
            end += len(text[end : end + _BLANKS]) - len(text[end : end + _BLANKS].lstrip(" \t"))
    return "".join([*pieces, text[end:]]).strip()


def _most(limit: Limit) -> int | None:
    return limit.disputed_to or limit.maximum


def _undisputed(limit: Limit) -> int | None:
    return limit.maximum


def _recommended(limit: Limit) -> int | None:
    return limit.maximum if limit.recommended is None else limit.recommended


def _shortened(draft: Draft, most_of: Callable[[Limit], int | None]) -> str:
    """Return the text without as many of its last sentences as are too many; those that hold a fact stay."""
    limits = [(limit.unit, most_of(limit)) for limit in draft.profile.limits if limit.unit in _LENGTHS]
    if draft.brief is not None:
        limits.append(("code_points", draft.brief.max_length))
    held = places(draft.text, draft.brief)
    parts = sentences(draft.text, held)
    spare = sorted(set(range(len(parts))) - holding(held, parts))
    gone: set[int] = set()
    for unit, most in limits:
        if most is None:
            continue
        sizes = [platform.length(draft.text[part.start : part.end] + part.gap, unit) for part in parts]
        size = sum(sizes) - sum(sizes[number] for number in gone)
        while spare and size > most:
            gone.add(spare[-1])
            size -= sizes[spare.pop()]
    return without(draft.text, gone, parts)


def _with_lines(text: str, lines: list[str]) -> str:
    """Return a text with lines added at its end, before the hashtags and the signature that it ends with."""
    body = text.rstrip()
    for _ in range(_MOST_TAGS):
        shorter = _without_tags(body)
        if signed := _SIGNATURE.search(shorter):
            shorter = shorter[: signed.start()].rstrip()
        if shorter == body:
            break
        body = shorter
    ending = text[len(body) :].rstrip()
    return "\n".join([part for part in (body, *lines) if part]) + ending


def _without_tags(body: str) -> str:
    for _ in range(_MOST_TAGS):
        start = len(body) - len(body.rsplit(maxsplit=1)[-1]) if body else 0
        if not _HASHTAG.fullmatch(body, start):
            break
        body = body[:start].rstrip()
    return body


def _whole_hashtag(text: str, span: Span) -> Span:
    """Return the hashtag that a place is in, or the place itself."""
    start = text.rfind("#", 0, span[0] + 1)
    found = _HASHTAG.match(text, start) if start >= 0 else None
    return found.span() if found is not None and span[0] < found.end() else span


def _initial(name: str) -> str:
    return name[:1].upper() + name[1:]
