"""What of a server's own words may reach an error, a trace or a completion."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, unquote_plus

_TELLING = 4  # characters from which on a part of a name counts as quoting the prompt; arbitrary
_PART_OF_SECRET = 6  # characters from which on a part of a secret gives it away; arbitrary
_SAFE_TO_REPLACE = 8  # characters of a secret that no text of a post holds by chance; arbitrary
_NAME = re.compile(r"[\w.:/@+=\[\]-]{1,200}", re.ASCII)
_PARTS = re.compile(r"[^\W_]+")


class Redaction:
    """Takes secrets and the prompt out of what a server says about one call.

    Sentences of a server's are not quoted at all: a prompt can be quoted in more ways (cut, escaped, a line at a time)
    than can be found. What is let through are names: codes, request ids, models.

    Args:
        secrets: what nothing may quote.
        asked: the words that were sent.
    """

    __slots__ = ("_asked", "_secrets")

    def __init__(self, secrets: tuple[str, ...], asked: str) -> None:
        self._secrets = secrets
        self._asked = asked

    def name(self, said: str, *, known: bool = False) -> str:
        """Return a name, or "" if it is none or quotes a secret or the prompt.

        `known` says that it is one of ours to begin with, so that it tells nothing of the prompt.
        """
        if not _NAME.fullmatch(said) or self._tells_a_secret(said):
            return ""
        return "" if not known and self._quotes_the_prompt(said) else said

    def text(self, said: str) -> str:
        """Return a text of a model's without the secrets in it that are too long to be there by chance."""
        for secret in self._secrets:
            if len(secret) >= _SAFE_TO_REPLACE and secret in said:
                said = said.replace(secret, "***")
        return said

    def _tells_a_secret(self, said: str) -> bool:
        folded = said.casefold()
        for secret in self._secrets:
            hidden = secret.casefold()
            if hidden in folded or (len(folded) >= _PART_OF_SECRET and folded in hidden):
                return True
        return False

    def _quotes_the_prompt(self, said: str) -> bool:
        asked = self._asked.casefold()
        return any(len(part) >= _TELLING and part in asked for part in _PARTS.findall(said.casefold()))


def disguises(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return secrets with the forms in which an address may hold them, the longest first.

    So that of one that holds another nothing is left.
    """
    forms = {form for secret in secrets for form in (secret, unquote(secret), unquote_plus(secret), quote(secret, ""))}
    return tuple(sorted((form for form in forms if form), key=len, reverse=True))
