"""One text for one value: the JSON in which logs and snapshots are compared byte for byte."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: object) -> str:
    """Return plain JSON in ASCII: keys sorted, no spaces, floats by their shortest text that gives them back.

    Raises:
        TypeError, ValueError: it is not plain JSON: NaN, an infinity, a type that JSON has not, or a circle.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is none.
    """

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)
