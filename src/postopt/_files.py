"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write `data`, or pieces of it, to `path` with mode 0600 so that nobody ever sees a part of it.

    Folders that it makes have mode 0700.

    Raises:
        OSError: the folder or the file cannot be written, or what is there is no file; what was there before stays.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is no regular file, and would be replaced by one", str(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in (data,) if isinstance(data, bytes) else data:
                file.write(piece)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
