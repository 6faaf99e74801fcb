"""How a breaker judges the end of a call."""

from __future__ import annotations

from typing import get_args

from postopt.errors import shown
from postopt.resilience.breaking.plain import check_plain
from postopt.resilience.breaking.tally import Tally
from postopt.resilience.outcome import Classifier, Kind, classify

_KINDS = frozenset(get_args(Kind))


class Judge:
    """Says how a call counts.

    A call that was cancelled is neutral whatever the classifier says. A call that something further in refused to
    make is ignored: whoever was to be called was not asked. A classifier that raises, or says what is no kind, is
    counted and does not matter, but that an interrupt (KeyboardInterrupt, SystemExit) goes on.

    Attributes:
        errors: how often the classifier failed.

    Args:
        ignore: a type of errors, or a tuple of them, that say nothing about whoever was called.
        classifier: the host's own, or None.
        slow_call_seconds: a success that took longer is slow, unless the classifier says so before; None if none is.
    """

    __slots__ = ("_classifier", "_ignore", "_slow", "errors")

    def __init__(
        self,
        ignore: object,
        classifier: Classifier | None,
        slow_call_seconds: float | None,
    ) -> None:
        self._ignore = ignore if isinstance(ignore, tuple) else (ignore,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in self._ignore):
            raise ValueError(f"ignore is {shown(ignore)}; types of exceptions are needed")
        if classifier is not None:
            check_plain("classify", classifier, "judges a call")
        self._classifier = classifier
        self._slow = slow_call_seconds
        self.errors = Tally()

    @property
    def looks(self) -> bool:
        """Whether results have to be looked at, because the host has a classifier."""
        return self._classifier is not None

    def judge(self, cause: BaseException | None, result: object, seconds: float, *, slow: bool | None = None) -> Kind:
        """Return how a call counts; `slow` says whether it was, None that `seconds` do."""
        kind: Kind = "success"
        if cause is not None:
            kind = classify(cause)
            if kind == "cancelled":
                return kind
            if isinstance(cause, self._ignore):
                return "ignored"
        if self._classifier is not None:
            kind = self._ask(self._classifier, kind, cause, result, seconds)
        if kind == "rejected":
            return "ignored"
        if kind == "success" and (slow if slow is not None else self._slow is not None and seconds > self._slow):
            return "slow"
        return kind

    def _ask(
        self, classifier: Classifier, otherwise: Kind, cause: BaseException | None, result: object, seconds: float
    ) -> Kind:
        try:
            kind = classifier(cause, result, seconds)
            if kind in _KINDS:
                return kind
        except (KeyboardInterrupt, SystemExit):
            self.errors.tick()
            raise
        except BaseException:  # noqa: BLE001, S110 - a judgement must not take the place of a result; it is counted below
            pass
        self.errors.tick()
        return otherwise
