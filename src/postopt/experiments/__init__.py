"""Finding out which version earns more, by experiments that stay valid when they are looked at."""
