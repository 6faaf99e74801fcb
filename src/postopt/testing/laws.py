"""What the conformance suites have in common: they run anywhere, and a broken law is named."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_here(check: Coroutine[Any, Any, None]) -> None:
    """Run `check` to its end, also inside a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(check)
    else:  # a notebook, whose loop cannot run another one
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, check).result()


def require(kept: bool, law: str) -> None:  # noqa: FBT001 - a condition
    """Raise AssertionError with the law's name unless it was kept."""
    if not kept:
        raise AssertionError(f"broken law: {law}")
