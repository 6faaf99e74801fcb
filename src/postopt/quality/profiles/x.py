"""X."""

from __future__ import annotations

from datetime import date
from typing import Final

from postopt.quality.profiles.records import Limit, PlatformProfile, Source

_COUNTING: Final = Source(address="https://docs.x.com/fundamentals/counting-characters", as_of=date(2026, 11, 26))

X: Final = PlatformProfile(
    name="x",
    as_of=date(2026, 11, 26),
    # Accounts that pay may write more; whether the host's does, nobody here knows.
    limits=(Limit(unit="weighted", maximum=280, source=_COUNTING),),
)
