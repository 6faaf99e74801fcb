"""What a circuit breaker is made of: `postopt.resilience.breaker` is its face."""
