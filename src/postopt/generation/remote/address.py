"""Where an OpenAI-compatible server is, and the secrets that may stand in its address."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from postopt.errors import shown
from postopt.generation.remote.redaction import disguises


class Secret(str):
    """A text that no repr shows, so that neither a dump of variables nor a header's repr gives it away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address, with its secrets taken out.

    Attributes:
        shown: scheme, host, port and path: what errors and reprs may name.
        host: host, with the port if one is given.
        chat: where chat completions are asked for; may hold a query.
        authorization: what user and password in the address amount to as a header, or None.
        secrets: texts that may not be quoted: of user, password and query, as they stand and decoded.
    """

    shown: str
    host: str
    chat: Secret
    authorization: Secret | None
    secrets: tuple[Secret, ...]


def parse_address(base_url: str) -> Address:
    """Take an address apart: "https://api.example.com/v1".

    User and password become an Authorization header, which is what they mean; a query ("?api-version=...") goes
    along with each request.

    Raises:
        ValueError: this is no address of a server; what may be secret in it is not quoted.
    """
    if not isinstance(base_url, str):
        raise ValueError(f"base_url is {shown(base_url)}; a text is needed")  # noqa: TRY004 - one error for all
    if re.search(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]", base_url):
        raise ValueError("base_url holds white space, control characters or lone surrogates; an address has none")
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("base_url is no address of a server; one such as 'https://api.example.com/v1' is needed")
    if parts.fragment:
        raise ValueError("base_url ends in a fragment (#...), which is never sent; leave it out")
    netloc = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    basic = Secret(f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}") if user or password else None
    hidden = [user, password, parts.query, *(pair.partition("=")[2] for pair in parts.query.split("&"))]
    if basic is not None:
        hidden.append(basic.removeprefix("Basic "))
    return Address(
        shown=f"{parts.scheme}://{netloc}{path}",
        host=netloc,
        chat=Secret(urlunsplit((parts.scheme, netloc, f"{path}/chat/completions", parts.query, ""))),
        authorization=basic,
        secrets=tuple(Secret(secret) for secret in disguises(hidden)),
    )


def check_key(key: object) -> str:
    """Return the key if a header can carry it.

    Raises:
        ValueError: it is no text, empty, or holds what no header may; it is not quoted.
    """
    if not isinstance(key, str) or not key:
        what = "empty" if key == "" else f"of type {type(key).__name__}"
        raise ValueError(f"api_key is {what}; a key is needed, or None to send none")
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ValueError("api_key holds white space, control characters or what is not ASCII; is a line end in it?")
    return key
