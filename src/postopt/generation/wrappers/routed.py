"""Asking whom a prompt names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from postopt.errors import InvalidRequestError, shown
from postopt.generation.base import Generator
from postopt.generation.wrappers.costs import known
from postopt.generation.wrappers.order import Wrapper, bound_of, call_of
from postopt.types import Completion, Prompt


class Routed(Wrapper):
    """Passes each prompt on to the generator of its model: what a `ModelSelector` chooses from.

    A prompt that names no model goes to the first one. The generators get the prompt without the name, so that each
    asks the model it was made for. It stands inside or outside of any other wrapper: around whole nests where each
    model has breaker, queue and budget of its own, inside of one where they share them.

    Args:
        generators: model -> who is asked; the names are those of the selector's candidates.
        name: as in `Generator`.

    Raises:
        ValueError: no generators.
    """

    def __init__(self, generators: Mapping[str, Generator], *, name: str = "routed") -> None:
        if not generators:
            raise ValueError("generators is empty; a model and its generator are needed")
        super().__init__(*generators.values(), name=name)
        self._calls = {model: call_of(generator) for model, generator in generators.items()}
        self._bounds = {model: bound_of(generator) for model, generator in generators.items()}
        self._first = next(iter(generators))

    def max_cost(self, prompt: Prompt) -> float | None:
        """Return the most US dollars that a call of the prompt's model can cost, or None if nobody knows."""
        bound = self._bounds.get(prompt.model or self._first)
        return None if bound is None else known(bound(replace(prompt, model=None)))

    async def generate(self, prompt: Prompt) -> Completion:
        """Answer with what the generator of the prompt's model gives.

        Raises:
            InvalidRequestError: no generator is there for that model.
            GenerationError: it did not answer.
        """
        call = self._calls.get(prompt.model or self._first)
        if call is None:
            raise InvalidRequestError(
                f"prompt.model is {shown(prompt.model)}; one of {', '.join(self._calls)} is needed",
                provider=self.name,
            )
        return await call(replace(prompt, model=None))
