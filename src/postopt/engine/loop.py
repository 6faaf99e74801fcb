"""The event loop of the standard library, as a backend for the role "loop"."""

from __future__ import annotations

import asyncio
import platform

from postopt.backends.base import LoopFunctions

LOOP = LoopFunctions("asyncio", platform.python_version(), asyncio.new_event_loop)
