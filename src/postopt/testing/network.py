"""A guard for tests that claim to run offline."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch


@contextmanager
def no_network(*, loopback: bool = False, unix: bool = False) -> Iterator[None]:
    """Make every use of the network fail with AssertionError, in all threads, until the block ends.

    Covered is what goes through Python's `socket` module: connecting, sending datagrams and looking names up.
    Libraries that make their own system calls (uvloop, gRPC) are not seen. AssertionError, because code under test
    may well survive an OSError, and the test should not.

    Args:
        loopback: allow this machine's own addresses.
        unix: allow Unix sockets.
    """

    def allowed(address: object) -> bool:
        if not isinstance(address, tuple):
            return unix
        return loopback and _is_loopback(address[0])

    def guarded(name: str, address_at: int) -> Any:
        real: Callable[..., Any] = getattr(socket.socket, name)

        def method(self: socket.socket, *args: Any) -> Any:
            if len(args) > address_at and not allowed(args[address_at]):
                raise AssertionError(f"network use in a no_network() block: {name} {args[address_at]!r}")
            return real(self, *args)

        return method

    real_lookup = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not (loopback and _is_loopback(host)):
            raise AssertionError(f"network use in a no_network() block: getaddrinfo {host!r}")
        return real_lookup(host, *args, **kwargs)

    with (
        patch.object(socket.socket, "connect", guarded("connect", 0)),
        patch.object(socket.socket, "connect_ex", guarded("connect_ex", 0)),
        patch.object(socket.socket, "sendmsg", guarded("sendmsg", 3)),
        # Its address comes last, behind the data and perhaps flags.
        patch.object(socket.socket, "sendto", guarded("sendto", -1)),
        patch.object(socket, "getaddrinfo", lookup),
    ):
        yield


def _is_loopback(host: object) -> bool:
    if host in ("localhost", b"localhost"):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False
