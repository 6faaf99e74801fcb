"""Files of text, plain or compressed; apart from `_files`, so that only who reads such files loads the libraries."""

from __future__ import annotations

import csv
import gzip
import lzma
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from postopt.errors import PostoptError

OPENERS: Mapping[str, Callable[..., TextIO]] = {".gz": gzip.open, ".xz": lzma.open}


@contextmanager
def opened(path: Path, error: type[PostoptError]) -> Iterator[TextIO]:
    """Open a file of UTF-8, with or without a byte order mark; .gz or .xz says that it is compressed.

    Raises:
        PostoptError: of the type `error`, when it cannot be opened, or later read, decoded or parsed as CSV.
    """
    try:
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, csv.Error) as cause:
        raise error(f"{path.name} cannot be read: {cause}") from cause
