"""Trial posts that nobody is shown: what breaks briefs is dropped, a score only orders the rest."""

import asyncio

import pytest

from postopt.errors import OverloadedError
from postopt.prompts.screening import WritingScreen
from postopt.prompts.template import PromptTemplate
from postopt.testing import ScriptedGenerator
from postopt.types import Brief, Completion, Trace

BRIEFS = [Brief(topic="bread", facts={"price": "$3"}), Brief(topic="rolls", facts={"price": "$2"})]
PRESENT, GOOD, BAD = (PromptTemplate(f"{{brief}} {word}") for word in ("present", "good", "bad"))


class Writer:
    """Writes by what a prompt asks: a fact and a number of exclamation marks."""

    name = "writer"

    def __init__(self, **posts):
        self.posts = posts
        self.prompts = []

    async def generate(self, prompt):
        self.prompts.append(prompt)
        word = prompt.text.rsplit(" ", 1)[1]
        text = self.posts[word].format(prompt.brief.facts["price"])
        return Completion(text=text, generator="writer", trace=Trace(tier="local", model=""))


def screen(writer, candidates, **settings):
    return asyncio.run(WritingScreen(writer, BRIEFS, **settings).screen(candidates, PRESENT))


def test_a_candidate_that_keeps_fewer_briefs_is_dropped_whatever_its_score():
    writer = Writer(present="{}", good="{} fine", bad="no price !!!!!")
    verdicts = {one.version: one for one in screen(writer, [BAD, GOOD], scorer=lambda post, brief: post.count("!"))}
    assert verdicts[BAD.version].reasons == ("0 of its 2 trial posts keep their brief, of the present prompt's 2.",)
    assert verdicts[GOOD.version].reasons == ()


def test_the_others_are_ranked_by_the_scorer():
    writer = Writer(present="{}", good="{} !", bad="{} !!")
    verdicts = screen(writer, [GOOD, BAD], scorer=lambda post, brief: post.count("!"), posts=3)
    assert [(one.version, one.score, one.n) for one in verdicts] == [(BAD.version, 2, 6), (GOOD.version, 1, 6)]
    assert len(writer.prompts) == 3 * 2 * 3
    assert {prompt.variant for prompt in writer.prompts} == {0, 1, 2}


def test_without_a_scorer_the_order_stays():
    verdicts = screen(Writer(present="no", good="{}", bad="{}"), [GOOD, BAD])
    assert [(one.version, one.score, one.n) for one in verdicts] == [(GOOD.version, None, 0), (BAD.version, None, 0)]


def test_a_generator_out_of_order_says_nothing_of_any_candidate():
    with pytest.raises(OverloadedError):
        screen(ScriptedGenerator([OverloadedError("busy")]), [GOOD])


def test_refuses_what_cannot_be():
    for wrong in ({"briefs": []}, {"scorer": 3}, {"posts": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            WritingScreen(ScriptedGenerator([]), **{"briefs": BRIEFS, **wrong})
