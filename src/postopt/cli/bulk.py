"""Posts for a whole file of briefs, one brief in memory at a time."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tqdm import tqdm

from postopt.cli.briefs import BadLine, BriefLine, read_briefs
from postopt.cli.lines import bad_line, post_line, rejection_line
from postopt.cli.outfile import LineFile, remaining
from postopt.cli.usage import UsageError
from postopt.clock import Clock
from postopt.errors import GenerationError
from postopt.generation.templates import TemplateGenerator
from postopt.types import Posts, Rejection
from postopt.writer import PostWriter

MAX_KINDS = 1_000
"""Kinds of reasons counted apart; a run with more is told about the others together."""


class Summary:
    """What a run has read, written and rejected, and why."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.rejected = 0
        self._kinds: Counter[str] = Counter()

    def reject(self, reason: str) -> None:
        """Count a rejected line or variant."""
        self.rejected += 1
        # What is quoted, numbers, and what follows a colon or semicolon are particular to one line.
        kind = re.split("[:;]", re.sub(r'"[^"]*"|\'[^\']*\'|\d[\d.,]*', "…", reason))[0].rstrip(".")[:60]
        self._kinds[kind if kind in self._kinds or len(self._kinds) < MAX_KINDS else "other reasons"] += 1

    def text(self, seconds: float) -> str:
        """Return the closing line."""
        text = f"read {self.read} lines, written {self.written} posts, rejected {self.rejected}"
        if self._kinds:
            most = [f"{count} x {kind}" for kind, count in self._kinds.most_common(3)]
            others = self.rejected - sum(count for _, count in self._kinds.most_common(3))
            text += f" ({'; '.join([*most, f'{others} x other reasons'] if others else most)})"
        return f"{text}, {seconds:.1f} s"


def write_file(args: argparse.Namespace, clock: Clock = time.monotonic) -> int:
    """Write the posts of all briefs in a file; return 0, or 1 if something was rejected.

    SIGINT and SIGTERM end the run between two briefs, with 130 and 143 as a shell would report them.

    Raises:
        UsageError: a file cannot be used.
    """
    started = clock()
    summary = Summary()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_open(args.briefs))
        lines = read_briefs(file, is_csv=args.briefs.suffix.lower() == ".csv")
        resume = "resume" in args
        paths = [args.out, *([args.rejects] if "rejects" in args else [])]
        _refuse_same(file, paths)
        files = [stack.enter_context(LineFile.open(path, resume=resume, force="force" in args)) for path in paths]
        out, rejects = files[0], files[1] if len(files) > 1 else None
        if resume:
            lines = remaining(lines, out, rejects, args.seed, args.n)
        writer = PostWriter(TemplateGenerator(seed=args.seed))
        stack.callback(lambda: print(summary.text(clock() - started), file=sys.stderr))
        bar = stack.enter_context(_bar(file))
        work = _write_lines(_followed(lines, file, bar, summary), writer, args.n, out, rejects, summary)
        try:
            return asyncio.run(_until_terminated(work))
        except KeyboardInterrupt:
            status = 128 + signal.SIGINT
        except asyncio.CancelledError:
            status = 128 + signal.SIGTERM
    print("interrupted; the same command with --resume continues", file=sys.stderr)
    return status


async def _write_lines(
    lines: Iterator[BriefLine | BadLine],
    writer: PostWriter,
    n: int,
    out: LineFile,
    rejects: LineFile | None,
    summary: Summary,
) -> int:
    for line in lines:
        posts, rejections = await _write_line(line, writer, n)
        out.write(posts)
        if rejects:
            rejects.write([data for _, data in rejections])
        summary.written += len(posts)
        for reason, _ in rejections:
            summary.reject(reason)
        await asyncio.sleep(0)  # templates never wait, and signals are seen only where something does
    return 1 if summary.rejected else 0


async def _write_line(
    line: BriefLine | BadLine, writer: PostWriter, n: int
) -> tuple[list[bytes], list[tuple[str, bytes]]]:
    """Return what a line of the input adds to the posts, and to the rejects with the reason of each."""
    if isinstance(line, BadLine):
        return [], [(line.reason, bad_line(line))]
    try:
        posts = await writer.write(line.brief, n)
    except GenerationError as error:
        posts = Posts(line.brief, (), [Rejection(variant=variant, reasons=(str(error),)) for variant in range(n)])
    rejections = [(" ".join(rejection.reasons), rejection_line(line, rejection)) for rejection in posts.rejections]
    return [post_line(line.id, post) for post in posts], rejections


async def _until_terminated(work: Coroutine[Any, Any, int]) -> int:
    """Await `work`, which SIGTERM cancels as SIGINT does."""
    task = asyncio.ensure_future(work)
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not in the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _followed(
    lines: Iterator[BriefLine | BadLine], file: BinaryIO, bar: tqdm[NoReturn], summary: Summary
) -> Iterator[BriefLine | BadLine]:
    """Yield the lines, counting them and moving the bar to where the file has been read."""
    for line in lines:
        summary.read += 1
        yield line
        if not bar.disable:
            bar.update(file.tell() - bar.n)


def _bar(file: BinaryIO) -> tqdm[NoReturn]:
    """Return a progress bar over the bytes of `file`: only a terminal shows it, and a pipe has no size to go by."""
    size = os.fstat(file.fileno()).st_size
    hidden = not sys.stderr.isatty() or not size
    return tqdm(total=size, unit="B", unit_scale=True, disable=hidden, file=sys.stderr, dynamic_ncols=True)


def _open(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.dup(0), "rb") if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _refuse_same(briefs: BinaryIO, paths: Sequence[Path]) -> None:
    """Refuse to read and write one file, whatever its names, or to write two things into one."""
    used: set[object] = {_inode(os.fstat(briefs.fileno()))}
    for path in paths:
        if path.exists() and not path.is_file():
            continue  # a device or a pipe
        identity = _inode(path.stat()) if path.exists() else path.resolve()
        if identity in used:
            raise UsageError(f"{path} is named twice: briefs, posts and rejects are three files")
        used.add(identity)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
