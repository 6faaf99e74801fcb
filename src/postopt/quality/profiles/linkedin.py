"""LinkedIn, which publishes no figures for posts: these are what others measured."""

from __future__ import annotations

from datetime import date
from typing import Final

from postopt.quality.profiles.records import Fold, Limit, PlatformProfile, Source

_READ: Final = date(2026, 11, 26)
_FOLDS: Final = Source(address="https://posttruncate.com/en/platform-limits/", as_of=_READ)

LINKEDIN: Final = PlatformProfile(
    name="linkedin",
    as_of=_READ,
    limits=(Limit(unit="code_points", maximum=3_000, source=_FOLDS),),
    folds=(
        Fold(device="mobile", characters=140, source=_FOLDS, note="some pages say 210 on every device"),
        Fold(device="desktop", characters=210, source=_FOLDS),
    ),
)
