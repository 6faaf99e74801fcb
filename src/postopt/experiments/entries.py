"""What an experiment store takes in: rows that are checked where they enter, so that none can fail when it is written.

Each function returns the row as plain values in the order of its table's columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import NamedTuple, NoReturn, TypeAlias

from postopt.errors import OutcomeError, shown
from postopt.experiments.records import CountRow, DecisionRow, OutcomeRow

DAY = 86_400

# Arbitrary, far above any real one: sums of squares stay finite, and days stay whole numbers.
MAX_VALUE = 1e100
MAX_TIME = 1e12

Decision: TypeAlias = tuple[str, str, str, str, int, float, str, str, float, int]
"""A `DecisionRow` and its day."""
Outcome: TypeAlias = tuple[str, str, float, float]
"""An `OutcomeRow`."""
Count: TypeAlias = tuple[str, str, str, str, float, float, float, float, int]
"""A `CountRow`, its totals unpacked, and its day."""
Link: TypeAlias = tuple[str, str]
"""A post and a decision."""


class Deal(NamedTuple):
    """Decisions of one experiment that were made together, by shares of the arms.

    Attributes:
        ids: of the decisions; hashes of the units, and so the units as well.
        places: numbers of the arms that they got.
        halves: of these arms: 0 or 1.
        experiment: name.
        arms: names, by number.
        shares: of the arms, by number: the propensities.
        policy: what chose.
        context: JSON of what was known, or "".
        at: seconds since the epoch.
    """

    ids: Sequence[str]
    places: Sequence[int]
    halves: Sequence[int]
    experiment: str
    arms: Sequence[str]
    shares: Sequence[float]
    policy: str
    context: str
    at: float

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The experiment with each arm that was dealt."""
        return {(self.experiment, self.arms[place]) for place in set(self.places)}


class Rows(NamedTuple):
    """Rows to be written, in the order in which they came."""

    decisions: Sequence[Decision] = ()
    outcomes: Sequence[Outcome] = ()
    counts: Sequence[Count] = ()
    links: Sequence[Link] = ()

    @property
    def n(self) -> int:
        """How many."""
        return sum(map(len, self))


