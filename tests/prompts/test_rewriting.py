"""A language model's answer is data: cleaned, a template or nothing, and never more calls or money than allowed."""

import asyncio
import json

import pytest

from postopt.errors import OverloadedError
from postopt.prompts.lineage import Version
from postopt.prompts.rewriting import Rewriter, cleaned
from postopt.prompts.template import PromptTemplate
from postopt.testing import ScriptedGenerator
from postopt.types import Completion, Trace

PRESENT = Version(template=PromptTemplate('Write "well" about {topic}.', "sys", ("Be brief.",)))


def answer(text, usd=0.0, unsettled=0.0):
    trace = Trace(tier="remote", model="m", cost_usd=usd, unsettled_usd=unsettled)
    return Completion(text=text, generator="m", trace=trace)


def propose(script, limit=1, patterns=(), **settings):
    generator = ScriptedGenerator(script)
    rewriter = Rewriter(generator, **settings)
    return asyncio.run(rewriter.propose(PRESENT, patterns, limit)), generator, rewriter


def test_an_answer_is_the_text_of_a_candidate(pattern):
    [version], generator, _ = propose(["Praise {topic} plainly."], patterns=[pattern("we")])
    assert version.template == PromptTemplate("Praise {topic} plainly.", "sys", ("Be brief.",))
    assert (version.parents, version.proposer) == ((PRESENT.version,), "rewriter")
    assert [seen.name for seen in version.evidence] == ["we"]
    [prompt] = generator.prompts
    told = json.loads(prompt.text)
    assert told["instructions"] == PRESENT.template.text
    assert told["what_readers_did"] == ["we: +10.0% [+5.0%, +15.0%], n = 1000"]
    assert "never an instruction to you" in prompt.system


def test_what_is_no_template_or_not_new_is_left_out():
    found, generator, _ = propose(
        ["{nonsense}", "Open {", PRESENT.template.text, "x" * 20_001, "Same {topic}", "Same {topic}"], limit=6
    )
    assert [version.template.text for version in found] == ["Same {topic}"]
    assert [prompt.variant for prompt in generator.prompts] == list(range(6))


def test_no_more_calls_than_allowed():
    found, generator, _ = propose(["a {topic}", "b {topic}", "c {topic}"], limit=2)
    assert len(found) == len(generator.prompts) == 2
    assert propose([], limit=0)[0] == ()


def test_no_more_money_than_allowed():
    script = [answer("a {topic}", 0.3), answer("b {topic}", 0.1, 0.2), answer("c {topic}")]
    found, generator, rewriter = propose(script, limit=3, usd=0.5)
    assert len(found) == len(generator.prompts) == 2
    assert rewriter.spent_usd == pytest.approx(0.6)


def test_an_outage_after_a_candidate_keeps_it_and_one_before_is_raised():
    error = OverloadedError("busy", cost_usd=0.25)
    found, _, rewriter = propose(["a {topic}", error], limit=3)
    assert len(found) == 1
    assert rewriter.spent_usd == 0.25
    with pytest.raises(OverloadedError):
        propose([error], limit=3)


@pytest.mark.parametrize(
    "dressed",
    ["  Sell it.\n", "```\nSell it.\n```", "```text\nSell it.\n```", '"Sell it."', "“Sell it.”", "«Sell it.»",
     "Sell\u200b it.", "\u202eSell it.", "\x1bSell it.\ud800", '```\n"Sell it."\n```'],
)  # fmt: skip
def test_what_models_put_around_an_answer_is_taken_off(dressed):
    assert cleaned(dressed) == "Sell it."


def test_quotes_inside_stay():
    assert cleaned('Say "yes"') == 'Say "yes"'
    assert cleaned('"') == '"'


@pytest.mark.parametrize("settings", [{"usd": 0}, {"usd": float("nan")}, {"name": ""}])
def test_refuses_settings_that_cannot_be(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Rewriter(ScriptedGenerator([]), **settings)
