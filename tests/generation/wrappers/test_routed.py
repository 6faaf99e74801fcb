"""A prompt reaches the generator of its model, and what that costs is what its generator says."""

import asyncio

import pytest

from postopt.errors import InvalidRequestError
from postopt.generation.templates import TemplateGenerator
from postopt.generation.wrappers import Retried, Routed
from postopt.testing import GeneratorContract, ScriptedGenerator
from postopt.types import Brief, Prompt

BRIEF = Brief(topic="fresh bread")


class Priced(ScriptedGenerator):
    def max_cost(self, prompt):
        assert prompt.model is None
        return 0.25


class TestRouted(GeneratorContract):
    def make(self):
        return Routed({"templates": TemplateGenerator()})


def test_without_a_model_the_first_one_answers():
    routed = Routed({"big": ScriptedGenerator(["big"]), "small": ScriptedGenerator(["small"])})
    answers = [asyncio.run(routed.generate(Prompt(brief=BRIEF, model=model))).text for model in (None, "small")]
    assert answers == ["big", "small"]


def test_an_unknown_model_is_refused_and_its_cost_unknown():
    routed = Routed({"big": ScriptedGenerator(["big"])})
    with pytest.raises(InvalidRequestError, match=r"prompt\.model is 'huge'; one of big is needed"):
        asyncio.run(routed.generate(Prompt(brief=BRIEF, model="huge")))
    assert routed.max_cost(Prompt(brief=BRIEF, model="huge")) is None


def test_the_cost_is_that_of_the_prompts_model():
    routed = Routed({"big": ScriptedGenerator([]), "small": Priced([])})
    assert routed.max_cost(Prompt(brief=BRIEF, model="small")) == 0.25
    assert routed.max_cost(Prompt(brief=BRIEF)) is None


def test_it_stands_inside_or_outside_of_other_wrappers():
    assert repr(Retried(Routed({"a": ScriptedGenerator([])}))).startswith("Retried(Routed(")
    assert repr(Routed({"a": Retried(ScriptedGenerator([]))})).startswith("Routed(Retried(")


def test_no_generators_are_refused():
    with pytest.raises(ValueError, match="generators is empty"):
        Routed({})
