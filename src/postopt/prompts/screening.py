"""Candidates write posts that nobody is shown, before readers see any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from postopt._checks import check_callable, check_count
from postopt.generation.base import Generator
from postopt.generation.constraints import violations
from postopt.prompts.template import PromptTemplate
from postopt.stats.welford import Welford
from postopt.types import Brief, Prompt


@dataclass(frozen=True, slots=True)
class Screened:
    """What a candidate's unpublished posts show.

    Attributes:
        version: of the candidate.
        score: mean of its posts by the scorer, or None without one.
        n: posts that the score rests on.
        reasons: what speaks against trying it; empty if nothing does.
    """

    version: str
    score: float | None = None
    n: int = 0
    reasons: tuple[str, ...] = ()


class Screen(Protocol):
    """Sorts candidates before they are tried; it decides who is tried first, never who is promoted."""

    async def screen(self, candidates: Sequence[PromptTemplate], present: PromptTemplate) -> Sequence[Screened]:
        """Return a verdict for each candidate, in any order; one without a verdict is tried last.

        Raises:
            GenerationError: nobody answered; the optimizer goes on without.
        """
        ...


class WritingScreen:
    """A `Screen` that has a generator write posts for a few briefs, in the shadow: checked, scored, never published.

    The present prompt writes for the same briefs and variants. A candidate is dropped if fewer of its posts keep their
    brief. The others are ranked by a scorer; without one they stay in the order given.

    A scorer is a model, and a search finds its mistakes: an optimizer read for this design wrote "[he] [look] [this]".
    So a score only orders those who may be tried.

    Args:
        generator: who writes; asked (candidates + 1) x briefs x posts times.
        briefs: for which; keep them apart from those that a proposer has seen.
        scorer: how good a post is for its brief, more being better; any scale.
        posts: for each brief.

    Raises:
        ValueError: there is no brief, or `posts` is below 1.
    """

    def __init__(
        self,
        generator: Generator,
        briefs: Sequence[Brief],
        *,
        scorer: Callable[[str, Brief], float] | None = None,
        posts: int = 1,
    ) -> None:
        if not briefs:
            raise ValueError("briefs is empty; one, at least, is needed")
        if scorer is not None:
            check_callable("scorer", scorer, "says how good a post is for its brief")
        self._generator = generator
        self._briefs = tuple(briefs)
        self._scorer = scorer
        self._posts = check_count("posts", posts)

    async def screen(self, candidates: Sequence[PromptTemplate], present: PromptTemplate) -> Sequence[Screened]:
        """Return a verdict for each candidate, the best score first.

        Raises:
            GenerationError: the generator is out of order; nothing is known of any candidate.
        """
        _, kept = await self._write(present)
        verdicts = []
        for candidate in candidates:
            scores, keeps = await self._write(candidate)
            reasons: tuple[str, ...] = ()
            if keeps < kept:
                asked = len(self._briefs) * self._posts
                reasons = (f"{keeps} of its {asked} trial posts keep their brief, of the present prompt's {kept}.",)
            score = scores.mean if scores.n else None
            verdicts.append(Screened(candidate.version, score, scores.n, reasons))
        return sorted(verdicts, key=lambda verdict: (verdict.score is None, -(verdict.score or 0.0)))

    async def _write(self, template: PromptTemplate) -> tuple[Welford, int]:
        """Return the scores of a prompt's posts, and how many keep their brief."""
        scores, keeps = Welford(), 0
        for brief in self._briefs:
            for variant in range(self._posts):
                system, text = template.render(brief, variant)
                prompt = Prompt(brief=brief, variant=variant, text=text, system=system)
                post = await self._generator.generate(prompt)
                if violations(post.text, brief):
                    continue
                keeps += 1
                if self._scorer is not None:
                    scores.update(self._scorer(post.text, brief))
        return scores, keeps
