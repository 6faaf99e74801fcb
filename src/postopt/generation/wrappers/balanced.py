"""Several replicas that can all answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from postopt.errors import GenerationError
from postopt.generation.base import Generator
from postopt.generation.wrappers.costs import Bound, known
from postopt.generation.wrappers.history import reason_of
from postopt.generation.wrappers.order import Wrapper, bound_of, call_of, close_all
from postopt.resilience.balancer import Attempt, Balancer
from postopt.resilience.discovery import Discovery
from postopt.types import Completion, Prompt

A = TypeVar("A")

_PREFIX = 256
"""Characters of a prompt that say which prompts share a prefix; arbitrary, some 64 tokens."""


class Replicas(Generic[A]):
    """Generators for the addresses that a `Discovery` finds: made when an address comes, closed when it has gone.

        async with DNS("models.internal", 8000) as found:
            replicas = Replicas(found, lambda at: Guarded(Timed(OpenAIGenerator(f"http://{at}/v1", "small"))))
            writer = PostWriter(Balanced(replicas, name="small"))

    Args:
        discovery: finds addresses.
        make: makes the generator of one.
    """

    def __init__(self, discovery: Discovery[A], make: Callable[[A], Generator]) -> None:
        self._discovery = discovery
        self._make = make
        self._found: tuple[A, ...] = ()
        self._made: dict[A, Generator] = {}
        self._replicas: tuple[Generator, ...] = ()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def replicas(self) -> tuple[Generator, ...]:
        """The generators of the addresses that are there now."""
        found = self._discovery.replicas
        if found is not self._found:
            made = self._made
            self._made = {at: made[at] if at in made else self._make(at) for at in found}
            self._replicas = tuple(self._made.values())
            self._found = found
        return self._replicas

    def drop(self, generator: Generator) -> None:
        """Close a generator whose address has gone and whose calls have ended."""
        if generator not in self._made.values():  # it may have come again
            task = asyncio.ensure_future(close_all([generator]))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close the generators that are there; the discovery is closed by whoever made it."""
        await asyncio.gather(*self._closing)
        await close_all(self._replicas)


class Balanced(Wrapper):
    """Gives each call to one of several replicas of a model, and to another one if that fails.

    Prompts with the same beginning go to the same replica while its load allows (`Balancer`), because servers keep
    what they computed for the beginning of a prompt.

    Attributes:
        balancer: who decides; its `states` say how each replica does.

    Args:
        replicas: generators that answer alike; or `Replicas`, which come and go.
        balancer: makes the balancer of them; `functools.partial(Balancer, hedge=0.05)` sets its options.
        name: of all of them together; if "", the first one's model, or else its name.

    Raises:
        ValueError: no replica, one twice, no name of those that come and go, or an option out of its range.
    """

    def __init__(
        self,
        replicas: Sequence[Generator] | Replicas[Any],
        balancer: Callable[..., Balancer[Generator]] = Balancer,
        *,
        name: str = "",
    ) -> None:
        self.balancer: Balancer[Generator]
        if isinstance(replicas, Replicas):
            if not name:
                raise ValueError("replicas that come and go need a name for all of them together")
            self.balancer = balancer(replicas, drained=replicas.drop)
            super().__init__(name=name)
            self.keeps_deadline = False  # nobody knows of those to come
        else:
            if len({id(replica) for replica in replicas}) < len(replicas):
                raise ValueError("replicas holds one generator twice; each needs to be another")
            self.balancer = balancer(replicas)
            super().__init__(*replicas, name=name or getattr(replicas[0], "model", ""))
            self._fixed = [bound_of(replica) for replica in replicas]
        self._replicas = replicas

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return what all sends of one call can cost together, at the dearest replica."""
        dearest = -1.0
        for bound in self._bounds():
            cost = known(bound(prompt))
            if cost is None:
                return None
            dearest = max(dearest, cost)
        return dearest * self.balancer.most_sends if dearest >= 0 else None

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer, whichever replica does.

        Raises:
            CallRejectedError: there is no replica, or none takes the call.
            GenerationError: as the last one that was asked.
        """

        def ask(replica: Generator) -> Awaitable[Completion]:
            return call_of(replica)(prompt)

        failed: list[Attempt] = []
        try:
            completion = await self.balancer.acall(ask, _prefix(prompt), attempts=failed)
        except GenerationError as error:
            others = [attempt for attempt in failed if attempt.outcome.cause is not error]
            error.attempts += sum(map(_attempts, others))
            error.unsettled_usd += self._unsettled(others, prompt)
            raise
        return self._told(completion, failed, prompt) if failed else completion

    async def aclose(self) -> None:
        """Close all replicas."""
        await (self._replicas.aclose() if isinstance(self._replicas, Replicas) else super().aclose())

    def _bounds(self) -> list[Bound]:
        if isinstance(self._replicas, Replicas):
            return [bound_of(replica) for replica in self._replicas.replicas]
        return self._fixed

    def _told(self, completion: Completion, failed: list[Attempt], prompt: Prompt) -> Completion:
        trace = completion.trace
        calls = sum(map(_attempts, failed))
        trace = replace(
            trace,
            attempts=trace.attempts + calls,
            retries=trace.retries + calls,
            cost_usd=trace.cost_usd + sum(attempt.outcome.cost_usd for attempt in failed),
            unsettled_usd=trace.unsettled_usd + self._unsettled(failed, prompt),
            notes=(*trace.notes, *map(_note, failed)),
        )
        return replace(completion, trace=trace)

    def _unsettled(self, failed: list[Attempt], prompt: Prompt) -> float:
        """Return what may have to be paid for sends without an answer; for one that was called off, all of it."""
        lost = sum(attempt.outcome.kind == "cancelled" for attempt in failed)
        once = (self.max_cost(prompt) or 0.0) / self.balancer.most_sends if lost else 0.0
        return lost * once + sum(getattr(attempt.outcome.cause, "unsettled_usd", 0.0) for attempt in failed)


def _attempts(attempt: Attempt) -> int:
    if attempt.outcome.kind == "rejected":
        return 0
    return getattr(attempt.outcome.cause, "attempts", 1)


def _note(attempt: Attempt) -> str:
    cause = attempt.outcome.cause
    if attempt.outcome.kind == "cancelled" or cause is None:
        return f"not {attempt.replica}: slower"
    return f"not {attempt.replica}: {reason_of(cause)}"


def _prefix(prompt: Prompt) -> str:
    """Return what prompts with the same beginning have in common: the variants of a brief, or a template's prompts."""
    if not prompt.text:
        return prompt.brief.topic
    return prompt.system or prompt.text[:_PREFIX]
