import asyncio

import pytest

from postopt.errors import GenerationError
from postopt.testing import GeneratorContract, ScriptedGenerator
from postopt.types import Completion, Trace

pytestmark = pytest.mark.anyio
TRACE = Trace(tier="remote", model="m")


class TestContract(GeneratorContract):
    def make(self):
        return ScriptedGenerator([f"Bread {n} for $3.50" for n in range(self.calls)])


class TestHeldContract(GeneratorContract):
    """The same with calls that wait, so that cancellation finds one to cancel."""

    def make(self):
        hold = asyncio.Event()
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(hold.set))
        return ScriptedGenerator([f"Bread {n} for $3.50" for n in range(self.calls)], hold=hold)


async def test_follows_its_script(prompt):
    error = GenerationError("down")
    ready = Completion(text="", generator="other", trace=TRACE)
    generator = ScriptedGenerator(["one", error, ready, "two"], name="fake")
    first = await generator.generate(prompt(0))
    assert (first.text, first.generator, first.index) == ("one", "fake", 0)
    with pytest.raises(GenerationError) as caught:
        await generator.generate(prompt(1))
    assert caught.value is error
    assert await generator.generate(prompt(2)) is ready
    assert (await generator.generate(prompt(3))).index == 3
    assert [seen.variant for seen in generator.prompts] == [0, 1, 2, 3]
    with pytest.raises(AssertionError, match="script of 'fake' has 4 lines; this is call 5"):
        await generator.generate(prompt(4))
    assert len(generator.prompts) == 5


def test_a_scripted_text_is_not_empty():
    with pytest.raises(ValueError, match="empty"):
        ScriptedGenerator(["one", ""])


async def test_hold_decides_who_runs_at_the_same_time(prompt):
    hold = asyncio.Event()
    generator = ScriptedGenerator(["a", "b", "c"], hold=hold)
    calls = [asyncio.ensure_future(generator.generate(prompt(n))) for n in range(3)]
    await asyncio.sleep(0)
    assert generator.in_flight == 3
    calls[1].cancel()
    await asyncio.sleep(0)
    assert generator.in_flight == 2
    hold.set()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(done[1], asyncio.CancelledError)
    assert [done[0].text, done[2].text] == ["a", "c"]
    assert generator.in_flight == 0
