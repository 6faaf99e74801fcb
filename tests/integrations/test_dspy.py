"""DSPy's optimizers as proposers: real searches with its dummy model, offline."""

import asyncio
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from postopt.prompts.lineage import Version
from postopt.prompts.template import PromptTemplate
from postopt.testing import no_network
from postopt.types import Brief

pytestmark = [
    pytest.mark.long,  # the import of dspy takes seconds
    # The library's own: deprecations of its dependencies, and clients that it leaves open.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning",
                               "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip

BRIEFS = [Brief(topic=f"bread {place}", facts={"price": f"${place}"}) for place in range(3, 9)]
PRESENT = Version(template=PromptTemplate("Write about {topic}.", "sys", ("Be brief.",)))


@pytest.fixture(scope="module")
def dspy(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches its prices at import
        patch.setenv("DSPY_CACHEDIR", str(tmp_path_factory.mktemp("dspy")))
        yield pytest.importorskip("dspy", reason="dspy is not installed")


@pytest.fixture
def integration(dspy):
    from postopt.integrations import dspy as integration

    return integration


@pytest.fixture
def examples(integration):
    return integration.to_dspy_examples(integration.Logged(brief, "Old post", 0.01, 0.5) for brief in BRIEFS)


def lift(post, brief):
    """Return a score that planted the word "warm" as what readers like."""
    return 0.9 if "warm" in post else 0.1


class Pattern:
    name, status, lift, interval, n = "warmth", "confirmed", 0.2, (0.1, 0.3), 500

    def matches(self, text):
        return "warm" in text


class TestExamples:
    def test_hold_brief_post_reward_and_weight(self, examples):
        first = examples[0]
        assert (first.post, first.reward, first.weight, first.request) == ("Old post", 0.01, 2.0, BRIEFS[0])
        assert '"price": "$3"' in first.brief
        assert set(first.inputs().keys()) == {"brief"}

    @pytest.mark.parametrize("propensity", [0, -1, 1.5, float("nan")])
    def test_a_propensity_that_is_none_is_refused(self, integration, propensity):
        with pytest.raises(ValueError, match="propensity"):
            integration.to_dspy_examples([(BRIEFS[0], "x", 0.1, propensity)])


class TestMetric:
    def metric(self, integration, dspy, post):
        metric = integration.as_metric(lift, [Pattern()])
        return metric(integration.to_dspy_examples([(BRIEFS[0], "", 0.0, 1.0)])[0], dspy.Prediction(post=post))

    def test_says_what_readers_liked(self, integration, dspy):
        told = self.metric(integration, dspy, "warm bread $3")
        assert told.score == 0.9
        assert told.feedback == "Score 0.900. The post has warmth: +20.0% [+10.0%, +30.0%], n = 500."
        assert "lacks warmth" in self.metric(integration, dspy, "bread $3").feedback

    def test_a_post_that_breaks_its_brief_scores_nothing(self, integration, dspy):
        told = self.metric(integration, dspy, "warm bread")
        assert told.score == 0
        assert 'The fact "price" does not appear' in told.feedback
        assert self.metric(integration, dspy, None).score == 0

    def test_scores_are_cut_to_a_share(self, integration, dspy):
        for score, cut in ((7.0, 1.0), (-1.0, 0.0)):
            metric = integration.as_metric(lambda post, brief, score=score: score)
            assert metric(dspy.Example(request=Brief(topic="x")), dspy.Prediction(post="x"), None, "p").score == cut


@pytest.fixture
def writer(dspy):
    """Return a model that writes a warm post exactly where its instruction asks for one."""

    class Writer(dspy.BaseLM):
        def __init__(self):
            super().__init__("writer", "chat", 0.0, 1000, cache=False)

        def forward(self, prompt=None, messages=None, **_):
            price = re.search(r'"price": "([^"]*)"', messages[-1]["content"]).group(1)
            post = f"{'warm' if 'warm' in messages[0]['content'] else 'plain'} bread for {price}"
            message = SimpleNamespace(content=f"[[ ## post ## ]]\n{post}\n\n[[ ## completed ## ]]")
            choice = SimpleNamespace(message=message, finish_reason="stop")
            return SimpleNamespace(choices=[choice], usage={}, model="writer")

    return Writer()


def search(proposer, limit=5):
    with no_network():
        return asyncio.run(proposer.propose(PRESENT, [Pattern()], limit))


class TestGEPA:
    @pytest.fixture
    def proposer(self, dspy, integration, examples, writer):
        def proposer(reflection, seen=None):
            def reflect(candidate, reflective_dataset, components_to_update):
                if seen is not None:
                    seen.extend(one["Feedback"] for name in components_to_update for one in reflective_dataset[name])
                return dict.fromkeys(components_to_update, reflection)

            settings = {"max_metric_calls": 30, "instruction_proposer": reflect, "track_stats": True, "num_threads": 1}
            return integration.DSPyProposer(
                lambda: dspy.GEPA(metric=integration.as_metric(lift, [Pattern()]), **settings),
                examples[:3],
                valset=examples[3:],
                lm=writer,
                name="dspy.GEPA",
            )

        return proposer

    def test_finds_the_planted_word_and_returns_a_candidate(self, proposer):
        seen = []
        [found] = search(proposer("Sell bread in warm words, {not a place}.", seen))
        assert all("The post lacks warmth: +20.0%" in feedback for feedback in seen[:3])
        # The place that the reflection lost is back, and its own braces are data.
        assert found.template.text == "Sell bread in warm words, {{not a place}}.\n{topic}"
        assert (found.template.system, found.template.instructions) == ("sys", ("Be brief.",))
        assert (found.parents, found.proposer) == ((PRESENT.version,), "dspy.GEPA")
        assert [seen.name for seen in found.evidence] == ["warmth"]

    def test_what_is_no_better_is_no_candidate(self, proposer):
        assert search(proposer("Sell bread in cold words.")) == ()

    def test_what_is_no_template_is_no_candidate(self, proposer):
        assert search(proposer("warm " * 5000)) == ()

    def test_the_whole_brief_is_place_enough(self, proposer):
        [found] = search(proposer("Use warm words for {brief}"))
        assert found.template.text == "Use warm words for {brief}"

    def test_returns_no_more_than_allowed(self, proposer):
        assert search(proposer("Sell bread in warm words."), limit=0) == ()


def test_mipro_searches_too(dspy, integration, examples, writer):
    pytest.importorskip("optuna", reason="optuna, which MIPROv2 needs, is not installed")
    from dspy.utils.dummies import DummyLM

    thinker = DummyLM([{"observations": "x", "summary": "x", "program_description": "x", "module_description": "x",
                        "proposed_instruction": "Write warm words about {topic}."}] * 40)  # fmt: skip
    proposer = integration.DSPyProposer(
        lambda: dspy.MIPROv2(
            metric=integration.as_metric(lift), prompt_model=thinker, task_model=writer, auto=None, num_candidates=2,
            max_bootstrapped_demos=0, max_labeled_demos=0, num_threads=1,
        ),
        examples,
        lm=writer,
        arguments={"num_trials": 3, "minibatch": False},
        name="dspy.MIPROv2",
    )  # fmt: skip
    assert [found.template.text for found in search(proposer)] == ["Write warm words about {topic}."]


class TestRefused:
    def test_what_cannot_be_searched(self, integration, examples, writer):
        for wrong in ({"optimizer": None}, {"trainset": []}, {"name": ""}):
            arguments = {"optimizer": list, "trainset": examples, "lm": writer, **wrong}
            with pytest.raises(ValueError, match=next(iter(wrong))):
                integration.DSPyProposer(**arguments)
        with pytest.raises(ValueError, match="scorer"):
            integration.as_metric(None)


def test_without_dspy_the_error_says_what_to_install():
    code = "import sys; sys.modules['dspy'] = None\nimport postopt.integrations.dspy"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "postopt[dspy]"' in answer.stderr
