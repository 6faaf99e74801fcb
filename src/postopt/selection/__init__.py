"""Choosing a model for a brief: what it is good at, what it costs, and whether it answers."""
