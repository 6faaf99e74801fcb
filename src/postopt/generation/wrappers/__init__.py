"""What surrounds a generator and is one: caches, queues, budgets, breakers, and what answers when they say no."""

from postopt.generation.wrappers.cached import Cached
from postopt.generation.wrappers.coalesced import Coalesced
from postopt.generation.wrappers.fallback import Fallback
from postopt.generation.wrappers.timed import Timed

__all__ = ["Cached", "Coalesced", "Fallback", "Timed"]
