"""Whether a text fits the platform it is for: its length, its hashtags, and what shows before "See more"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.errors import shown
from postopt.judgement import Finding
from postopt.quality.arguments import check_arguments
from postopt.quality.counting.lengths import length as length  # noqa: PLC0414 - one of the questions about a platform
from postopt.quality.counting.lengths import surplus_from, whole_until
from postopt.quality.profiles.linkedin import LINKEDIN
from postopt.quality.profiles.meta import FACEBOOK, FACEBOOK_AD, INSTAGRAM
from postopt.quality.profiles.records import Fold as Fold  # noqa: PLC0414
from postopt.quality.profiles.records import Limit as Limit  # noqa: PLC0414
from postopt.quality.profiles.records import PlatformProfile as PlatformProfile  # noqa: PLC0414
from postopt.quality.profiles.records import Rule as Rule  # noqa: PLC0414
from postopt.quality.profiles.records import Source as Source  # noqa: PLC0414
from postopt.quality.profiles.x import X
from postopt.quality.spans import Span, in_order, quoted
from postopt.types import Brief

_PROFILES: Final = {ours.name: ours for ours in (FACEBOOK, FACEBOOK_AD, INSTAGRAM, X, LINKEDIN)}
_RULES: Final = {
    "code_points": "platform.too_long",
    "weighted": "platform.too_long",
    "hashtags": "platform.too_many_hashtags",
    "mentions": "platform.too_many_mentions",
}
_COUNTED: Final = {
    "code_points": "characters",
    "weighted": "characters as X counts them",
    "hashtags": "hashtags",
    "mentions": "mentions",
}
_UNPRINTABLE: Final = (
    ("platform.unencodable", "The lone surrogate", re.compile("[\ud800-\udfff]")),
    ("platform.control_character", "The control character", re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")),
)


def profile(name: str) -> PlatformProfile:
    """Return what is known of a platform.

    Raises:
        ValueError: there is none of that name; the message lists all.
    """
    found = next((ours for known, ours in _PROFILES.items() if known == name), None)
    if found is None:
        raise ValueError(f"profile is {shown(name)}; allowed: {', '.join(_PROFILES)}, or a PlatformProfile of your own")
    return found


def profile_for(brief: Brief | None, given: PlatformProfile | None = None) -> PlatformProfile:
    """Return the profile that a text is judged by: the given one, the brief's platform's, or else Facebook's."""
    if given is not None:
        if not isinstance(given, PlatformProfile):
            raise ValueError(f"profile is {shown(given)}; a PlatformProfile is needed")
        return given
    return profile(brief.platform if brief is not None else "facebook")


def check(
    text: str,
    brief: Brief | None = None,
    language: str | None = None,
    *,
    profile: PlatformProfile | None = None,
) -> list[Finding]:
    """Return how a text does not fit its platform, in the order of its places.

    Hard: a blank text, one with control characters or lone surrogates, one that is longer than the brief allows, and
    more of anything than any page allows. Warnings: more than the smallest of several disputed maxima, more than is
    recommended, and a call to action, or all facts, that only who taps "See more" will read.

    Args:
        text: the post, any text.
        brief: what it was to say; without one nothing is known to matter at the fold.
        language: not needed here; all checks take it.
        profile: of the platform, if it is not `brief.platform`.

    Raises:
        PostDataError: text, brief or language is none.
        ValueError: `profile` is none.
    """
    check_arguments(text, brief, language)
    platform = profile_for(brief, profile)
    found = [*_unprintable(text), *_over_brief(text, brief)]
    for limit in platform.limits:
        found += _over(text, limit, platform.name)
    if brief is not None:
        found += _hidden(text, brief, platform)
    return in_order(found)


def fold_at(text: str, profile: PlatformProfile) -> int | None:
    """Return how many code points show on the device that shows least, or None if nothing is cut anywhere."""
    cut = _cut(text, profile)
    return None if cut is None else cut[0]


def _cut(text: str, profile: PlatformProfile) -> tuple[int, Fold] | None:
    cuts = [(_shows(text, fold), place) for place, fold in enumerate(profile.folds)]
    shows, place = min(cuts, default=(len(text), 0))
    return None if shows >= len(text.rstrip()) else (shows, profile.folds[place])


def _shows(text: str, fold: Fold) -> int:
    """Return how many code points of a text a device shows; how it breaks long lines, nobody knows."""
    shows = min(fold.characters, len(text))
    if fold.lines is not None:
        shows = min(shows, len("".join(text[:shows].splitlines(keepends=True)[: fold.lines]).rstrip("\r\n")))
    return whole_until(text, shows)


def _unprintable(text: str) -> Iterator[Finding]:
    if not text.strip():
        yield _finding("platform.blank", "The text is blank.", None, hard=True, source="host")
    for rule, what, expression in _UNPRINTABLE:
        match = expression.search(text)
        if match is not None:
            more = expression.subn("", text)[1] - 1
            message = (
                f"{what} U+{ord(match[0]):04X}{f', and {more} more' * (more > 0)}: no platform shows it; take it out."
            )
            yield _finding(rule, message, match.span(), hard=True, source="host")


def _over_brief(text: str, brief: Brief | None) -> Iterator[Finding]:
    if brief is not None and brief.max_length is not None and len(text) > brief.max_length:
        message = f"The text has {len(text)} characters; the brief allows {brief.max_length}."
        yield _finding("platform.too_long", message, (brief.max_length, len(text)), hard=True, source="brief")


def _over(text: str, limit: Limit, platform: str) -> Iterator[Finding]:
    count, what = length(text, limit.unit), _COUNTED[limit.unit]
    if limit.maximum is not None and count > limit.maximum:
        span = (surplus_from(text, limit.unit, limit.maximum), len(text))
        hard = count > (limit.disputed_to or limit.maximum)
        message = f"The text has {count} {what}; {platform} takes {limit.maximum}."
        if limit.disputed_to is not None:
            message = message[:-1] + f", which is not settled: {limit.note}."
        yield _finding(_RULES[limit.unit], message, span, hard=hard, source=str(limit.source))
    elif limit.recommended is not None and count > limit.recommended:
        span = (surplus_from(text, limit.unit, limit.recommended), len(text))
        message = f"The text has {count} {what}; {platform} recommends {limit.recommended} at most."
        yield _finding("platform.longer_than_recommended", message, span, source=str(limit.source))


def _hidden(text: str, brief: Brief, platform: PlatformProfile) -> Iterator[Finding]:
    """Find a call to action that does not show, and facts of which none does."""
    cut = _cut(text, platform)
    if cut is None:
        return
    shows, fold = cut
    tail = f"the fold on {platform.name}, {fold.device}: only the first {shows} characters show. Say it earlier."
    call = brief.call_to_action and _place(text, brief.call_to_action)
    if call and call[1] > shows:
        message = f"The call to action, {quoted(text, call)}, stands behind {tail}"
        yield _finding("platform.fold", message, call, source=str(fold.source))
    facts = sorted(place for value in brief.facts.values() if (place := _place(text, value)))
    if facts and facts[0][1] > shows:
        message = f"No fact shows: the first, {quoted(text, facts[0])}, stands behind {tail}"
        yield _finding("platform.fold", message, facts[0], source=str(fold.source))


def _place(text: str, sought: str) -> Span | None:
    start = text.find(sought)
    return None if start < 0 else (start, start + len(sought))


def _finding(rule: str, message: str, span: Span | None, *, source: str, hard: bool = False) -> Finding:
    return Finding(rule=rule, axis="platform", message=message, span=span, hard=hard, source=source)
