"""What is installed, by one look into the directories of `sys.path`: no import, no metadata scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postopt.engine.catalog import Candidate
    from postopt.engine.records import Role, Verdict


def sweep(
    candidates: Iterable[Candidate], path: Sequence[str] | None = None
) -> dict[tuple[Role, str], Verdict]:
    """Return one verdict for each (role, name): "working" for the standard library, else what folders say.

    Args:
        candidates: whom to look for.
        path: directories to search, in order; None means `sys.path`.
    """
    raise NotImplementedError
