"""One of several replicas answers, and the answer tells who did not."""

import asyncio
from functools import partial

import pytest

from postopt.errors import CallRejectedError, CircuitOpenError, OverloadedError, RefusedError
from postopt.generation.wrappers import Balanced, Guarded, Replicas
from postopt.resilience.balancer import Balancer
from postopt.testing import GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


class Replica(ScriptedGenerator):
    """Has a price, and can be closed."""

    model = "small"
    closed = False

    def max_cost(self, prompt):
        return 0.5

    async def aclose(self):
        self.closed = True


def replica(name, *script, **settings):
    return Replica(script, name=name, **settings)


class TestBalanced(GeneratorContract):
    def make(self):
        return Balanced([replica(name, *["Bread for $3.50"] * 4) for name in "abc"])


def paid(cost):
    return Completion(text="Bread!", generator="small", trace=Trace(tier="remote", model="small", cost_usd=cost))


async def ask(generator, prompt=PROMPT):
    try:
        return await generator.generate(prompt)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error


def test_its_name_is_the_models():
    assert Balanced([replica("a"), replica("b")]).name == "small"
    assert Balanced([ScriptedGenerator([], name="a")]).name == "a"
    assert Balanced([replica("a")], name="mine").name == "mine"


def test_an_answer_at_once_is_passed_on_as_it_is():
    answer = paid(0.25)
    assert run_scripted(ask(Balanced([replica("a", answer)]))) is answer


def test_another_replica_answers_for_one_that_fails():
    busy = OverloadedError("busy", cost_usd=0.25)
    busy.unsettled_usd = 0.125
    first = replica("a", busy), replica("b", paid(0.5))
    second = replica("a", paid(0.5)), replica("b", busy)
    answers = [run_scripted(ask(Balanced(replicas))) for replicas in (first, second)]
    trace = next(answer.trace for answer in answers if answer.trace.attempts > 1)
    assert (trace.attempts, trace.retries, trace.source, trace.fallbacks) == (2, 1, "primary", ())
    assert (trace.cost_usd, trace.unsettled_usd) == (0.75, 0.125)
    assert trace.notes in (("not a: overloaded",), ("not b: overloaded",))


def test_an_open_circuit_is_no_attempt():
    broken = Guarded(replica("a"))
    broken.breaker.force_open()
    answers = [run_scripted(ask(Balanced([broken, replica("b", paid(0.5))]))) for _ in range(5)]
    assert {answer.trace.attempts for answer in answers} == {1}


def test_all_that_failed_is_told_by_the_error():
    def busy():
        error = OverloadedError("busy", cost_usd=0.25)
        error.unsettled_usd = 0.125
        return error

    error = run_scripted(ask(Balanced([replica("a", busy()), replica("b", busy())])))
    assert (error.attempts, error.cost_usd, error.unsettled_usd) == (2, 0.5, 0.25)


def test_a_refusal_is_final():
    replicas = [replica("a", RefusedError("no")), replica("b", RefusedError("no"))]
    assert isinstance(run_scripted(ask(Balanced(replicas))), RefusedError)
    assert sum(len(each.prompts) for each in replicas) == 1


@pytest.mark.parametrize("both", [True, False])
def test_a_hedge_that_loses_is_paid_or_may_have_to_be(both):
    async def main():
        clock = asyncio.get_running_loop().time
        holds = [asyncio.Event(), asyncio.Event()]
        for hold in holds:
            hold.set()
        replicas = [replica(name, *[paid(0.25)] * 60, hold=hold) for name, hold in zip("ab", holds, strict=True)]
        generator = Balanced(replicas, partial(Balancer, hedge=0.5, clock=clock, seed=1))
        for _ in range(40):
            await ask(generator)
        for hold in holds:
            hold.clear()
        call = asyncio.create_task(ask(generator))
        for _ in range(10_000):  # nothing tells of a second send
            if sum(each.in_flight for each in replicas) == 2:
                break
            await asyncio.sleep(0)
        for hold in holds if both else holds[:1]:
            hold.set()
        return await call

    trace = run_scripted(main()).trace
    assert (trace.attempts, len(trace.notes)) == (2, 1)
    assert trace.notes[0].endswith(": slower")
    assert (trace.cost_usd, trace.unsettled_usd) == ((0.5, 0.0) if both else (0.25, 0.5))


