"""Who answers when the first one cannot."""

from __future__ import annotations

from postopt.errors import DeadlineExceededError, GenerationError, RefusedError
from postopt.generation.base import Generator
from postopt.generation.constraints import Constraints
from postopt.generation.wrappers.history import History
from postopt.generation.wrappers.order import ORDER, Wrapper, bound_of, sum_of_costs
from postopt.resilience.deadline import remaining, within
from postopt.resilience.timeout import Timeout
from postopt.types import Brief, Completion, Prompt

RESERVE_SECONDS = 0.05
"""How long before the deadline the last generator is asked at the latest; arbitrary: templates take 10 us."""


class Fallback(Wrapper):
    """Asks generators in turn until one gives an answer that keeps the brief.

    The answer's trace says whose it is (`trace.source`) and why the ones before it gave none (`trace.fallbacks`). A
    refusal is final: what one model declines to write is not put to another. Until the deadline, the time that is left
    is shared out evenly among those that are still to be asked, but for the last one, which is asked even when there is
    no time left: it should be one that always answers at once, such as `TemplateGenerator`.

    It stands around providers, within a budget, or outermost of all: then its last generator also answers when a queue
    has no room, the budget nothing left, or a cache hangs; and what it answers is not cached.

    Args:
        generators: who is asked, in that order; two or more.
        keep_brief: ask the next one also if a text breaks its brief, lacks a fact, say (`violations`); the last one's
            text is passed on as it is.

    Raises:
        ValueError: fewer than two generators.
    """

    def __init__(self, *generators: Generator, keep_brief: bool = True) -> None:
        if len(generators) < 2:
            raise ValueError(f"a fallback needs two or more generators, not {len(generators)}")
        self._keep_brief = keep_brief
        self._timeout = Timeout()
        # The variants of a brief come one after the other: what is prepared for one serves the next.
        self._latest: tuple[Brief | None, Constraints] = None, Constraints(Brief(topic="-"))
        super().__init__(*generators)
        self._bounds = [bound_of(generator) for generator in generators]

    @property
    def place(self) -> int:
        """Where in `ORDER` it stands: before all others if it is around what belongs around a fallback."""
        usual = ORDER.index("Fallback")
        inner = [generator.place for generator in self._inner if isinstance(generator, Wrapper)]
        return -1 if any(place <= usual for place in inner) else usual

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return what all of them can cost together: each may have to be paid for nothing."""
        return sum_of_costs([bound(prompt) for bound in self._bounds])

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer with what the first generator gives that has an answer.

        Raises:
            RefusedError: a generator declines to write this.
            GenerationError: none of them answered; it is the last one's, and its notes name the others'.
        """
        history: History | None = None
        last = len(self._inner) - 1
        for index, generator in enumerate(self._inner):
            try:
                if index == last:
                    completion = await generator.generate(prompt)
                else:
                    completion = await self._ask(generator, prompt, last - index)
            except RefusedError as error:
                if history is not None:
                    history.tell_error(error)
                raise
            except Exception as error:
                history = history or History()
                if index == last:
                    if isinstance(error, GenerationError):
                        history.tell_error(error)
                    raise
                history.add_error(generator.name, error)
                continue
            if index < last and (fault := self._fault(completion, prompt)):
                history = history or History()
                history.add_completion(generator.name, completion, fault)
                continue
            return completion if history is None else history.tell(completion)
        raise AssertionError("the last generator answers or raises")

    async def _ask(self, generator: Generator, prompt: Prompt, share: int) -> Completion:
        """Ask a generator that others stand behind, within its share of the time that is left."""
        left = remaining()
        if left is None:
            return await generator.generate(prompt)
        seconds = (left - min(RESERVE_SECONDS, left / 4)) / share
        if seconds <= 0:
            early = DeadlineExceededError("no time is left")
            early.attempts = 0
            raise early
        try:
            with within(seconds):
                if getattr(generator, "keeps_deadline", False):
                    return await generator.generate(prompt)
                return await self._timeout.acall(seconds, generator.generate, prompt)
        except TimeoutError as error:
            late = DeadlineExceededError(f"no answer in the {seconds:.3g} s it had")
            late.unsettled_usd = bound_of(generator)(prompt) or 0.0
            raise late from error

    def _fault(self, completion: Completion, prompt: Prompt) -> str:
        """Return what is wrong with an answer, without quoting it, or ""."""
        if not self._keep_brief:
            return ""
        if not completion.text.strip():
            return "empty answer"
        brief, constraints = self._latest
        if brief is not prompt.brief:
            constraints = Constraints(prompt.brief)
            self._latest = prompt.brief, constraints
        broken = len(constraints.violations(completion.text))
        return f"its text broke the brief in {broken} way{'s' * (broken > 1)}" if broken else ""
