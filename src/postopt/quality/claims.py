"""Whether a text says what its brief says: every fact, unchanged, and nothing that the brief does not state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.judgement import Finding
from postopt.quality.arguments import check_arguments
from postopt.quality.lexicon import primary
from postopt.quality.rules.boasts import boasts
from postopt.quality.spans import MOST_READ, Span, in_order, masked, overlap, quoted, undressed
from postopt.quality.stating.dates import ALWAYS
from postopt.quality.stating.facts import BrokenFact as BrokenFact  # noqa: PLC0414 - what `broken_facts` returns
from postopt.quality.stating.facts import broken_facts, kept_places
from postopt.quality.stating.figures import figures
from postopt.quality.stating.idle import idle_numbers
from postopt.quality.stating.names import names, renamed
from postopt.quality.stating.statements import statements_of
from postopt.types import Brief

_CALLED: Final = {
    "email": "e-mail address",
    "link": "link",
    "phone": "phone number",
    "date": "date",
    "time": "time",
    "price": "price",
    "percentage": "percentage",
    "offer": "offer",
    "number": "number",
}

_RELATIVE: Final = re.compile(
    r"(?<!\w)(?:tomorrow|tonight|this weekend|next (?:week|month)|esta noche|mañana mismo|este fin de semana|"
    r"la (?:próxima semana|semana que viene)|el (?:próximo mes|mes que viene))(?!\w)",
    re.IGNORECASE,
)


def check(text: str, brief: Brief | None = None, language: str | None = None) -> list[Finding]:
    """Return where a text does not say what its brief says, in the order of its places; what is missing comes last.

    Hard: "facts.missing", "facts.changed", and a "claims.number", "claims.price", "claims.percentage", "claims.date",
    "claims.time", "claims.link", "claims.email" or "claims.phone" that the brief does not state, in any format and in
    either language, a "claims.offer" ("two for one", "free delivery") that it does not make, and a "claims.name" that
    is its brand with other accents. Warnings: "claims.date" for words such as "tomorrow", "claims.time" for "24/7"
    where the brief states no hours, any other "claims.name", "claims.superlative" and "claims.guarantee".

    A date of the brief in another format is its fact, and no finding; any other fact in another format is changed.
    Only figures are read, not what is said of them: "25 people" is stated by a brief with 25 kilograms. Numbers in
    words count as claims only before a currency, a per cent sign or a unit. Without a brief nothing is known, so
    nothing is found.

    Args:
        text: the post, any text; facts are sought in all of it, claims in its first 100,000 characters.
        brief: what it was to say.
        language: of the text, for names and for dates such as "3/4"; the brief's if None.

    Raises:
        PostDataError: one of them is none.
    """
    check_arguments(text, brief, language)
    if brief is None:
        return []
    broken = broken_facts(text, brief, language)
    found = [_about_fact(fact, text) for fact in broken if not fact.same]
    read_so_far = text[:MOST_READ]
    taken = [*kept_places(read_so_far, brief), *(fact.span for fact in broken if fact.span is not None)]
    spoken = primary(language or brief.language)
    found += _claims(masked(read_so_far, taken), brief, spoken, text)
    return in_order(found)


def _about_fact(fact: BrokenFact, text: str) -> Finding:
    value = f'"{fact.value}"'
    if fact.span is None:
        rule, message = "facts.missing", f'The fact "{fact.name}" is missing. Put it in unchanged: {value}.'
    else:
        rule = "facts.changed"
        message = f'The fact "{fact.name}" is changed: {quoted(text, fact.span)} stands for {value}.'
    return Finding(rule=rule, axis="fidelity", message=message, span=fact.span, hard=True, source="brief")


def _claims(plain: str, brief: Brief, language: str, text: str) -> Iterator[Finding]:
    stated = statements_of(brief)
    plain = undressed(plain)
    plain = masked(plain, idle_numbers(plain))
    there = figures(plain)
    for figure in there:
        if not stated.states(figure):
            hard = not figure.readings <= ALWAYS or stated.opens()
            yield _claim(figure.kind, _CALLED[figure.kind], text, figure.span, hard=hard)
    for match in _RELATIVE.finditer(plain):
        if not stated.says(match[0]):
            yield _claim("date", "date", text, match.span())
    for kind, span in boasts(undressed(text[: len(plain)]), stated):
        if not any(overlap(span, figure.span) for figure in there):  # "one free" within "buy one get one free"
            yield _claim(kind, kind, text, span, hard=kind == "offer")
    changed = list(renamed(plain, brief.brand))
    for span in changed:
        yield _claim("name", "name", text, span, hard=True)
    for span in names(masked(plain, [*changed, *(figure.span for figure in there)]), stated, language):
        yield _claim("name", "name", text, span)


def _claim(kind: str, called: str, text: str, span: Span, *, hard: bool = False) -> Finding:
    message = f"The brief does not state the {called} {quoted(text, span)}. Take it out, or put it into the brief."
    return Finding(rule=f"claims.{kind}", axis="fidelity", message=message, span=span, hard=hard, source="brief")
