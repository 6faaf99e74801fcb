"""Lists of expressions, written so that they read well and spread so that they are found soon."""

from __future__ import annotations

from collections.abc import Iterator


def spread(words: str) -> str:
    """Return alternatives that match the same, in the same order, each beginning with its first letter where it can.

    "(?:bad|poor) credit" becomes "bad credit|poor credit". `re` passes over an alternative whose first letter is not
    there without trying it, but has to try a group; in a list of a hundred, that is a fifth of the time.
    """
    return "|".join(each for alternative in _alternatives(words) for each in _led_by_letters(alternative))


def _led_by_letters(alternative: str) -> Iterator[str]:
    if not alternative.startswith("(?:"):
        yield alternative
        return
    end = _closing(alternative)
    rest = alternative[end + 1 :]
    if rest[:1] in ("*", "+", "{") or rest[:2] in ("?+", "??"):
        yield alternative
        return
    heads = [*_alternatives(alternative[3:end]), *([""] if rest[:1] == "?" else [])]
    for head in heads:
        yield from _led_by_letters(head + rest.removeprefix("?"))


def _alternatives(words: str) -> Iterator[str]:
    """Yield what stands between the bars that are within no brackets."""
    start = 0
    for place, depth in _depths(words):
        if words[place] == "|" and depth == 0:
            yield words[start:place]
            start = place + 1
    yield words[start:]


def _closing(words: str) -> int:
    """Return where the group closes that an expression begins with."""
    return next(place for place, depth in _depths(words) if place and depth == 0)


def _depths(words: str) -> Iterator[tuple[int, int]]:
    """Yield each place that means something to `re` by itself, and how many groups are open behind it."""
    depth, within, escaped = 0, False, False
    for place, mark in enumerate(words):
        if escaped or mark == "\\":
            escaped = not escaped
            continue
        if within or mark == "[":
            within = mark != "]"
            continue
        depth += (mark == "(") - (mark == ")")
        yield place, depth
