"""The model heads that the scoring cells measure: 64 features into a linear head, or into 64-32-1 with ReLU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from postopt.backends.base import ScoringBackend

_FEATURES = 64
_HIDDEN = 32


def head(goal: str, backend: ScoringBackend, rows: int) -> Callable[[], object]:
    """Return a function that scores `rows` float32 rows with a head built by `backend`, the same rows every time.

    Args:
        goal: "linear" or "mlp".
        backend: who builds the head.
        rows: batch size.
    """
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((rows, _FEATURES), dtype=np.float32)
    if goal == "linear":
        score = backend.linear(rng.standard_normal(_FEATURES, dtype=np.float32), 0.5)
    else:
        score = backend.mlp([
            (rng.standard_normal((inputs, outputs), dtype=np.float32), np.zeros(outputs, dtype=np.float32))
            for inputs, outputs in ((_FEATURES, _HIDDEN), (_HIDDEN, 1))
        ])  # fmt: skip  # one network
    return lambda: score(batch)
