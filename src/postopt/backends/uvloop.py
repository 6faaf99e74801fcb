"""uvloop as a factory of event loops; nothing is installed as a policy."""

from __future__ import annotations

from postopt._optional import needs
from postopt.backends.base import LoopFunctions

with needs("uvloop"):
    import uvloop

# The version is there at run time, but not declared for type checkers.
LOOP = LoopFunctions("uvloop", vars(uvloop)["__version__"], uvloop.new_event_loop)
