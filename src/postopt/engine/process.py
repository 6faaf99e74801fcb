"""One run of the probing subprocess: start it, hear what it reports, end it with all that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any, cast

# Every so often a look whether the process still lives: the pipe alone does not tell, because a process that a
# library has left behind may hold its end open.
_LOOK_SECONDS = 0.05

_START_SECONDS = 1.0  # what an interrupted start is waited for; a process that comes later ends by itself

# Not the library's fault: the system was short of memory, or somebody ended the process.
_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT")


class WorkerProcess:
    """A Python process that runs `code` and gets `requests`, one JSON value a line, on stdin.

    Isolated from the environment variables and the user folder that steer Python, in a session of its own, so
    that neither a signal to the host's group nor a Ctrl-C reaches it halfway.

    Raises:
        OSError: this host cannot start a Python process; the message says why.
    """

    def __init__(self, code: str, requests: Sequence[object]) -> None:
        data = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
        if getattr(sys, "frozen", False):
            raise OSError("this program is a frozen executable: there is no interpreter to start")
        if not sys.executable:
            raise OSError("sys.executable is empty: there is no interpreter to start")
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes]
        self._failure: Exception | None = None
        # A bare lock: a Ctrl-C inside `Event.wait` can leave the lock within it held for ever.
        self._starting = threading.Lock()
        self._starting.acquire()
        self._thread = threading.Thread(target=self._converse, args=(code, data), name="postopt-probe", daemon=True)
        try:
            self._thread.start()
            self._starting.acquire()
        except RuntimeError as error:
            raise OSError(f"no thread can be started: {error}") from error
        except BaseException:  # a Ctrl-C: in a moment the process is there, and has to go
            self._starting.acquire(timeout=_START_SECONDS)
            if hasattr(self, "_process"):
                self.close()
            raise
        if self._failure:
            raise self._failure

    def next_message(self, seconds: float) -> Mapping[str, Any] | None:
        """Return what the process reports next, or None if it has ended.

        Raises:
            TimeoutError: nothing came within `seconds`.
        """
        end = time.monotonic() + seconds
        ended = False
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, min(_LOOK_SECONDS, end - time.monotonic())))
            except queue.Empty:
                if ended:  # seen before, so that what was in the pipe has had time to arrive
                    return None
                ended = self._process.poll() is not None
                if not ended and time.monotonic() >= end:
                    raise TimeoutError from None
                continue
            if line is None:
                return None
            with contextlib.suppress(ValueError):  # a library wrote into a file that is not its own
                message = json.loads(line)
                if isinstance(message, dict):
                    return message

    def close(self) -> tuple[str, bool]:
        """Kill the process and its group, and return how it had ended and whether that was its own doing."""
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_SECONDS)  # an end that was reported may still be on its way
            status = self._process.poll()
        finally:  # also if a Ctrl-C ends the waiting
            self._kill()
        self._thread.join(_LOOK_SECONDS)
        return _ending(status)

    def _converse(self, code: str, data: bytes) -> None:
        """Start the process, write, read, and wait for it, in a thread of its own.

        A process that never reads would block whoever writes to it; and a Ctrl-C while `Popen` forks, which only the
        main thread ever sees, would leave a process that nobody knows of.
        """
        try:
            process = self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and code
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(os.environ),
                start_new_session=True,
            )
        except Exception as error:  # noqa: BLE001  # raised again by whoever waits for the start
            self._failure = error
            return
        finally:
            self._starting.release()
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        with contextlib.suppress(OSError), stdin:  # it may be dead already
            stdin.write(data)
        with stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(None)
        process.wait()

    def _kill(self) -> None:
        # The group outlives its leader as long as a member lives, so its number is not another's yet.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()


def _ending(status: int | None) -> tuple[str, bool]:
    if status is None:
        return "stopped reporting", True
    if status >= 0:
        return f"ended the process with status {status}", True
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"killed the process with {name}", name not in _FROM_OUTSIDE