def day_of(at: float) -> int:
    """Return the UTC day of a time, 0 for 1970-01-01."""
    return int(at // DAY)


def decision(row: DecisionRow) -> Decision:
    """Return a decision that is one.

    Raises:
        ValueError: a text is none, or holds a lone surrogate, an id is empty, or a number is out of its range.
    """
    key, experiment, arm, unit, half, propensity, policy, context, at = row
    try:
        texts = "".join(row[:4] + row[6:8])
        fits: object = texts.isascii() or texts.encode()
        fits = fits and key and half in (0, 1) and 0 < propensity <= 1 and -MAX_TIME <= at <= MAX_TIME
    except (TypeError, UnicodeEncodeError):
        fits = False
    if not fits:
        _refuse_decision(row)
    if type(arm) is not str:  # an Arm, which SQLite takes more slowly
        arm = str(arm)
    return key, experiment, arm, unit, int(half), float(propensity), policy, context, float(at), int(at // DAY)


def dealt(deal: Deal) -> list[Decision]:
    """Return the decisions of a deal. What they have in common is checked once for each arm, in a fifth of the time.

    Raises:
        ValueError: as for a decision.
    """
    ids, places, halves, experiment, arms, shares, policy, context, at = deal
    for place in set(places):
        decision(DecisionRow(ids[0], experiment, arms[place], "", 0, shares[place], policy, context, at))
    at, day = float(at), day_of(at)
    return [
        (each, experiment, arms[place], each, half, shares[place], policy, context, at, day)
        for each, place, half in zip(ids, places, halves, strict=True)
    ]


def outcome(row: OutcomeRow) -> Outcome:
    """Return an outcome that is one.

    Raises:
        OutcomeError: the value is negative, NaN, infinite or no number; or ValueError as for a decision.
    """
    decision_id, metric, value, at = row
    return text("decision_id", decision_id), text("metric", metric), number("value", value), time("at", at)


def count(row: CountRow) -> Count:
    """Return sums that outcomes can have.

    Raises:
        OutcomeError: a sum is negative, NaN, infinite or no number, or no outcomes have such sums.
    """
    key, experiment, arm, metric, totals, at = row
    n, total, squares = (number(name, value) for name, value in zip(totals._fields, totals, strict=True))
    # The mean of squares is the square of the mean or more; sums that were rounded may miss that by a little.
    if total * total > n * squares * (1 + 1e-9):
        raise OutcomeError(f"{shown(totals)} cannot be: no {n:g} outcomes have these sums")
    when = time("at", at)
    names = (text("id", key), text("experiment", experiment), text("arm", arm), text("metric", metric))
    return *names, n, total, squares, when, day_of(when)


def past_counts(rows: Iterable[tuple[str | int, str, float, float]]) -> list[tuple[str, str, float, float]]:
    """Return the (arm, text, n, successes) of one past experiment.

    Raises:
        OutcomeError: a row is none, a number is negative, NaN, infinite or none, there are more successes than n, or
            an arm comes twice.
        ValueError: a name or text is none.
    """
    checked: dict[str, tuple[str, str, float, float]] = {}
    for row in rows:
        try:
            arm, shows, n, successes = row
        except (TypeError, ValueError) as error:
            raise OutcomeError(f"{shown(row)} is no (arm, text, n, successes)") from error
        name = str(arm) if isinstance(arm, int) else arm  # arms that are numbered
        entry = text("arm", name), text("text", shows, empty=True), number("n", n), number("successes", successes)
        if entry[3] > entry[2]:
            raise OutcomeError(f"{shown(successes)} successes of {shown(n)} cannot be")
        if checked.setdefault(entry[0], entry) is not entry:
            raise OutcomeError(f"the arm {shown(arm)} comes twice")
    return list(checked.values())


def text(name: str, value: object, *, empty: bool = False) -> str:
    """Return a text that a file can hold.

    Raises:
        ValueError: it is none, or empty and must not be, or holds a lone surrogate.
    """
    if isinstance(value, str) and (value or empty):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} is {shown(value)}; text without lone surrogates is needed") from error
        return str(value)
    raise ValueError(f"{name} is {shown(value)}; a text{'' if empty else ' that is not empty'} is needed")


def number(name: str, value: object) -> float:
    """Return a number of outcomes, or a sum of them.

    Raises:
        OutcomeError: it is negative, NaN, infinite, above `MAX_VALUE` or no number.
    """
    real = _float(value)
    if 0 <= real <= MAX_VALUE:
        return real
    raise OutcomeError(f"{name} is {shown(value)}; a number from 0 to {MAX_VALUE:g} is needed")


def time(name: str, value: object) -> float:
    """Return a time in seconds since the epoch.

    Raises:
        ValueError: it is none, or further than `MAX_TIME` from it.
    """
    real = _float(value)
    if -MAX_TIME <= real <= MAX_TIME:
        return real
    raise ValueError(f"{name} is {shown(value)}; seconds since the epoch are needed")


def _float(value: object) -> float:
    """Return a number, also one of numpy, as a float, and what is none, or too large for one, as NaN."""
    try:
        return float(value) if isinstance(value, int | float | Real) else math.nan
    except OverflowError:
        return math.nan


def _refuse_decision(row: DecisionRow) -> NoReturn:
    """Say what is wrong with a decision."""
    for name in ("id", "experiment", "arm"):
        text(name, getattr(row, name))
    for name in ("unit", "policy", "context"):
        text(name, getattr(row, name), empty=True)
    time("at", row.at)
    if row.half not in (0, 1):
        raise ValueError(f"half is {shown(row.half)}; 0 or 1 is needed")
    raise ValueError(f"propensity is {shown(row.propensity)}; a probability above 0 is needed")
