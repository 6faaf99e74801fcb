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
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

from tqdm import tqdm

from postopt.cli.briefs import BadLine, BriefLine, read_briefs
from postopt.cli.lines import bad_line, post_line, rejection_line
from postopt.cli.outfile import LineFile, remaining
from postopt.cli.remote import Answered, deadline_of, make_spending, make_writer
from postopt.cli.usage import UsageError
from postopt.clock import Clock
from postopt.errors import GenerationError
from postopt.scheduling.ordered import map_ordered
from postopt.types import Post, Posts, Rejection
from postopt.writer import PostWriter

if TYPE_CHECKING:
    from postopt.cli.spending import Spending

AT_ONCE = 16
"""Briefs at work at a time where a model is asked; arbitrary."""

MAX_KINDS = 1_000
"""Kinds of reasons counted apart; a run with more is told about the others together."""


class Summary:
    """What a run has read, written and rejected, and why."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.rejected = 0
        self.answered = Answered()
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
    spending = make_spending(args)
    writer = make_writer(args, spending)
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
        stack.callback(_say_how_it_went, summary, args, spending, lambda: clock() - started)
        bar = stack.enter_context(_bar(file))
        lines = _followed(lines, file, bar, summary)
        write = partial(_write_line, writer=writer, n=args.n, deadline=deadline_of(args), spending=spending)
        limit = AT_ONCE if "base_url" in args else 1
        work = _write_lines(_written(write, lines, limit), writer, out, rejects, summary)
        try:
            return asyncio.run(_until_terminated(work))
        except KeyboardInterrupt:
            status = 128 + signal.SIGINT
        except asyncio.CancelledError:
            status = 128 + signal.SIGTERM
    print("interrupted; the same command with --resume continues", file=sys.stderr)
    return status


class _Written(NamedTuple):
    """What a line of the input adds to the posts, and to the rejects with the reason of each."""

    posts: Sequence[Post]
    lines: list[bytes]
    rejections: list[tuple[str, bytes]]


async def _write_lines(
    written: AsyncGenerator[_Written, None],
    writer: PostWriter,
    out: LineFile,
    rejects: LineFile | None,
    summary: Summary,
) -> int:
    async with writer, aclosing(written):
        async for posts, lines, rejections in written:
            out.write(lines)
            if rejects:
                rejects.write([data for _, data in rejections])
            summary.written += len(lines)
            summary.answered.add(posts)
            for reason, _ in rejections:
                summary.reject(reason)
    return 1 if summary.rejected else 0


async def _written(
    write: Callable[[BriefLine | BadLine], Coroutine[Any, Any, _Written]],
    lines: Iterator[BriefLine | BadLine],
    limit: int,
) -> AsyncGenerator[_Written, None]:
    """Yield what becomes of each line, in their order, with so many at work at a time."""
    if limit > 1:
        async with aclosing(map_ordered(write, lines, limit=limit)) as results:
            async for result in results:
                yield result
        return
    for line in lines:
        yield await write(line)
        await asyncio.sleep(0)  # templates never wait, and signals are seen only where something does


async def _write_line(
    line: BriefLine | BadLine, *, writer: PostWriter, n: int, deadline: float | None, spending: Spending | None = None
) -> _Written:
    if isinstance(line, BadLine):
        return _Written((), [], [(line.reason, bad_line(line))])
    try:
        async with spending.place(line.brief, writer.generator) if spending else contextlib.nullcontext():
            posts = await writer.write(line.brief, n, deadline=deadline)
    except GenerationError as error:
        posts = Posts(line.brief, (), [Rejection(variant=variant, reasons=(str(error),)) for variant in range(n)])
    rejections = [(" ".join(rejection.reasons), rejection_line(line, rejection)) for rejection in posts.rejections]
    return _Written(posts, [post_line(line.id, post) for post in posts], rejections)


def _say_how_it_went(
    summary: Summary, args: argparse.Namespace, spending: Spending | None, seconds: Callable[[], float]
) -> None:
    print(summary.text(seconds()), file=sys.stderr)
    if "base_url" in args and summary.written:
        print(f"answered: {summary.answered.text()}", file=sys.stderr)
    if spending:
        print(f"spent: {spending.text()}", file=sys.stderr)


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
