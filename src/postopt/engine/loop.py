"""The event loop of the standard library, as a backend for the role "loop"."""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class _Asyncio(NamedTuple):
    name: str
    version: str
    new_event_loop: Callable[[], asyncio.AbstractEventLoop]


LOOP = _Asyncio("asyncio", platform.python_version(), asyncio.new_event_loop)
