"""What several processes share through a Redis: breakers, limits, budgets, and who is there."""