class TestAffinity:
    @staticmethod
    def asked(prompts):
        replicas = [replica(name, *["Bread!"] * 50) for name in "abcd"]
        generator = Balanced(replicas)

        async def main():
            for prompt in prompts:
                await ask(generator, prompt)

        run_scripted(main())
        return sorted(len(each.prompts) for each in replicas)

    def test_the_variants_of_a_brief_go_to_one_replica(self):
        assert self.asked([Prompt(brief=PROMPT.brief, variant=variant) for variant in range(8)]) == [0, 0, 0, 8]

    def test_so_do_prompts_of_one_template(self):
        briefs = [Brief(topic=f"bread {number}") for number in range(8)]
        assert self.asked([Prompt(brief=brief, text="x", system="You write.") for brief in briefs]) == [0, 0, 0, 8]
        assert self.asked([Prompt(brief=brief, text="A" * 300 + brief.topic) for brief in briefs]) == [0, 0, 0, 8]

    def test_others_are_spread(self):
        assert self.asked([Prompt(brief=Brief(topic=f"bread {number}")) for number in range(40)])[0] > 0


def test_all_sends_may_have_to_be_paid():
    assert Balanced([replica("a"), replica("b")]).max_cost(PROMPT) == 1.0
    assert Balanced([replica("a")], partial(Balancer, retry_elsewhere=0)).max_cost(PROMPT) == 0.5
    assert Balanced([replica("a"), ScriptedGenerator([])]).max_cost(PROMPT) is None


def test_closing_closes_every_replica():
    replicas = [replica("a"), replica("b")]
    run_scripted(Balanced(replicas).aclose())
    assert [each.closed for each in replicas] == [True, True]


def test_no_replica_is_an_error():
    with pytest.raises(ValueError, match="replicas"):
        Balanced([])


class Found:
    """A discovery whose list the test changes."""

    def __init__(self, *addresses):
        self.replicas = addresses


class TestReplicas:
    @staticmethod
    def made(found):
        made = {}

        def make(address):
            made[address] = replica(address, *["Bread!"] * 20)
            return made[address]

        replicas = Replicas(found, make)
        return Balanced(replicas, name="small"), made

    def test_come_and_go(self):
        async def main():
            found = Found("a", "b")
            generator, made = self.made(found)
            assert (await ask(generator)).text == "Bread!"
            found.replicas = ("b", "c")
            for number in range(10):
                await ask(generator, Prompt(brief=Brief(topic=f"bread {number}")))
            await asyncio.sleep(0)
            assert made["a"].closed
            assert not made["b"].closed
            assert len(made["c"].prompts) > 0
            await generator.aclose()
            assert made["b"].closed
            assert made["c"].closed

        run_scripted(main())

    def test_one_that_goes_finishes_its_calls(self):
        async def main():
            found, hold = Found("a"), asyncio.Event()
            slow = replica("a", "late", hold=hold)
            generator = Balanced(Replicas(found, {"a": slow, "b": replica("b", "Bread!")}.get), name="small")
            call = asyncio.create_task(ask(generator))
            await asyncio.sleep(0)
            found.replicas = ("b",)
            assert (await ask(generator)).text == "Bread!"
            assert not slow.closed
            hold.set()
            assert (await call).text == "late"
            for _ in range(3):
                await asyncio.sleep(0)
            assert slow.closed

        run_scripted(main())

    def test_nobody_there_is_a_rejected_call_of_unknown_cost(self):
        generator, _ = self.made(Found())
        assert generator.max_cost(PROMPT) is None
        assert isinstance(run_scripted(ask(generator)), CallRejectedError)
        assert not isinstance(run_scripted(ask(generator)), CircuitOpenError)

    def test_need_a_name(self):
        with pytest.raises(ValueError, match="need a name"):
            Balanced(Replicas(Found("a"), replica))
