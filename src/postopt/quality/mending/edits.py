"""Edits that follow from a finding by a rule, without any model: the same each time.

An edit only proposes; whether it stays is decided in `verdicts`. Edits of the letter change marks, spaces and
characters. Edits of the content leave out sentences or words, add a fact, or put one back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from postopt.judgement import Finding, QualityReport
from postopt.quality import platform, policy
from postopt.quality.correctness import mended
from postopt.quality.mending.keeping import places
from postopt.quality.mending.sentences import holding, sentences, without
from postopt.quality.platform import Limit, PlatformProfile
from postopt.quality.spans import Span
from postopt.quality.stating.facts import BrokenFact, broken_facts
from postopt.types import Brief

Texts: TypeAlias = Iterator[tuple[str, str]]  # what was done, and the text

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")
_HASHTAG = re.compile(r"#\w+")
_MOST_TAGS = 100  # looked at; arbitrary, more than any platform takes
_ARTICLE = re.compile(r"(?<!\w)(?:the|our|your|this|these|its|their|my) \Z", re.IGNORECASE)
_NOUN = re.compile(r" (?!(?:of|for|to|and|or|in|on|with|is|are|was|will|that|by)\b)[^\W\d_]{3,}")
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
    """Yield the text with its missing facts in lines of their own: all of them, then one by one."""
    missing = [fact for fact in _broken(draft) if fact.span is None]
    for facts in (missing, *([fact] for fact in missing)) if len(missing) > 1 else (missing,):
        what = f"added {len(facts)} missing {'fact' if len(facts) == 1 else 'facts'}"
        for lines in ([f"{_initial(fact.name)}: {fact.value}" for fact in facts], [fact.value for fact in facts]):
            longer = _with_lines(draft.text, lines)
            yield what, longer
            yield f"{what} and shortened the rest", _shortened(draft._replace(text=longer), _most)


def _forbidden(draft: Draft, _: list[Finding]) -> Texts:
    found = policy.forbidden_places(draft.text, draft.brief) if draft.brief is not None else ()
    spans = [_whole_hashtag(draft.text, span) for _, span in found]
    if not all(_spare(draft.text, span) for span in spans):
        yield "left out the sentences with a forbidden word", _without_sentences(draft, spans)
    yield "left out the forbidden words", _without_words(draft.text, spans)


def _sentences_found(draft: Draft, findings: list[Finding]) -> Texts:
    yield "left out the sentences that it stands in", _without_sentences(draft, _spans(findings))


def _residue(draft: Draft, findings: list[Finding]) -> Texts:
    yield from _sentences_found(draft, findings)
    yield "left it out", _without_words(draft.text, _spans(findings))


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
    "correctness.placeholder": _residue,
    "correctness.model_talk": _residue,
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
    for cut in range(1, len(value)):
        if not value[cut].isalnum() and text.startswith(value[cut:], end):
            end += len(value) - cut
            break
    for cut in range(len(value) - 1, 0, -1):
        if not value[cut - 1].isalnum() and text.endswith(value[:cut], 0, start):
            start -= cut
            break
    return start, end


def _spans(findings: Iterable[Finding]) -> list[Span]:
    return [finding.span for finding in findings if finding.span is not None]


def _without_sentences(draft: Draft, spans: list[Span]) -> str:
    """Return the text without the sentences at these places, but for those that hold a fact.

    If less than half of it were left, it is returned as it is: what it says then, nobody meant.
    """
    held = places(draft.text, draft.brief)
    parts = sentences(draft.text, held)
    left = without(draft.text, holding(spans, parts) - holding(held, parts), parts)
    return left if 2 * len(left) >= len(draft.text.strip()) else draft.text


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
    """Return a text with lines added at its end, before the hashtags that it ends with."""
    body = text.rstrip()
    for _ in range(_MOST_TAGS):
        start = len(body) - len(body.rsplit(maxsplit=1)[-1]) if body else 0
        if not _HASHTAG.fullmatch(body, start):
            break
        body = body[:start].rstrip()
    tags = text[len(body) :].rstrip()
    return "\n".join([part for part in (body, *lines) if part]) + tags


def _spare(text: str, span: Span) -> bool:
    """Whether a place can go alone: a hashtag, or an English adjective between an article and its noun."""
    start, end = span
    alone = _ARTICLE.search(text, max(0, start - 10), start) and _NOUN.match(text, end)
    return text[start] == "#" or alone is not None


def _whole_hashtag(text: str, span: Span) -> Span:
    """Return the hashtag that a place is in, or the place itself."""
    start = text.rfind("#", 0, span[0] + 1)
    found = _HASHTAG.match(text, start) if start >= 0 else None
    return found.span() if found is not None and span[0] < found.end() else span


def _initial(name: str) -> str:
    return name[:1].upper() + name[1:]
