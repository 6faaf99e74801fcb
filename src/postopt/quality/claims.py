"""Whether a text says what its brief says: every fact, unchanged, and nothing that the brief does not state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from postopt.judgement import Finding
from postopt.quality.rules.boasts import boasts
from postopt.quality.spans import MOST_READ, Span, in_order, masked, quoted
from postopt.quality.stating.facts import BrokenFact as BrokenFact  # noqa: PLC0414 - what `broken_facts` returns
from postopt.quality.stating.facts import broken_facts, kept_places
from postopt.quality.stating.figures import figures
from postopt.quality.stating.idle import idle_numbers
from postopt.quality.stating.names import names
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
    either language. Warnings: "claims.date" for words such as "tomorrow", "claims.name", "claims.superlative" and
    "claims.guarantee".

    Only figures are read, not what is said of them: "25 people" is stated by a brief with 25 kilograms. Numbers in
    words count as claims only before a currency or a per cent sign. Without a brief nothing is known, so nothing is
    found.

    Args:
        text: the post, any text; facts are sought in all of it, claims in its first 100,000 characters.
        brief: what it was to say.
        language: of the text, for names; the brief's if None.
    """
    if brief is None:
        return []
    broken = broken_facts(text, brief)
    found = [_about_fact(fact, text) for fact in broken]
    read_so_far = text[:MOST_READ]
    taken = [*kept_places(read_so_far, brief), *(fact.span for fact in broken if fact.span is not None)]
    spoken = (language or brief.language).partition("-")[0]
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
    plain = masked(plain, idle_numbers(plain))
    there = figures(plain)
    for figure in there:
        if not stated.states(figure):
            yield _claim(figure.kind, _CALLED[figure.kind], text, figure.span, hard=True)
    for match in _RELATIVE.finditer(plain):
        if not stated.says(match[0]):
            yield _claim("date", "date", text, match.span())
    for kind, span in boasts(text[: len(plain)], stated):
        yield _claim(kind, kind, text, span)
    for span in names(masked(plain, (figure.span for figure in there)), stated, language):
        yield _claim("name", "name", text, span)


def _claim(kind: str, called: str, text: str, span: Span, *, hard: bool = False) -> Finding:
    message = f"The brief does not state the {called} {quoted(text, span)}. Take it out, or put it into the brief."
    return Finding(rule=f"claims.{kind}", axis="fidelity", message=message, span=span, hard=hard, source="brief")
