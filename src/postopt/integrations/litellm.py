"""A LiteLLM router as a generator.

Nothing here imports litellm, which takes seconds: the host has it, and hands over its router.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from postopt.generation.callable import CallableGenerator
from postopt.generation.prompt import messages, sampling
from postopt.resilience.price import Price
from postopt.types import Prompt


class Router(Protocol):
    """What is needed of `litellm.Router`; the module `litellm` itself has it, too."""

    def acompletion(self, *, model: str, messages: list[Any], **parameters: Any) -> Awaitable[Any]:
        """Answer."""
        ...


def generator(
    router: Router,
    model: str,
    *,
    name: str = "",
    price: Price | None = None,
    max_cost_usd: float | None = None,
    **parameters: Any,
) -> CallableGenerator:
    """Return a generator that asks a router for a model.

    The router's own retries, fallbacks and cooldowns work underneath ours; let only one of them retry:
    `litellm.Router(..., num_retries=0)`. Its errors become ours (`CallableGenerator`). Without a price an answer costs
    what LiteLLM's own price list says.

    Args:
        router: a `litellm.Router`, or the module `litellm`.
        model: by the router's name for it, unless a prompt names another.
        name: as in `Generator`; "litellm/<model>" unless given.
        price: what tokens of `model` cost.
        max_cost_usd: the most that a call can cost, for budgets.
        parameters: handed to each call.
    """

    async def ask(prompt: Prompt) -> object:
        chosen = {**sampling(prompt), **parameters}
        return await router.acompletion(model=prompt.model or model, messages=messages(prompt), **chosen)

    return CallableGenerator(
        ask,
        name=name or f"litellm/{model}",
        model=model,
        price=price,
        cost=_listed_cost if price is None else None,
        max_cost_usd=max_cost_usd,
    )


def _listed_cost(response: Any) -> float | None:
    hidden = getattr(response, "_hidden_params", None)
    cost = hidden.get("response_cost") if isinstance(hidden, dict) else None
    return cost if isinstance(cost, int | float) else None  # which `CallableGenerator` believes if it can be one
