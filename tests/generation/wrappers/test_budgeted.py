"""The sum never passes the limit, and what nobody knows counts as spent."""

import asyncio

import pytest

from postopt.errors import (
    BudgetExceededError,
    CircuitOpenError,
    OverloadedError,
    TruncatedError,
    UnknownPriceError,
)
from postopt.generation.wrappers import Budgeted
from postopt.resilience.budget import Budget
from postopt.testing import GeneratorContract, ScriptedGenerator, run_scripted
from postopt.types import Brief, Completion, Prompt, Trace

PROMPT = Prompt(brief=Brief(topic="fresh bread"))


class Priced(ScriptedGenerator):
    """Says that a call costs half a dollar at most."""

    def max_cost(self, prompt):
        return 0.5


def paid(cost, unsettled=0.0):
    trace = Trace(tier="remote", model="m", cost_usd=cost, unsettled_usd=unsettled)
    return Completion(text="Bread for $3.50", generator="big", trace=trace)


class TestBudgeted(GeneratorContract):
    def make(self):
        return Budgeted(Priced([paid(0.25)] * 4), Budget(usd_total=100))


async def ask(generator, prompt=PROMPT):
    try:
        return await generator.generate(prompt)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error


@pytest.mark.parametrize(
    ("answer", "spent"),
    [
        (paid(0.25), 0.25),
        (paid(0.25, unsettled=0.125), 0.375),
        (paid(0.75), 0.75),
        (TruncatedError("long", cost_usd=0.25), 0.25),
        (OverloadedError("busy"), 0.0),
        (CircuitOpenError("open"), 0.0),
        (ZeroDivisionError(), 0.5),
        (TruncatedError("long"), 0.5),
    ],
    ids=["paid", "and perhaps more", "more than was thought", "paid for nothing", "free", "not made", "bug", "unknown"],
)
def test_a_call_is_settled_at_what_it_cost_or_may_have(answer, spent):
    budget = Budget(usd_total=1)
    run_scripted(ask(Budgeted(Priced([answer]), budget)))
    assert budget.spent == spent
    assert budget.remaining == 1 - spent


def test_a_cancelled_call_counts_in_full():
    budget = Budget(usd_total=1)

    async def main():
        call = asyncio.create_task(ask(Budgeted(Priced(["Bread!"], hold=asyncio.Event()), budget)))
        for _ in range(3):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    run_scripted(main())
    assert budget.spent == 0.5


def test_of_a_thousand_at_once_only_those_are_made_that_can_be_paid():
    budget = Budget(usd_total=50)
    scripted = Priced([paid(0.5)] * 100)

    async def main():
        return await asyncio.gather(*(ask(Budgeted(scripted, budget)) for _ in range(1000)))

    answers = run_scripted(main())
    assert sum(isinstance(answer, Completion) for answer in answers) == 100
    assert sum(isinstance(answer, BudgetExceededError) for answer in answers) == 900
    assert (budget.spent, budget.remaining) == (50.0, 0.0)


class TestUnknownPrice:
    def test_is_refused(self):
        scripted = ScriptedGenerator([])
        assert isinstance(run_scripted(ask(Budgeted(scripted, Budget(usd_total=1)))), UnknownPriceError)
        assert scripted.prompts == []

    def test_is_counted_where_it_is_allowed(self):
        budget = Budget(usd_total=1, on_unknown_price="allow")
        run_scripted(ask(Budgeted(ScriptedGenerator([paid(0.25)]), budget)))
        assert budget.spent == 0.25


class TestBriefs:
    """A brief with a budget of its own."""

    def test_gets_no_more_than_that_for_all_its_variants(self):
        budget = Budget(usd_total=100)
        generator = Budgeted(Priced([paid(0.4)] * 9), budget)

        async def main():
            brief = Brief(topic="fresh bread", budget=1.0)
            answers = [await ask(generator, Prompt(brief=brief, variant=variant)) for variant in range(4)]
            other = await ask(generator, Prompt(brief=Brief(topic="jam", budget=1.0)))
            return [type(answer).__name__ for answer in (*answers, other)]

        refused = "BudgetExceededError"
        assert run_scripted(main()) == ["Completion", "Completion", refused, refused, "Completion"]
        assert budget.spent == pytest.approx(1.2)

    def test_of_nothing_costs_nothing(self):
        budget = Budget(usd_total=100)
        prompt = Prompt(brief=Brief(topic="fresh bread", budget=0))
        assert isinstance(run_scripted(ask(Budgeted(Priced([]), budget), prompt)), BudgetExceededError)
        assert budget.spent == 0

    def test_of_other_tenants_are_others(self):
        generator = Budgeted(Priced([paid(0.5)] * 2), Budget(usd_total=100))
        brief = Brief(topic="fresh bread", budget=0.5)

        async def main():
            return [await ask(generator, Prompt(brief=brief, tenant=tenant)) for tenant in ("a", "b", "a")]

        assert [type(answer).__name__ for answer in run_scripted(main())] == [
            "Completion",
            "Completion",
            "BudgetExceededError",
        ]

    def test_are_forgotten_in_the_end(self):
        generator = Budgeted(Priced([paid(0.0)] * 1100), Budget(usd_total=100))

        async def main():
            for number in range(1100):
                await ask(generator, Prompt(brief=Brief(topic=f"bread {number}", budget=1.0)))

        run_scripted(main())
        assert len(generator._of_briefs) == 1024
