"""Who answers when the first one cannot."""

from __future__ import annotations

from postopt.errors import DeadlineExceededError, RefusedError
from postopt.generation.base import Generator
from postopt.generation.constraints import Constraints
from postopt.generation.wrappers.costs import known, sum_of_costs, tell_unknown_cost
from postopt.generation.wrappers.history import History
from postopt.generation.wrappers.order import ORDER, Wrapper, bound_of, call_of
from postopt.resilience.deadline import remaining, within
from postopt.resilience.timeout import Timeout, TimeUpError
from postopt.types import Brief, Completion, Prompt

RESERVE_SECONDS = 0.05
"""How long before the deadline the last generator is asked at the latest; arbitrary: templates take 10 us."""

_RESERVE_SHARE = 0.02
"""The same as a share of the time that is left, where that is more; arbitrary."""


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
        self._calls = [call_of(generator) for generator in generators]
        self._keeps = [getattr(generator, "keeps_deadline", False) for generator in generators]
        self._last = len(generators) - 1
        self.keeps_deadline = self._keeps[self._last]  # it sees to the others itself

    @property
    def place(self) -> int:
        """Where in `ORDER` it stands: before all others if it is around what belongs around a fallback."""
        usual = ORDER.index("Fallback")
        inner = [generator.place for generator in self._inner if isinstance(generator, Wrapper)]
        return -1 if any(place <= usual for place in inner) else usual

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return what all of them can cost together: each may have to be paid for nothing."""
        return sum_of_costs([known(bound(prompt)) for bound in self._bounds])

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer with what the first generator gives that has an answer.

        Raises:
            RefusedError: a generator declines to write this.
            GenerationError: none of them answered; it is the last one's, and its notes name the others'.
        """
        history: History | None = None
        for index in range(self._last):
            try:
                completion = await self._ask(index, prompt)
            except Exception as error:
                history = history or History()
                if _is_refusal(error):
                    history.tell_error(error)
                    raise
                history.add_error(self._inner[index].name, error)
                continue
            if not (fault := self._fault(completion, prompt)):
                return completion if history is None else history.tell(completion)
            history = history or History()
            history.add_completion(self._inner[index].name, completion, fault)
        history = history or History()
        try:
            return history.tell(await self._calls[self._last](prompt))
        except Exception as error:
            history.tell_error(error, self._inner[self._last].name)
            raise

    async def _ask(self, index: int, prompt: Prompt) -> Completion:
        """Ask a generator that others stand behind, within its share of the time that is left."""
        call = self._calls[index]
        left = remaining()
        if left is None:
            return await call(prompt)
        share = self._last - index
        reserve = min(max(RESERVE_SECONDS, left * _RESERVE_SHARE), left / 4)
        if left <= 0:
            early = DeadlineExceededError("no time is left")
            early.attempts = 0
            raise early
        # Those inside end first, and say what became of the call; who does not is cut off a little later.
        ends, cut = (left - reserve) / share, (left - reserve / 2) / share
        try:
            with within(ends):
                if self._keeps[index]:
                    return await call(prompt)
                return await self._timeout.acall(cut, call, prompt)
        except TimeUpError as error:
            late = DeadlineExceededError(f"no answer in the {cut:.3g} s it had")
            tell_unknown_cost(late, self._bounds[index], prompt)
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


def _is_refusal(error: Exception) -> bool:
    """Whether it is a refusal, or a group that holds one."""
    return isinstance(error, RefusedError) or (
        isinstance(error, ExceptionGroup) and error.subgroup(RefusedError) is not None
    )
