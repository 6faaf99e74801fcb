"""How a command says that it cannot do its work."""

from __future__ import annotations

import sys


def refuse(command: str, error: Exception, status: int = 2) -> int:
    """Print what is wrong, and what would mend it, on standard error; return the exit status.

    Raises:
        BrokenPipeError: the error is one, so nothing is wrong: whoever read the output has read enough.
    """
    if isinstance(error, BrokenPipeError):
        raise error
    hint = getattr(error, "hint", "")
    print(f"postopt {command}: {error}" + (f"\n{hint}" if hint else ""), file=sys.stderr)
    return status
