"""What things are called in Redis."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

from postopt.caching.base import Key

MAX_NAME = 200
"""Bytes of a key or tag from which on its digest stands for it; arbitrary, twice what `cache_key` makes."""

_PLAIN, _DIGEST = b"k:", b"h:"


class Names:
    """The names of one namespace. No two things share one, within a namespace or across.

    A name is `namespace:kind:` and then `k:` and the text in UTF-8, or `h:` and its SHA-256 in hexadecimal if that is
    longer than `MAX_NAME`. The namespace is percent-encoded, so that it holds no colon. Kinds: v a value, t a tag's
    generation, l a lease, s a value on its way to v.

    Args:
        namespace: any text, one a tenant or application.
    """

    def __init__(self, namespace: str) -> None:
        space = quote(namespace, safe="", errors="surrogatepass").encode()
        self.values = space + b":v:"
        self.tags = space + b":t:"
        self.counter = space + b":n"
        self.releases = space + b":r"
        self._leases = space + b":l:"
        self._staging = space + b":s:"

    def value(self, key: Key) -> bytes:
        """Return where a key's entry is kept."""
        return self.values + _label(key)

    def staging(self, key: Key) -> bytes:
        """Return where a key's entry waits for the moment in which it replaces the last one."""
        return self._staging + _label(key)

    def tag(self, tag: str) -> bytes:
        """Return where a tag's generation is kept."""
        return self.tags + _label(tag)

    def lease(self, key: Key) -> bytes:
        """Return where the lease of a key is kept."""
        return self._leases + _label(key)


def text_of(label: bytes) -> str | None:
    """Return the text that the end of a name stands for, or None for a digest and for what is none of our names."""
    if not label.startswith(_PLAIN):
        return None
    try:
        return label[len(_PLAIN) :].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _label(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return _PLAIN + data if len(data) <= MAX_NAME else _DIGEST + sha256(data).hexdigest().encode()
