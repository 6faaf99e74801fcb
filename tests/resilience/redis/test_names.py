"""What is shared through a Redis is found under one name."""

import pytest

pytest.importorskip("redis", reason="redis-py is not installed")


def test_all_that_is_shared_is_there():
    from postopt.resilience import redis

    assert redis.__all__ == ["RedisCircuitState", "RedisLedger", "RedisRateLimiter", "Registry"]
    assert all(getattr(redis, name).__module__.startswith("postopt.resilience.remote.") for name in redis.__all__)
