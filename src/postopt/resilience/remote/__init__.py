"""What is behind `postopt.resilience.redis`."""
