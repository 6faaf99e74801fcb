"""What an arm must not make worse, whatever it earns."""

from __future__ import annotations

from dataclasses import dataclass

from postopt._checks import check_amount
from postopt.errors import shown
from postopt.experiments.records import Metric


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric on which no arm may be worse than the control (the first arm) by more than so much.

    An arm breaches it once the interval of its difference from the control lies wholly beyond the tolerance: a
    one-sided confidence sequence, valid at every look, so that looking after each outcome does not pause an innocent
    arm more often than with probability `alpha`, all arms of the experiment together. Without outcomes, of the arm or
    of the control, it does not breach, and the decision says so.

    Attributes:
        metric: which; a plain name stands for a proportion of which less is better, such as "hides".
        tolerance: what an arm may be worse by, relative to the control (.10 is a tenth).
        alpha: probability that it ever pauses an arm that is not worse by more than the tolerance.

    Raises:
        ValueError: an argument cannot be used.
    """

    metric: Metric
    tolerance: float = 0.0
    alpha: float = 0.05

    def __init__(self, metric: Metric | str, tolerance: float = 0.0, alpha: float = 0.05) -> None:
        named = Metric(metric, lower_is_better=True) if isinstance(metric, str) else metric
        if not isinstance(named, Metric):
            raise ValueError(f"metric is {shown(metric)}; a Metric or its name is needed")  # noqa: TRY004 - as all others
        if not 0 < check_amount("alpha", alpha, "probabilities") < 0.5:
            raise ValueError(f"alpha is {shown(alpha)}; a probability between 0 and 0.5 is needed")
        object.__setattr__(self, "metric", named)
        object.__setattr__(self, "tolerance", check_amount("tolerance", tolerance, "parts of the control's mean"))
        object.__setattr__(self, "alpha", float(alpha))
