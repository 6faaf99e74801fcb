"""Candidates of our own making: confirmed patterns as written instructions, added, replaced and taken out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from postopt._checks import check_count
from postopt.prompts.lineage import Evidence, PatternLike, Version
from postopt.prompts.template import MAX_INSTRUCTIONS
from postopt.quality.instructions import INSTRUCTIONS, Instruction

TOGETHER = 3
"""Most instructions that one edit adds. Few, so that a reader can follow what made the difference; arbitrary."""


class _Lesson(NamedTuple):
    """What to write because of a pattern: `sure` is the end of its interval that is nearer to no effect."""

    line: str
    group: str
    evidence: Evidence
    sure: float


class Edits:
    """Makes candidates by rules, without any model and the same each time.

    A pattern becomes the sentence that asks for it, if it lifts the metric, or the one that asks to avoid it. Only a
    confirmed one does, whose interval excludes 0, and for which there is a sentence: what is on the deny-list has none.
    Of patterns that speak of one thing (length, say) only the surest does, so that no two lines contradict each other.

    The candidates, in this order:
        1. the present prompt without lines whose pattern was retired, or now points the other way;
        2. all of the surest lessons that it lacks, at most `together`, in the place of older lines on the same thing;
        3. each of those lessons alone, the surest first.

    Args:
        instructions: pattern's name -> sentences; `INSTRUCTIONS` for those that the library knows unless given.
        together: as above.

    Raises:
        ValueError: `together` is below 1.
    """

    name = "edits"

    def __init__(self, *, instructions: Mapping[str, Instruction] = INSTRUCTIONS, together: int = TOGETHER) -> None:
        self._instructions = dict(instructions)
        self._together = check_count("together", together)

    async def propose(self, present: Version, patterns: Sequence[PatternLike], limit: int) -> Sequence[Version]:
        """Do what `edits` does: this is a `Proposer`."""
        return self.edits(present, patterns, limit)

    def edits(self, present: Version, patterns: Sequence[PatternLike], limit: int) -> Sequence[Version]:
        """Return at most `limit` candidates."""
        lessons = self._lessons(patterns, present.template.language)
        stale = self._stale(present, patterns)
        found: dict[str, Version] = {}
        if stale:
            add(found, self._edit(present, stale, ()))
        new = [lesson for lesson in lessons if lesson.line not in present.template.instructions]
        first = new[: self._together]
        for chosen in (first, *([lesson] for lesson in first)):
            if chosen:
                add(found, self._edit(present, stale, chosen))
        found.pop(present.version, None)
        return tuple(found.values())[:limit]

    def _lessons(self, patterns: Sequence[PatternLike], language: str) -> list[_Lesson]:
        """Return what to write, the surest first, one for each thing that is spoken of."""
        lessons = []
        for pattern in patterns:
            instruction = self._instructions.get(pattern.name)
            if instruction is None or pattern.status != "confirmed":
                continue
            evidence = Evidence.of(pattern)
            low, high = evidence.interval[:2]
            if low <= 0 <= high:
                continue
            line = instruction.line(language, avoid=high < 0)
            if line:
                lessons.append(_Lesson(line, instruction.group or pattern.name, evidence, max(low, -high)))
        by_group: dict[str, _Lesson] = {}
        for lesson in sorted(lessons, key=lambda lesson: (-lesson.sure, lesson.evidence.name)):
            by_group.setdefault(lesson.group, lesson)
        return list(by_group.values())

    def _stale(self, present: Version, patterns: Sequence[PatternLike]) -> frozenset[str]:
        """Return the present lines that no longer rest on what is known."""
        known = {pattern.name: pattern for pattern in patterns}
        stale = set()
        for line in present.template.instructions:
            for name, instruction in self._instructions.items():
                avoid = instruction.says(line)
                if avoid is None or name not in known:
                    continue
                pattern = known[name]
                turned = pattern.status == "confirmed" and (pattern.lift > 0) == avoid
                if pattern.status == "retired" or turned:
                    stale.add(line)
        return frozenset(stale)

    def _edit(self, present: Version, stale: frozenset[str], lessons: Sequence[_Lesson]) -> Version:
        groups = {lesson.group for lesson in lessons}
        old = present.template.instructions
        kept = [line for line in old if line not in stale and self._group(line) not in groups]
        # The newest lines stay where there is no room for all.
        lines = (*kept, *(lesson.line for lesson in lessons))[-MAX_INSTRUCTIONS:]
        gone = [line for line in old if line not in lines]
        words = [f"added: {lesson.line}" for lesson in lessons] + [f"taken out: {line}" for line in gone]
        return Version(
            template=replace(present.template, instructions=lines),
            parents=(present.version,),
            edit=" ".join(words),
            evidence=tuple(lesson.evidence for lesson in lessons),
            proposer=self.name,
        )

    def _group(self, line: str) -> str | None:
        """Return what a line of ours speaks of; None for one that somebody else wrote."""
        for name, instruction in self._instructions.items():
            if instruction.says(line) is not None:
                return instruction.group or name
        return None


def add(found: dict[str, Version], candidate: Version) -> None:
    """Keep a candidate unless its version is there."""
    found.setdefault(candidate.version, candidate)
