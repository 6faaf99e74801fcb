"""The documented nest, built from arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from postopt.caching.tiered import TieredCache
from postopt.errors import shown
from postopt.generation.base import Generator
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import (
    Balanced,
    Budgeted,
    Cached,
    Coalesced,
    Fallback,
    Guarded,
    Queued,
    Retried,
    Timed,
)
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.budget import Budget
from postopt.scheduling.priority import PriorityQueue

BREAKER = partial(CircuitBreaker, open_seconds=1.0, open_backoff=2.0, max_open_seconds=30.0, jitter=0.2)
"""Makes the breakers of `standard`; the numbers are arbitrary."""


def standard(
    remote: Generator | Iterable[Generator],
    *,
    templates: Generator | None = None,
    cache: TieredCache | None = None,
    ttl: float | None = None,
    budget: Budget | None = None,
    queue: PriorityQueue | None = None,
    seconds: float = 30.0,
    breaker: Callable[[str], CircuitBreaker] = BREAKER,
) -> Generator:
    """Surround one or more models with what keeps posts coming, in the documented order.

    With two replicas of one model and one of another that is::

        Fallback(
            Cached(Coalesced(Queued(Budgeted(Fallback(
                Retried(Balanced(Guarded(Timed(a1)), Guarded(Timed(a2)))),
                Retried(Guarded(Timed(b))),
            ))))),
            templates,
        )

    What there is only one of needs no `Balanced` or inner `Fallback`; without a cache, `Cached` is left out. The
    templates stand outermost: they also answer what the queue has no room for, the budget no money and the deadline no
    time, and nothing that they wrote is kept in place of a model's answer.

    Args:
        remote: a generator, or several in the order in which they are asked. Those with the same `model` are replicas
            of it, and balanced.
        templates: who answers when nobody else does; `TemplateGenerator()` if None.
        cache: keeps answers; not closed with this.
        ttl: seconds that a kept answer is fresh, or None for ever.
        budget: limits what is spent. Every generator needs a price then, and for briefs that have a budget.
        queue: limits how many calls run at once; 64 if None.
        seconds: how long one call of a model may take.
        breaker: makes the breaker of a generator, given its name. Unless given, three failures in a row open it for a
            second, and for twice as long each time that the next call fails too, up to 30 seconds: others stand in
            meanwhile, so that the first try again may come soon.

    Raises:
        ValueError: no generator, or one twice, or a setting out of its range.
    """
    remotes = _listed(remote)
    for one in remotes:
        if not hasattr(one, "generate"):
            raise ValueError(f"{shown(one)} is no generator: it has no `generate`")
    if len({id(one) for one in remotes}) < len(remotes):
        raise ValueError("a generator was given twice")
    if not remotes:
        raise ValueError("no generator was given; with templates alone, use TemplateGenerator()")
    providers = [_provider(replicas, seconds, breaker) for replicas in _by_model(remotes)]
    generator: Generator = providers[0] if len(providers) == 1 else Fallback(*providers)
    generator = Coalesced(Queued(Budgeted(generator, budget), queue))
    if cache is not None:
        generator = Cached(generator, cache, ttl=ttl)
    return Fallback(generator, TemplateGenerator() if templates is None else templates)


def _listed(remote: Generator | Iterable[Generator]) -> list[Generator]:
    if hasattr(remote, "generate"):
        return [cast("Generator", remote)]
    return list(remote)


def _by_model(generators: list[Generator]) -> list[list[Generator]]:
    """Put generators of one model together, in the order in which the models come first."""
    models: dict[object, list[Generator]] = {}
    for generator in generators:
        models.setdefault(getattr(generator, "model", "") or id(generator), []).append(generator)
    return list(models.values())


def _provider(replicas: list[Generator], seconds: float, breaker: Callable[[str], CircuitBreaker]) -> Generator:
    guarded = [Guarded(Timed(replica, seconds), breaker(replica.name)) for replica in replicas]
    return Retried(guarded[0] if len(guarded) == 1 else Balanced(guarded))
