"""orjson: JSON as the contract says, by definition, and so handed out raw."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import JSONFunctions

with needs("orjson"):
    import orjson

JSON = JSONFunctions("orjson", orjson.__version__, orjson.dumps, orjson.loads)
