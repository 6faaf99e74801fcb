"""Which backends exist: static metadata, apart from the code it points to.

Nothing here imports a backend. A candidate's `target` ("module:ATTRIBUTE") is loaded in the probing subprocess
first, and in this process only once the candidate is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from postopt.engine.records import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One backend that could fill one role.

    Attributes:
        role: the role it fills.
        name: its name in overrides, reports and locks.
        library: import name of what it needs, or "" for the standard library.
        distribution: name on the package index, where it differs from `library`.
        minimum: oldest version that is known to fill the role, as numbers.
        denied: version -> why it must not be used.
        target: "module:ATTRIBUTE" of the backend object.
        goals: what it competes for; empty means all goals of its role.
        heavy: importing or warming it up costs more than a measurement may (seconds); it is raced only if it is
            imported already or at rigor "patient".
        estimate: expected seconds per call at each of `SIZES`, relative to the standard library's, for the rigor
            "estimate"; where they come from stands beside the table.
    """

    role: Role
    name: str
    target: str
    library: str = ""
    distribution: str = ""
    minimum: tuple[int, ...] = ()
    denied: Mapping[str, str] = field(default_factory=dict)
    goals: tuple[str, ...] = ()
    heavy: bool = False
    estimate: tuple[float, float, float] = (1.0, 1.0, 1.0)
