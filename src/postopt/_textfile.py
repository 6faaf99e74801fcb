"""Files of text, plain or compressed; apart from `_files`, so that only who reads such files loads the libraries."""

from __future__ import annotations

import csv
import gzip
import lzma
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from postopt.errors import PostoptError

OPENERS: Mapping[str, Callable[..., IO[Any]]] = {".gz": gzip.open, ".xz": lzma.open}


@contextmanager
def opened(path: Path, error: type[PostoptError]) -> Iterator[TextIO]:
    """Open a file of UTF-8, with or without a byte order mark; .gz or .xz says that it is compressed.

    Raises:
        PostoptError: of the type `error`, when it cannot be opened, or later read, decoded or parsed as CSV.
    """
    name = path.name or str(path)
    try:
        with OPENERS.get(path.suffix.lower(), open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as cause:
        raise error(f"{name} cannot be read: it is not UTF-8{_first_other(path)}") from cause
    except (OSError, EOFError, lzma.LZMAError, csv.Error) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise error(f"{name} cannot be read: {why}") from cause


def _first_other(path: Path) -> str:
    """Return where the first line stands that is not UTF-8, in words; a decoder takes many lines at a time."""
    if not path.is_file():  # a pipe is read once
        return ""
    with suppress(OSError, EOFError, lzma.LZMAError), OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f" (line {number})"
    return ""
