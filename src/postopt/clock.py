"""Time as an argument.

A `Clock` is any function that returns seconds as a float. Durations are taken from a monotonic one
(`time.monotonic`, the default everywhere); only stamps that leave the process use wall time (`time.time`).
Tests pass `postopt.testing.ScriptedClock` instead, so none of them sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
