"""What an optimizer can be set up with: refused here, before anything is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from postopt._checks import check_callable, check_count, check_name, check_positive
from postopt.errors import PromptError, shown
from postopt.experiments.guardrails import Guardrail
from postopt.experiments.records import Metric
from postopt.experiments.store import ExperimentStore
from postopt.prompts.readings import Reading
from postopt.prompts.template import PromptTemplate


def check_place(store: object, name: object, clock: object) -> None:
    """Refuse what is no store, a name that cannot be a key in it, and a clock that cannot be called."""
    if not isinstance(store, ExperimentStore):
        raise ValueError(f"store is {shown(store)}; an ExperimentStore is needed")  # noqa: TRY004 - as all others
    if not check_name("name", name).isprintable():
        raise ValueError(f"name is {shown(name)}; printable characters are needed")
    check_callable("clock", clock, "returns seconds since the epoch")


def check_metrics(metric: object, guardrails: Sequence[object], readings: Mapping[str, Reading]) -> None:
    """Refuse metrics and guardrails that are none, or that no report is read for."""
    for rail in guardrails:
        if not isinstance(rail, Guardrail):
            raise ValueError(f"guardrails has {shown(rail)}; only a Guardrail is one")  # noqa: TRY004 - as all others
    for one in (metric, *(rail.metric for rail in guardrails if isinstance(rail, Guardrail))):
        if not isinstance(one, Metric):
            raise ValueError(f"metric is {shown(one)}; a Metric is needed")  # noqa: TRY004 - as all others
        if one.name not in readings:
            raise ValueError(f"readings has none for the metric {shown(one.name)}; allowed: {', '.join(readings)}")


def check_shares(traffic_share: object, watch_share: object, alpha: object) -> None:
    """Refuse what is no share, and a watch or an error probability of 1."""
    for name, value in (("traffic_share", traffic_share), ("watch_share", watch_share), ("alpha", alpha)):
        if check_positive(name, value, "a share") > 1:
            raise ValueError(f"{name} is {shown(value)}; a share, at most 1, is needed")
    if 1 in (watch_share, alpha):
        raise ValueError(f"watch_share and alpha are {watch_share} and {alpha}; less than 1 is needed")


def check_posts(posts: object) -> int | None:
    """Return a number of posts, or None for no end."""
    return None if posts is None else check_count("posts", posts)


def check_template(name: str, value: object) -> PromptTemplate:
    """Return a template, or the one of a text.

    Raises:
        PromptError: it is none.
    """
    template = PromptTemplate(value) if isinstance(value, str) else value
    if not isinstance(template, PromptTemplate):
        raise PromptError(f"{name} is {shown(value)}; a PromptTemplate or its text is needed")
    return template
