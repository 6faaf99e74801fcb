"""What surrounds a generator and is one: caches, queues, budgets, breakers, and who answers when they say no."""

from postopt.generation.wrappers.balanced import Balanced, Replicas
from postopt.generation.wrappers.batched import Batched
from postopt.generation.wrappers.budgeted import Budgeted
from postopt.generation.wrappers.cached import Cached
from postopt.generation.wrappers.coalesced import Coalesced
from postopt.generation.wrappers.fallback import Fallback
from postopt.generation.wrappers.guarded import Guarded
from postopt.generation.wrappers.queued import Queued
from postopt.generation.wrappers.retried import Retried
from postopt.generation.wrappers.routed import Routed
from postopt.generation.wrappers.timed import Timed

__all__ = [
    "Balanced",
    "Batched",
    "Budgeted",
    "Cached",
    "Coalesced",
    "Fallback",
    "Guarded",
    "Queued",
    "Replicas",
    "Retried",
    "Routed",
    "Timed",
]
