"""A prediction whose reasons are put into words when somebody asks for them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from postopt.judgement import Prediction

# The slot in which a prediction has its reasons.
_slot: Any = Prediction.__dict__["reasons"]  # Any: a slot has no type


class Explained(Prediction):
    """A `Prediction` that is given a function for `reasons`, which is called when they are first asked for.

    It is equal to the `Prediction` with those reasons, has its hash and its words, and is pickled and copied as that.
    Until they are asked for it holds some kilobytes of what they are told from.
    """

    __slots__ = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """What moved it most against the baseline, in words. Associations, not causes."""
        found = _slot.__get__(self)
        if callable(found):
            # Two threads may do this at once: what they find is the same.
            found = found()
            _slot.__set__(self, found)
        told: tuple[str, ...] = found
        return told

    @reasons.setter
    def reasons(self, reasons: object) -> None:
        _slot.__set__(self, reasons)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prediction) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_plain(self))

    def __repr__(self) -> str:
        return repr(_plain(self))

    def __reduce__(self) -> tuple[Any, ...]:  # Any: as `pickle` wants it
        return _made, _values(self)


_NAMES = tuple(field.name for field in fields(Prediction))


def _values(prediction: Prediction) -> tuple[Any, ...]:  # Any: of several types
    return tuple([getattr(prediction, name) for name in _NAMES])


def _plain(prediction: Explained) -> Prediction:
    return _made(*_values(prediction))


def _made(*values: Any) -> Prediction:  # Any: of several types
    return Prediction(**dict(zip(_NAMES, values, strict=True)))
