"""Files of JSON lines that hold whole lines only, whenever the writing ends, and can be continued.

A run writes, for each line of its input in turn, first the posts and then the rejects. So all but the last line that
either file knows of is complete in both, and a run that continues takes what belongs to that line out of both and
begins again with it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from postopt.backends.json import JSON
from postopt.cli.briefs import BadLine, BriefLine
from postopt.cli.usage import UsageError

_MAX_LINE = 1 << 24  # no line of ours comes near; it keeps a foreign file from filling the memory


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a file of lines ends.

    Attributes:
        key: what the last whole line belongs to, or None if there is no whole line.
        start: offset of the first of the last lines with that key.
        end: offset behind the last whole line; what follows was torn.
        last: how many lines have the last key.
        most: most lines of any key before the last, 0 if there is none.
    """

    key: Any = None
    start: int = 0
    end: int = 0
    last: int = 0
    most: int = 0


class LineFile:
    """A file to which whole lines are appended."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size if stat.S_ISREG(os.fstat(descriptor).st_mode) else None

    @classmethod
    def open(cls, path: Path, *, resume: bool = False, force: bool = False) -> Self:
        """Open a file that is new or empty, or one to continue, or one to overwrite; "-" is standard output.

        Raises:
            UsageError: the file has content and neither `resume` nor `force` is set, or it cannot be opened.
        """
        if str(path) == "-":
            return cls(Path("standard output"), os.dup(1))
        try:
            if path.is_file() and path.stat().st_size and not (resume or force):
                raise UsageError(f"{path} has content; --resume continues it, --force overwrites it")
            flags = os.O_RDWR if resume else os.O_WRONLY
            flags |= os.O_CREAT | os.O_APPEND | (os.O_TRUNC if force else 0) | getattr(os, "O_BINARY", 0)
            file = cls(path, os.open(path, flags, 0o666))
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        if resume and file._size is None:
            file.close()
            raise UsageError(f"{path} is no regular file, so it cannot be continued")
        return file

    def write(self, lines: Sequence[bytes]) -> None:
        """Append whole lines, each with its line feed: all of them, or on any error none.

        Raises:
            UsageError: the file system does not take them.
        """
        data = b"".join(lines)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            raise
        except BaseException as error:
            if self._size is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
            if isinstance(error, OSError):
                raise UsageError(f"{self.path} cannot be written: {error.strerror}") from error
            raise
        if self._size is not None:
            self._size += len(data)

    def tail(self, key: Callable[[dict[str, Any]], Any]) -> Tail:
        """Read the file and say where it ends.

        Args:
            key: what a line belongs to; raises KeyError for one that does not belong into this file.

        Raises:
            UsageError: a line cannot have been written by this command.
        """
        tail = Tail()
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b""), 1):
                if not line.endswith(b"\n") and len(line) < _MAX_LINE:
                    break  # torn
                try:
                    mine = key(JSON.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise UsageError(f"{self.path}, line {number} was not written by this command") from error
                if mine == tail.key:
                    tail = Tail(mine, tail.start, tail.end + len(line), tail.last + 1, tail.most)
                else:
                    tail = Tail(mine, tail.end, tail.end + len(line), 1, max(tail.most, tail.last))
        return tail

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes."""
        os.ftruncate(self._descriptor, size)
        self._size = size

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remaining(
    lines: Iterator[BriefLine | BadLine], posts: LineFile, rejects: LineFile | None, seed: int, n: int
) -> Iterator[BriefLine | BadLine]:
    """Yield the lines that an earlier run did not complete, after taking what it left of the first out of the files.

    Raises:
        UsageError: the files are not those of an earlier run with the same briefs, seed and n.
    """

    def post_key(post: dict[str, Any]) -> str:
        # A model has no seed; the templates that stand in for it have.
        if post["seed"] is not None and post["seed"] != seed:
            raise UsageError(f"{posts.path} was written with --seed {post['seed']}, not {seed}")
        return str(post["brief_id"])

    written = posts.tail(post_key)
    rejected = rejects.tail(lambda reject: int(reject["line"])) if rejects else Tail()
    _check_n(posts.path, written, rejected, n)
    found = written.key is None
    for line in lines:
        mine = isinstance(line, BriefLine) and line.id == written.key
        found = found or mine
        if found and line.line >= (rejected.key or 0):
            posts.cut(written.start if mine else written.end)
            if rejects:
                rejects.cut(rejected.start if line.line == rejected.key else rejected.end)
            yield line
            yield from lines
            return
    if written.key is not None or rejected.key is not None:
        last = f"brief {written.key!r}" if not found else f"line {rejected.key} in its rejects"
        raise UsageError(f"{posts.path} ends with {last}, which the briefs do not have")


def _check_n(path: Path, written: Tail, rejected: Tail, n: int) -> None:
    """Refuse to continue a run with another number of posts a brief, as far as the files tell."""
    most = max(written.most, written.last if written.last > n else 0)
    # A brief may have fewer posts than were asked for, but then there are rejects.
    if most > n or (0 < most < n and rejected.key is None):
        raise UsageError(f"{path} has up to {most} posts a brief, and -n is {n}: continue with the same -n")
