"""Traces of requests, replayed against policies and against who knows the future."""
