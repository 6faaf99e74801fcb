"""What changed between two prompts, and why, for people."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from postopt.prompts.lineage import Version
from postopt.prompts.template import PromptTemplate

# Words with the space after them: spaces of their own would be most of the tokens, and alike.
_TOKENS = re.compile(r"(?:\{[a-z_]+\}|\w+|[^\w\s])\s*|\s+")
_MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
_TAGS = {"same": "span", "removed": "del", "added": "ins"}

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """From one version to another, word by word, with the reasons.

    `str()` shows it as text, removed words as [-so-] and added ones as {+so+} (as `git diff --word-diff` does); a
    notebook shows it in colour.

    Attributes:
        before: the version one comes from.
        after: the version one goes to.
        path: versions that lead from `before` to `after`, the latter included, the oldest first; only `after` if
            nothing leads there.
    """

    before: Version
    after: Version
    path: tuple[Version, ...]

    @property
    def words(self) -> tuple[tuple[Kind, str], ...]:
        """Runs of text with what became of them; those that are not "added" are `before`, the others `after`."""
        return tuple(_runs(_told(self.before.template), _told(self.after.template)))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each step with who proposed it, what it changed, and what was known of its patterns then."""
        return tuple(line for step in self.path for line in _reasons(step))

    def __str__(self) -> str:
        marked = "".join(f"{_MARKS[kind][0]}{text}{_MARKS[kind][1]}" for kind, text in self.words)
        return "\n".join([f"{self.before.short} -> {self.after.short}", *self.reasons, "", marked])

    def _repr_html_(self) -> str:
        """Show it in a notebook; all text is escaped."""
        marked = "".join(f"<{_TAGS[kind]}>{html.escape(text)}</{_TAGS[kind]}>" for kind, text in self.words)
        listed = "".join(f"<li>{html.escape(reason)}</li>" for reason in self.reasons)
        title = f"<b>{self.before.short} &rarr; {self.after.short}</b>"
        return f'<div>{title}<ul>{listed}</ul><pre style="white-space: pre-wrap">{marked}</pre></div>'


def _reasons(step: Version) -> Iterator[str]:
    yield f"{step.short} by {step.proposer}: {step.change}"
    for seen in step.evidence:
        yield f"  {seen.words()}"


def _told(template: PromptTemplate) -> str:
    parts = [template.text, *(f"- {line}" for line in template.instructions)]
    return "\n".join([f"System: {template.system}", *parts] if template.system else parts)


def _runs(before: str, after: str) -> Iterator[tuple[Kind, str]]:
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    # autojunk would call the spaces of a long prompt junk, and align nothing.
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[a:b])
            continue
        if b > a:
            yield "removed", "".join(old[a:b])
        if d > c:
            yield "added", "".join(new[c:d])
