"""What several processes share through a Redis: breakers, rate limits, budgets, and who is there."""

from postopt.resilience.remote.circuit import RedisCircuitState
from postopt.resilience.remote.ledger import RedisLedger
from postopt.resilience.remote.limiter import RedisRateLimiter
from postopt.resilience.remote.registry import Registry

__all__ = ["RedisCircuitState", "RedisLedger", "RedisRateLimiter", "Registry"]
