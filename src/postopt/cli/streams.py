"""Standard output and standard error as they are found: closed, or in an encoding that lacks most characters."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STAND_INS = {"─": "-", "…": "...", "–": "-", "’": "'", "“": '"', "”": '"'}
_ERRORS = "postopt.stand_ins"


@contextmanager
def usable_streams() -> Iterator[None]:
    """Let anything be printed: what the encoding lacks becomes "?", and what is written to a closed stream is lost.

    Raises:
        BrokenPipeError: nobody reads standard output any more.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            # The descriptor, too, or the next file that is opened would get it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))
    codecs.register_error(_ERRORS, _stood_in)
    strict = [out for out in (sys.stdout,) if isinstance(out, io.TextIOWrapper) and out.errors == "strict"]
    for stream in strict:
        stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        sys.stdout.flush()
        for stream in strict:
            stream.reconfigure(errors="strict")


def _stood_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_STAND_INS.get(mark, "?") for mark in error.object[error.start : error.end]), error.end
