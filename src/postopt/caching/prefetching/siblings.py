"""Keys made by `cache_key`, taken apart: whose they are, and which variant comes after."""

from __future__ import annotations

import re
from typing import Any

# tenant/algorithm:digest/variant; eight digits are more variants than anybody asks for, and no huge int to parse.
_FORM = re.compile(r"([^/]*)(/[^/:]+:[0-9a-f]+/)([0-9]{1,8})")


def split(key: Any) -> tuple[str, str, int] | None:
    """Return tenant, what precedes the variant, and the variant; None if `cache_key` made no such key."""
    match = _FORM.fullmatch(key) if isinstance(key, str) else None
    if match is None:
        return None
    return match[1], match[1] + match[2], int(match[3])
