"""What does the fast work: one file a library, each object of a role interchangeable with the others of that role.

`base` says what a role promises, `json` writes down the one JSON contract, `golden` tests a backend against its
role. Importing this package imports no backend: those are loaded by name, once one has been chosen.
"""

from __future__ import annotations

from postopt.backends.base import (
    Backend,
    CompressionBackend,
    HashBackend,
    JSONBackend,
    LoopBackend,
    ScoringBackend,
)

__all__ = [
    "Backend",
    "CompressionBackend",
    "HashBackend",
    "JSONBackend",
    "LoopBackend",
    "ScoringBackend",
]
