"""Keeping calls going, and the bill within bounds, while what they call is slow, failing, throttling or lying."""

from postopt._lazy import on_first_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from postopt.resilience.adaptive import AdaptiveLimit
    from postopt.resilience.balancer import Balancer
    from postopt.resilience.breaker import CircuitBreaker
    from postopt.resilience.budget import Budget
    from postopt.resilience.bulkhead import Bulkhead
    from postopt.resilience.deadline import within
    from postopt.resilience.limiter import RateLimiter
    from postopt.resilience.outcome import Outcome
    from postopt.resilience.price import Price
    from postopt.resilience.retry import Retry, RetryBudget
    from postopt.resilience.timeout import Timeout

__all__ = [
    "AdaptiveLimit",
    "Balancer",
    "Budget",
    "Bulkhead",
    "CircuitBreaker",
    "Outcome",
    "Price",
    "RateLimiter",
    "Retry",
    "RetryBudget",
    "Timeout",
    "within",
]

__getattr__ = on_first_use(
    __name__,
    {
        "AdaptiveLimit": "postopt.resilience.adaptive",
        "Balancer": "postopt.resilience.balancer",
        "Budget": "postopt.resilience.budget",
        "Bulkhead": "postopt.resilience.bulkhead",
        "CircuitBreaker": "postopt.resilience.breaker",
        "Outcome": "postopt.resilience.outcome",
        "Price": "postopt.resilience.price",
        "RateLimiter": "postopt.resilience.limiter",
        "Retry": "postopt.resilience.retry",
        "RetryBudget": "postopt.resilience.retry",
        "Timeout": "postopt.resilience.timeout",
        "within": "postopt.resilience.deadline",
    },
)
