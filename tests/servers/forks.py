"""A story told in the child of a fork."""

from __future__ import annotations

import os
import signal
import warnings

PATIENCE = 60
"""Seconds after which something counts as hanging."""


def run_in_child(story):
    """Run `story` in a fork; whatever it raises, or that it hangs, fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are other threads is the point
        pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(PATIENCE)
            story()
            status = 0
        except BaseException as error:  # noqa: BLE001 - nothing may leave the child
            os.write(2, repr(error).encode())
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
