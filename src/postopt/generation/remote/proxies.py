"""The proxy that the environment names for an address."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from postopt.generation.remote.address import Secret
from postopt.generation.remote.redaction import disguises


class Proxy(NamedTuple):
    """A proxy's address, and the secrets in it, which may not be quoted."""

    url: Secret
    secrets: tuple[Secret, ...]


def environment_proxy(address: str) -> Proxy | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the system's settings, name for an address.

    Raises:
        ValueError: it is none that speaks HTTP; what may be secret in it is not quoted.
    """
    target = urlsplit(address)
    stated = getproxies().get(target.scheme)
    if not stated or proxy_bypass(target.netloc):
        return None
    try:
        parts = urlsplit(stated if "://" in stated else f"http://{stated}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme != "http" or not host:
        variable = f"{target.scheme.upper()}_PROXY"
        raise ValueError(f"{variable} is no address of an HTTP proxy; one such as 'http://proxy:3128' is needed")
    secrets = disguises([unquote(parts.username or ""), unquote(parts.password or "")])
    return Proxy(Secret(parts.geturl()), tuple(Secret(secret) for secret in secrets))
