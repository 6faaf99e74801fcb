"""The language of posts for one brief: counted, and each post made from its number."""

from __future__ import annotations

import hashlib

from postopt.backends.json import canonical
from postopt.errors import PostRejectedError
from postopt.generation.constraints import Constraints
from postopt.generation.templates import forms
from postopt.generation.templates.axes import axes_of
from postopt.generation.templates.bank import Bank
from postopt.generation.templates.clause import Option
from postopt.generation.templates.ranking import demerits
from postopt.generation.templates.turns import Turns
from postopt.generation.templates.wheels import Wheels
from postopt.types import Brief

RULES = "1"
"""Version of the composition rules; part of the grammar's name, raised when the same index gives another post."""


class PostLanguage:
    """All posts that one bank can write for one brief, in the order a seed gives them.

    `size` is their number; `text(index)` is the post at `index`, 0 <= index < size; no two are equal. Every post
    holds the topic and all facts verbatim, no forbidden word, and fits `brief.max_length`. `best(variant)` compares
    `width` consecutive posts and keeps one, so there are `size // width` variants.

    Args:
        bank: the clauses.
        brief: what to write.
        seed: chooses the order.
        address: index into `ADDRESSES` for Spanish, or None for clauses that do not address the reader.
        best_of: the most posts to compare; fewer are where that would use up a small language.

    Raises:
        PostRejectedError: no post can keep the brief; the reasons say why.
    """

    __slots__ = (
        "_branded",
        "_check",
        "_forms",
        "_key",
        "_tone",
        "_turns",
        "_wheels",
        "brief",
        "grammar",
        "size",
        "width",
    )

    def __init__(self, bank: Bank, brief: Brief, *, seed: int, address: int | None, best_of: int = 1) -> None:
        constraints = Constraints(brief)
        self.brief = brief
        self.grammar = f"{bank.language}/{bank.tone}@{grammar_digest(bank)}"
        self._check = constraints.violations
        self._tone = bank.tone
        self._branded = brief.brand is not None
        verbatim = {"topic": brief.topic, "call to action": brief.call_to_action or ""}
        conflicts = [
            f'The {part} contains the forbidden "{word}".'
            for part, text in verbatim.items()
            for word in constraints.forbidden_in(text)
        ]
        if reasons := (*conflicts, *constraints.conflicts()):
            raise PostRejectedError(reasons)
        axes = axes_of(bank, brief, address, allowed=lambda text: not constraints.forbidden_in(text))
        chosen = forms.choose(axes, brief.max_length)
        if not chosen:
            needed = forms.shortest(axes)
            reason = f"The topic and the facts need {needed} characters; at most {brief.max_length} are allowed."
            raise PostRejectedError((reason,))
        rest = forms.full(axes, brief.max_length) if chosen[0].rich else None
        # The brief is part of the seed: otherwise one seed would open every brief with the same hook.
        self._key = f"{seed}/{self.grammar}/{hashlib.sha256(canonical(brief.to_dict())).hexdigest()}"
        self._forms = [*chosen, rest] if rest else chosen
        self._wheels: dict[int, Wheels] = {}  # made for a form when its first turn comes
        sizes = [form.size for form in chosen]
        self.width = max(1, min(best_of, sum(sizes) // 1000))
        self._turns = Turns(sizes, rest.size if rest else 0, run=self.width)
        self.size = self._turns.size

    def text(self, index: int) -> str:
        """Return the post at `index`.

        Raises:
            IndexError: `index` is not in 0 .. size - 1.
        """
        return self._join(index)[0]

    def best(self, variant: int) -> list[str]:
        """Return the `width` posts that compete for a variant, best first; equals keep their order.

        Raises:
            IndexError: `variant` is not in 0 .. size // width - 1.
        """
        scored = []
        for index in range(variant * self.width, (variant + 1) * self.width):
            text, options, lead_end = self._join(index)
            scored.append((demerits(options, lead_end, self._tone, branded=self._branded), index, text))
        return [text for _, _, text in sorted(scored)]

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the trace should know about how the posts are made."""
        held = {axis.name for form in self._forms for axis in form.axes}
        called = self.brief.call_to_action is None or held & {"call", "cta"}
        return (f"best of {self.width}", *(() if called else ("no room for the call to action",)))

    def violations(self, text: str) -> tuple[str, ...]:
        """Return how a text breaks the brief; empty for every post of this language."""
        return self._check(text)

    def _join(self, index: int) -> tuple[str, list[Option], int]:
        if not 0 <= index < self.size:
            raise IndexError(f"post {index} of a language of {self.size}")
        which, place = self._turns(index)
        form = self._forms[which]
        wheels = self._wheels.get(which)
        if wheels is None:
            wheels = self._wheels[which] = Wheels(form.radices, f"{self._key}/{which}")
        text, options = form.join(wheels(place))
        subject = options[form.place("lead", "topic")].text
        return text, options, text.find(subject) + len(subject)


def grammar_digest(bank: Bank) -> str:
    """Return twelve hexadecimal digits that name clauses and rules: the same digest, seed and index, the same post."""
    return hashlib.sha256(f"{RULES}/{bank.digest}".encode()).hexdigest()[:12]
