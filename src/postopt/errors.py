"""Every error that postopt raises on purpose.

The tree::

    PostoptError
    +-- BriefError (ValueError)               a brief holds a value that is not allowed
    +-- MissingDependencyError (ImportError)  an optional library is not installed
    +-- BackendError
    |   +-- BackendUnavailableError           an explicit choice cannot be honoured
    |   +-- CorruptDataError (ValueError)     bytes that cannot be decompressed or decoded
    |   +-- WisdomError                       a measurement or lock file that cannot be used
    +-- CacheError
    |   +-- CacheValueError (ValueError)      a key, value or setting that no cache can take
    |   +-- StoreError                        a level of the cache cannot be reached, or fails
    |   +-- ReentrantError                    a computation that would wait for its own end
    +-- GenerationError                       no text came out
    |   +-- PostRejectedError                 a text came out but breaks the brief
    +-- EventBusClosedError                   published to a bus that is closed

`retryable` says whether the same call may succeed later without any change; `hint` says what to do and is
attached to the instance as a note, so that a traceback shows it.
"""

from __future__ import annotations


class PostoptError(Exception):
    """Base of all errors raised on purpose by postopt."""

    retryable: bool = False
    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint
        if self.hint:
            self.add_note(self.hint)


class BriefError(PostoptError, ValueError):
    """A brief holds a value that is not allowed; `field`, `value` and `allowed` say which, what and why."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"brief.{field} is {shown(value)}; allowed: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    def __reduce__(self) -> tuple[type[BriefError], tuple[str, object, str], dict[str, object]]:
        return type(self), (self.field, self.value, self.allowed), vars(self)


class MissingDependencyError(PostoptError, ImportError):
    """An optional library is needed but cannot be imported; the hint says what to install."""


class BackendError(PostoptError):
    """A backend, or the engine that chooses one, cannot do what was asked."""


class BackendUnavailableError(BackendError):
    """An explicitly chosen backend is absent, broken, too old or does not fill that role."""


class CorruptDataError(BackendError, ValueError):
    """Bytes are truncated, foreign or damaged."""


class WisdomError(BackendError):
    """A measurement or lock file is unusable where the caller asked for it by name."""


class CacheError(PostoptError):
    """A cache cannot do what was asked."""


class CacheValueError(CacheError, ValueError):
    """A key, a value, a time or a limit that no cache can take: the call changed nothing."""


class StoreError(CacheError):
    """A level of the cache cannot be reached, or fails; what it holds is unknown, so nothing of it is served."""

    retryable = True


class ReentrantError(CacheError):
    """A computation waits, directly or through others, for its own end; it would never come."""


class GenerationError(PostoptError):
    """A generator produced no text."""


class PostRejectedError(GenerationError):
    """A text breaks its brief (a fact is missing, a forbidden word appears, it is too long): `reasons` say how."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons

    def __reduce__(self) -> tuple[type[PostRejectedError], tuple[tuple[str, ...]], dict[str, object]]:
        return type(self), (self.reasons,), vars(self)


class EventBusClosedError(PostoptError):
    """An event was published to a bus that is closed."""


def shown(value: object) -> str:
    """Return `value` as an error's message quotes it, 80 characters at most."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python converts
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
