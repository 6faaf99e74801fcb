"""What one cell of the race calls: a function without arguments for each backend, over payloads of the cell's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from postopt.backends.base import CompressionBackend, HashBackend, JSONBackend
from postopt.engine.payloads import Payloads
from postopt.engine.records import Cell


class Work(NamedTuple):
    """One backend's share of a cell.

    `run` handles `payloads` payloads a call, so that the loop around them costs the fastest backend little;
    `bytes_out` is what one of them compresses to on average, 0 for roles other than compression.
    """

    run: Callable[[], object]
    payloads: int
    bytes_out: int = 0


def work(cell: Cell, backend: Any, payloads: Mapping[int, Payloads]) -> Work:
    """Return what `backend` has to do in `cell`.

    Args:
        cell: role, goal and size class.
        backend: an object that keeps the role's protocol.
        payloads: by size class, as `payloads.choose` returns them.
    """
    match cell.role:
        case "json":
            return _json(cell.goal, backend, payloads[cell.size])
        case "hash" | "fingerprint":
            return _hash(backend, payloads[cell.size])
        case "compression":
            return _compression(backend, payloads[cell.size])
        case "scoring":
            # Here, not above: it imports numpy, which costs more than measuring every other role.
            from postopt.engine.heads import head  # noqa: PLC0415

            return Work(head(cell.goal, backend, cell.size), 1)
        case _:
            raise ValueError(f"the role {cell.role!r} has nothing to measure")


def _json(goal: str, backend: JSONBackend, payloads: Payloads) -> Work:
    if goal == "dumps":
        return Work(_over(backend.dumps, payloads.objects), len(payloads.objects))
    return Work(_over(backend.loads, payloads.encoded), len(payloads.encoded))


def _hash(backend: HashBackend, payloads: Payloads) -> Work:
    return Work(_over(backend.digest, payloads.encoded), len(payloads.encoded))


def _compression(backend: CompressionBackend, payloads: Payloads) -> Work:
    """What is stored is read again: one call compresses and decompresses."""
    blobs = payloads.encoded
    compress, decompress = backend.compress, backend.decompress

    def run() -> None:
        for blob in blobs:
            decompress(compress(blob))

    return Work(run, len(blobs), round(fmean(len(compress(blob)) for blob in blobs)))


def _over(function: Callable[[Any], object], arguments: Sequence[Any]) -> Callable[[], None]:
    def run() -> None:
        for argument in arguments:
            function(argument)

    return run
