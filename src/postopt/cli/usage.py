"""The one error that commands answer with a message and exit status 2."""

from __future__ import annotations

from postopt.errors import PostoptError


class UsageError(PostoptError):
    """The arguments, or the files they name, are nothing a command can work with."""
