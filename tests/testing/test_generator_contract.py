"""The contract catches every kind of generator that breaks it, and by the law that is broken."""

import asyncio
import subprocess
import sys
import unittest
from dataclasses import replace

import pytest

from postopt.errors import PostRejectedError
from postopt.testing import GeneratorContract, ScriptedGenerator
from postopt.types import Completion, Facts, Trace

GOOD = Completion(text="Bread for $3.50", generator="mine", trace=Trace(tier="local", model="m"))


class Mine:
    """A correct generator that waits once; the broken ones below differ from it in one thing."""

    name = "mine"

    async def generate(self, prompt):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return GOOD


class Nameless(Mine):
    name = ""


class Empty(Mine):
    async def generate(self, prompt):
        return replace(GOOD, text="")


class Plain(Mine):
    async def generate(self, prompt):
        return "Bread for $3.50"


class Anonymous(Mine):
    async def generate(self, prompt):
        return replace(GOOD, generator="")


class Paid(Mine):
    async def generate(self, prompt):
        return replace(GOOD, trace=replace(GOOD.trace, cost_usd=-1.0))


class Careless(Mine):
    async def generate(self, prompt):
        return replace(GOOD, text="Bread for $3.5")


class Meddling(Mine):
    async def generate(self, prompt):
        object.__setattr__(prompt.brief, "facts", Facts({}))
        return GOOD


class OneAtATime(Mine):
    busy = False

    async def generate(self, prompt):
        if self.busy:
            return replace(GOOD, text="")
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        return GOOD


class Stubborn(Mine):
    async def generate(self, prompt):
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass
        return GOOD


class Broken(Mine):
    """Is of no use after a cancellation."""

    cancelled = False

    async def generate(self, prompt):
        if self.cancelled:
            return replace(GOOD, text=None)
        self.cancelled = True
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.cancelled = False
        return GOOD


class Hanging(Mine):
    async def generate(self, prompt):
        await asyncio.Event().wait()


BREAKS = [
    (Nameless, "test_name_is_a_text", "name is a text"),
    (Empty, "test_answers_with_text", "not empty"),
    (Plain, "test_answers_with_text", "an answer is a Completion"),
    (Anonymous, "test_says_who_answered", "who answered"),
    (Paid, "test_says_who_answered", "cost from 0"),
    (Careless, "test_keeps_facts_or_rejects", "facts appear unchanged: price"),
    (Meddling, "test_prompt_is_left_alone", "left as it was"),
    (OneAtATime, "test_concurrent_calls", "not empty"),
    (Stubborn, "test_cancellation_propagates", "ends as cancelled"),
    (Broken, "test_cancellation_propagates", "not empty"),
    (Hanging, "test_answers_with_text", "a call ends"),
]


def contract(make_generator):
    class Contract(GeneratorContract):
        patience = 0.0 if make_generator is Hanging else 10.0

        def make(self):
            return make_generator()

    return Contract()


def laws():
    return [name for name in vars(GeneratorContract) if name.startswith("test_")]


class TestMine(GeneratorContract):
    def make(self):
        return Mine()


@pytest.mark.parametrize(("broken", "law", "words"), BREAKS, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_law_is_named(broken, law, words):
    with pytest.raises(AssertionError, match=f"broken law: .*{words}"):
        getattr(contract(broken), law)()


def test_every_law_can_be_broken():
    assert {law for _, law, _ in BREAKS} == set(laws())


@pytest.mark.parametrize("law", laws())
def test_rejecting_the_brief_keeps_every_law(law):
    getattr(contract(lambda: ScriptedGenerator([PostRejectedError(("too long",))] * 4)), law)()


def test_the_generator_is_closed_also_after_a_broken_law():
    closed = []

    class Closing(Careless):
        async def aclose(self):
            closed.append(True)

    with pytest.raises(AssertionError):
        contract(Closing).test_keeps_facts_or_rejects()
    contract(Closing).test_name_is_a_text()
    assert closed == [True, True]


def test_works_inside_a_running_loop():
    async def notebook_cell():
        contract(Mine).test_answers_with_text()
        with pytest.raises(AssertionError, match="broken law"):
            contract(Empty).test_answers_with_text()

    asyncio.run(notebook_cell())


def test_works_under_unittest():
    class Case(GeneratorContract, unittest.TestCase):
        def make(self):
            return Careless()

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert result.testsRun == len(laws())
    assert [case.id().rpartition(".")[2] for case, _ in result.failures] == ["test_keeps_facts_or_rejects"]
    assert result.errors == []


def test_make_is_needed():
    with pytest.raises(NotImplementedError, match="make"):
        GeneratorContract().test_name_is_a_text()


def test_needs_no_test_framework():
    code = "import sys, postopt.testing; print(sorted({'pytest', '_pytest', 'hypothesis', 'anyio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
