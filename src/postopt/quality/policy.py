"""Whether a text keeps the platform's rules for ads and the brief's list of forbidden words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from postopt.generation.constraints import Constraints
from postopt.judgement import Finding
from postopt.quality.arguments import check_arguments
from postopt.quality.platform import PlatformProfile, profile_for
from postopt.quality.rules.addressing import ascribed
from postopt.quality.rules.bans import BANS, SAYS
from postopt.quality.spans import MOST_READ, Span, fold, folded, in_order, legible, masked, quoted, undressed
from postopt.quality.stating.links import HASHTAG
from postopt.types import Brief

_LIKE_A_SPACE = str.maketrans("\t\u00a0\u202f\u2009", "    ") | {ord("’"): "'"}


def check(
    text: str,
    brief: Brief | None = None,
    language: str | None = None,
    *,
    profile: PlatformProfile | None = None,
) -> list[Finding]:
    """Return what in a text is forbidden, in the order of its places.

    Rules: "policy.forbidden_word" (hard) for what the brief forbids; "policy.personal_attribute.<attribute>" for what
    it says or asks of its reader; "policy.before_after", "policy.self_perception", "policy.fake_button",
    "policy.profanity", "policy.sensational". Whether these are hard is the profile's to say: an ad with a personal
    attribute is not shown, of other posts the standard says nothing.

    Args:
        text: the post, any text; its first 100,000 characters are read; only forbidden words are sought in all of it.
        brief: what it was to say.
        language: not needed: English and Spanish are read whatever the text's own; all checks take it.
        profile: of the platform, if it is not `brief.platform`.

    Raises:
        PostDataError: text, brief or language is none.
        ValueError: `profile` is none.
    """
    check_arguments(text, brief, language)
    platform = profile_for(brief, profile)
    found = [
        Finding(
            rule="policy.forbidden_word",
            axis="policy",
            message=_forbidden(quoted(text, span), f'"{word}"'),
            span=span,
            hard=True,
            source="brief",
        )
        for word, span in (forbidden_places(text, brief) if brief is not None else ())
    ]
    plain, origin = legible(text[:MOST_READ])
    plain = plain.translate(_LIKE_A_SPACE)
    ends: dict[str, int] = {}
    for attribute, place in sorted(ascribed(plain), key=lambda item: item[1]):
        if place[0] >= ends.get(attribute, 0):  # several rules may find the same
            ends[attribute] = place[1]
            span = origin(place[0]), origin(place[1])
            says = f"says or asks of the reader: {attribute.replace('_', ' ')}. Speak of the offer instead"
            found.append(_finding("personal_attribute", attribute, text, span, says, platform))
    for name, expression in BANS.items():
        for match in expression.finditer(plain):
            span = (origin(match.start()), origin(match.end()))
            found.append(_finding(name, "", text, span, SAYS[name], platform))
    return in_order(found)


def _forbidden(place: str, word: str) -> str:
    return f"{place} is forbidden." if place == word else f"{place} holds the forbidden {word}."


def forbidden_places(text: str, brief: Brief) -> tuple[tuple[str, Span], ...]:
    """Return the brief's forbidden words that a text holds, each place of each, in the order of the places.

    What counts as a place is `Constraints.forbidden_in`'s to say, of the text in plain letters: full-width and
    mathematical ones hide nothing. A hashtag that holds one is its place. Of a word that stands only after the first
    100,000 characters, all that comes after them is the place.
    """
    text = undressed(text)
    held = _constraints(brief).forbidden_in(text) if brief.forbidden else ()
    elsewhere = (MOST_READ if len(text) > MOST_READ else 0, len(text))
    found = [(word, span) for word in held for span in list(_places(text, word)) or [elsewhere]]
    return tuple(sorted(found, key=lambda item: item[1]))


def _places(text: str, word: str) -> Iterator[Span]:
    """Yield where a forbidden word stands: hashtags that hold it, and elsewhere whole words."""
    alone = _constraints(Brief(topic="-", forbidden=(word,)))
    tags = [match.span() for match in HASHTAG.finditer(text[:MOST_READ]) if alone.forbidden_in(match[0])]
    yield from tags
    # Within a tag, the tag is the place.
    plain, origin = folded(masked(text[:MOST_READ], tags))
    sought = fold(word).strip()
    start = plain.find(sought)
    while start >= 0:
        first, last = origin(start), origin(start + len(sought))
        # Whether it is a word of its own, two characters on either side decide.
        if alone.forbidden_in(text[max(0, first - 2) : last + 2]):
            yield first, last
        start = plain.find(sought, start + 1)


@lru_cache(maxsize=256)
def _constraints(brief: Brief) -> Constraints:
    return Constraints(brief)


def _finding(rule: str, kind: str, text: str, span: Span, says: str, platform: PlatformProfile) -> Finding:
    known = platform.rule(rule)
    return Finding(
        rule=f"policy.{rule}" + (f".{kind}" if kind else ""),
        axis="policy",
        message=f"{quoted(text, span)} {says}.",
        span=span,
        hard=known is not None and known.hard,
        source=str(known.source) if known is not None else "host",
    )
