"""What an experiment is about and what it writes down: arms, metrics, decisions, outcomes and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, TypeAlias, get_args

from postopt._checks import check_name, check_positive
from postopt.errors import shown

Kind: TypeAlias = Literal["proportion", "mean"]
"""What outcomes are: shares (0 or 1, mostly), or any amounts."""

Group: TypeAlias = Sequence[tuple[str, float, float]]
"""One randomised contrast that is over: (text, n, successes) of each of its arms."""


class Arm(str):
    """One of the versions that are compared: its name, which carries the text that is shown.

    It is the name wherever a name is needed: as a key, in a comparison, in a report.

    Attributes:
        text: what the arm shows or asks for; may be empty.
    """

    __slots__ = ("text",)

    text: str

    def __new__(cls, name: str, text: str = "") -> Self:
        """Make an arm of a name that is not empty."""
        arm = super().__new__(cls, check_name("name", name))
        if not isinstance(text, str):
            raise ValueError(f"text is {shown(text)}; a text is needed")  # noqa: TRY004 - as all others
        arm.text = text
        return arm

    @property
    def name(self) -> str:
        """The name as a plain text."""
        return str.__str__(self)

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # what __new__ takes
        return self.name, self.text

    def __repr__(self) -> str:
        return f"Arm({self.name!r}, {self.text!r})" if self.text else f"Arm({self.name!r})"


class Assignment(NamedTuple):
    """Which arm a unit got.

    Attributes:
        id: under which its outcomes are recorded.
        arm: whose text is to be shown.
        propensity: the probability with which this unit got this arm; 0 < propensity <= 1.
    """

    id: str
    arm: Arm
    propensity: float


@dataclass(frozen=True, slots=True)
class Metric:
    """What is counted or measured for each assignment.

    Attributes:
        name: as outcomes name it.
        kind: "proportion" (each outcome is 0 or 1, or a share between) or "mean" (any finite number, zero or more).
        window: seconds after which an assignment without an outcome counts as an outcome of 0, or None if outcomes of
            0 are reported like all others. Until then such an assignment counts as nothing: it is no failure yet.
        lower_is_better: whether a smaller value is the better one (hides, cost, seconds).

    Raises:
        ValueError: a name is empty, a kind unknown, or a window not positive.
    """

    name: str
    kind: Kind = "proportion"
    window: float | None = None
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if self.kind not in get_args(Kind):
            raise ValueError(f'kind is {shown(self.kind)}; "proportion" or "mean" is needed')
        if self.window is not None:
            check_positive("window", self.window, "seconds")


class Totals(NamedTuple):
    """Sums over outcomes: how many, of the values, and of their squares."""

    n: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean outcome; 0 before there is one."""
        return self.total / self.n if self.n else 0.0

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override]  # sums add up; nobody chains these tuples
        return Totals(self.n + other.n, self.total + other.total, self.squares + other.squares)


class DecisionRow(NamedTuple):
    """One assignment as it is logged.

    Attributes:
        id: unique in the store.
        experiment: name of the experiment.
        arm: name of the arm.
        unit: keyed hash of the unit, in hexadecimal; the unit itself is never stored.
        half: 0 or 1, by a hash of the unit: each arm is two secret half-arms that show the same (built-in A/A).
        propensity: of this arm for this unit.
        policy: what chose ("uniform", "thompson x8", ...).
        context: JSON of what was known, or "".
        at: seconds since the epoch.
    """

    id: str
    experiment: str
    arm: str
    unit: str
    half: int
    propensity: float
    policy: str
    context: str
    at: float


class OutcomeRow(NamedTuple):
    """One outcome of one decision; a second one of the same metric changes nothing."""

    decision_id: str
    metric: str
    value: float
    at: float


class CountRow(NamedTuple):
    """Outcomes that are only known as sums, as in a report; one with the `id` of another changes nothing."""

    id: str
    experiment: str
    arm: str
    metric: str
    totals: Totals
    at: float


class Bucket(NamedTuple):
    """The sums of one arm, one half of it (or -1 where counts came without halves), one metric and one UTC day."""

    arm: str
    half: int
    metric: str
    day: int
    totals: Totals
