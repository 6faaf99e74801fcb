"""What an experiment was set out to be: fixed before the first unit, kept in the store, and compared when reopened."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from postopt._checks import check_amount, check_count, check_name, check_positive, check_share
from postopt.errors import UnknownArmError, shown
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.records import Arm, Metric

Mode: TypeAlias = Literal["find", "earn"]
Weights: TypeAlias = Mapping[str, float] | Sequence[float] | None

_MOST_ARMS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The settings that the conclusions rest on, checked and in their final form; see `Experiment` for each."""

    name: str
    arms: tuple[Arm, ...]
    metric: Metric
    guardrails: tuple[Guardrail, ...]
    mode: Mode
    alpha: float
    horizon: int | None
    traffic_share: float
    floor: float
    design_effect: float | None
    weights: tuple[float, ...]
    holdout: float
    max_loss: float | None

    @classmethod
    def checked(  # noqa: PLR0913 - the settings of an experiment
        cls,
        name: str,
        arms: Iterable[Arm | str],
        *,
        metric: Metric | str,
        guardrails: Sequence[Guardrail],
        mode: Mode,
        alpha: float,
        horizon: int | None,
        traffic_share: float,
        floor: float,
        design_effect: float | Literal["auto"],
        weights: Weights,
        holdout: float,
        max_loss: float | None,
    ) -> Definition:
        """Return the settings in their final form.

        Raises:
            ValueError: a setting cannot be used.
        """
        if mode not in get_args(Mode):
            raise ValueError(f'mode is {shown(mode)}; "find" or "earn" is needed')
        checked_arms = _arms(arms)
        primary = Metric(metric) if isinstance(metric, str) else metric
        if not isinstance(primary, Metric):
            raise ValueError(f"metric is {shown(metric)}; a Metric or its name is needed")  # noqa: TRY004 - as all others
        if mode == "earn" and primary.kind != "proportion":
            raise ValueError(f'mode "earn" needs a proportion; {shown(primary.name)} is a mean')
        if max_loss is not None and primary.kind != "proportion":
            raise ValueError(f"max_loss needs a proportion; {shown(primary.name)} is a mean")
        if mode == "earn" and weights is not None:
            raise ValueError('mode "earn" has no weights; its shares follow the outcomes')
        if mode == "find" and holdout:
            raise ValueError('mode "find" has no holdout; give the control more weight')
        return cls(
            name=check_name("name", name),
            arms=checked_arms,
            metric=primary,
            guardrails=_guardrails(guardrails, primary),
            mode=mode,
            alpha=_alpha(alpha),
            horizon=None if horizon is None else check_count("horizon", horizon),
            traffic_share=check_share("traffic_share", traffic_share, above=0.0),
            floor=check_share("floor", floor, below=1.0),
            design_effect=None if design_effect == "auto" else _effect(design_effect),
            weights=_weights(weights, checked_arms),
            holdout=check_share("holdout", holdout, below=1.0),
            max_loss=None if max_loss is None else check_positive("max_loss", max_loss, "successes"),
        )

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metric and those of the guardrails, by name."""
        return {metric.name: metric for metric in (self.metric, *(rail.metric for rail in self.guardrails))}

    def settings(self) -> dict[str, Any]:
        """Return everything but the name and the arms as plain JSON, from which `from_settings` makes the same."""
        equal = len(set(self.weights)) == 1
        return {field.name: getattr(self, field.name) for field in fields(self)[2:]} | {
            "metric": asdict(self.metric),
            "guardrails": [asdict(rail) for rail in self.guardrails],
            "weights": [] if equal else list(self.weights),  # of a million arms there is nothing to say
        }

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `checked`, but name and arms, that give this definition again."""
        arguments = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        return arguments | {
            "design_effect": "auto" if self.design_effect is None else self.design_effect,
            "weights": self.weights if self.mode == "find" else None,
        }

    @classmethod
    def from_settings(cls, name: str, arms: Iterable[Arm], settings: Mapping[str, Any]) -> Definition:
        """Return the definition whose settings these are."""
        rails = [{**rail, "metric": Metric(**rail["metric"])} for rail in settings["guardrails"]]
        effect = settings["design_effect"]
        return cls.checked(
            name,
            arms,
            **{
                **settings,
                "metric": Metric(**settings["metric"]),
                "guardrails": [Guardrail(**rail) for rail in rails],
                "design_effect": "auto" if effect is None else effect,
                "weights": settings["weights"] or None,
            },
        )


def _alpha(alpha: object) -> float:
    if not 0 < check_amount("alpha", alpha, "probabilities") < 0.5:
        raise ValueError(f"alpha is {shown(alpha)}; a probability between 0 and 0.5 is needed")
    return float(alpha)  # type: ignore[arg-type]  # a number, or it was refused


def _arms(arms: Iterable[Arm | str]) -> tuple[Arm, ...]:
    if isinstance(arms, str | set | frozenset) or not isinstance(arms, Iterable):  # of a set, no arm is the first
        raise ValueError(f"arms is {shown(arms)}; a list of arms or of their names is needed")  # noqa: TRY004 - as all others
    checked = tuple(arm if isinstance(arm, Arm) else Arm(check_name("arm", arm)) for arm in arms)
    if not 1 <= len(checked) <= _MOST_ARMS:
        raise ValueError(f"arms are {len(checked):,}; from 1 to {_MOST_ARMS:,} are needed")
    if len(set(checked)) < len(checked):
        twice = Counter(checked).most_common(1)[0][0]
        raise ValueError(f"two arms have the name {shown(twice.name)}; each needs its own")
    return checked


def _guardrails(guardrails: object, metric: Metric) -> tuple[Guardrail, ...]:
    if not isinstance(guardrails, list | tuple):
        raise ValueError(f"guardrails is {shown(guardrails)}; a list of them is needed")  # noqa: TRY004 - as all others
    seen = {metric.name: metric}
    for rail in guardrails:
        if not isinstance(rail, Guardrail):
            raise ValueError(f"guardrails hold {shown(rail)}; a Guardrail is needed")  # noqa: TRY004 - as all others
        if seen.setdefault(rail.metric.name, rail.metric) != rail.metric:
            raise ValueError(f"two metrics have the name {shown(rail.metric.name)}; each needs its own")
    return tuple(guardrails)


def _effect(value: object) -> float:
    effect = check_amount("design_effect", value, "times the variance")
    if effect < 1:
        raise ValueError(f'design_effect is {shown(value)}; 1 or more, or "auto", is needed')
    return effect


def _weights(weights: Weights, arms: tuple[Arm, ...]) -> tuple[float, ...]:
    """Return one weight for each arm; they add up to 1."""
    if weights is None:
        return (1 / len(arms),) * len(arms)
    if isinstance(weights, Mapping):
        for name in weights:
            if name not in arms:
                raise UnknownArmError(f"weights name {shown(name)}, which is no arm of this experiment")
        weights = [weights.get(arm, 0.0) for arm in arms]
    if not isinstance(weights, list | tuple) or len(weights) != len(arms):
        raise ValueError(f"weights is {shown(weights)}; one for each of {len(arms):,} arms is needed")
    checked = [check_positive("weights", weight, "parts of the traffic") for weight in weights]
    whole = sum(checked)
    if math.isclose(whole, 1.0, rel_tol=1e-12):  # as the store gives them back: to scale them again would change them
        return tuple(checked)
    return tuple(weight / whole for weight in checked)
