"""A generator that says what the test wrote down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from postopt.types import Completion, Prompt, Trace


class ScriptedGenerator:
    """Gives the answers of a script, one a call and in the order of the calls.

    Attributes:
        name: as in `Generator`.
        prompts: all prompts received, in order.
        in_flight: calls that have begun and not ended.

    Args:
        script: texts, completions to give as they are, or exceptions to raise. A text is never empty; to play a
            generator that breaks this law, script a `Completion`.
        name: how traces call it.
        hold: while this event is not set every call waits for it, so that a test decides who runs at the same time
            without sleeping. A call takes its line of the script when it begins, not when it is let go.

    Raises:
        AssertionError: from a call for which the script has no line left.
    """

    def __init__(
        self,
        script: Iterable[str | Completion | BaseException],
        *,
        name: str = "scripted",
        hold: asyncio.Event | None = None,
    ) -> None:
        self.name = name
        self.prompts: list[Prompt] = []
        self.in_flight = 0
        self._script = list(script)
        self._hold = hold
        if "" in self._script:
            raise ValueError("a scripted text is empty; no generator may answer that")

    async def generate(self, prompt: Prompt) -> Completion:
        """Give the script's next answer."""
        index = len(self.prompts)
        self.prompts.append(prompt)
        if index >= len(self._script):
            raise AssertionError(f"the script of {self.name!r} has {len(self._script)} lines; this is call {index + 1}")
        answer = self._script[index]
        self.in_flight += 1
        try:
            if self._hold is not None:
                await self._hold.wait()
        finally:
            self.in_flight -= 1
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Completion):
            return answer
        trace = Trace(tier="local", model=self.name)
        return Completion(text=answer, generator=self.name, trace=trace, index=index, seed=prompt.seed)
