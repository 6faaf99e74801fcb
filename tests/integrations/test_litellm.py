"""A LiteLLM router as a generator, with LiteLLM's own mock: no network, no key."""

import asyncio
import subprocess
import sys

import pytest

from postopt.errors import ContextLengthError, OverloadedError, RateLimitError
from postopt.integrations import litellm as integration
from postopt.resilience.price import Price
from postopt.testing import GeneratorContract, no_network
from postopt.types import Brief, Prompt

pytestmark = [
    # The library's own: deprecations of its dependencies, and clients that it leaves open.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning",
                               "ignore::pytest.PytestUnraisableExceptionWarning"),
]  # fmt: skip

PROMPT = Prompt(brief=Brief(topic="bread"), text="Sell bread for $3.50", variant=1)


@pytest.fixture(scope="module")
def litellm():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches its prices at import
        return pytest.importorskip("litellm", reason="litellm is not installed")


@pytest.fixture
def router(litellm):
    def router(model="gpt-4o-mini", **parameters):
        parameters = {"model": model, "api_key": "sk-1", **parameters}
        return litellm.Router([{"model_name": "m", "litellm_params": parameters}], num_retries=0)

    return router


def ask(generator, prompt=PROMPT):
    async def call():
        with no_network():
            return await generator.generate(prompt)

    return asyncio.run(call())


@pytest.mark.long  # the import of litellm takes seconds
class TestContract(GeneratorContract):
    @pytest.fixture(autouse=True)
    def _router(self, router):
        self.router = router(mock_response="Fresh bread, $3.50")

    def make(self):
        return integration.generator(self.router, "m")


@pytest.mark.long  # the import of litellm takes seconds
def test_an_answer_has_the_usage_and_the_cost_that_litellm_counts(router):
    answer = ask(integration.generator(router(mock_response="Fresh bread"), "m"))
    assert (answer.text, answer.generator, answer.trace.tier) == ("Fresh bread", "litellm/m", "remote")
    assert answer.usage.output_tokens > 0
    assert not answer.usage.estimated
    assert answer.trace.cost_usd > 0


@pytest.mark.long  # the import of litellm takes seconds
def test_a_price_of_one_s_own_counts_instead(router):
    answer = ask(integration.generator(router(mock_response="x"), "m", price=Price(input=0.0, output=0.0)))
    assert answer.trace.cost_usd == 0


@pytest.mark.long  # the import of litellm takes seconds
@pytest.mark.parametrize(
    ("mock", "kind"),
    [("litellm.RateLimitError", RateLimitError), ("litellm.InternalServerError", OverloadedError),
     ("litellm.ContextWindowExceededError", ContextLengthError)],
)  # fmt: skip
def test_its_errors_become_ours(router, mock, kind):
    with pytest.raises(kind) as caught:
        ask(integration.generator(router(mock_response=mock), "m"))
    assert "bread" not in str(caught.value)


def test_importing_the_integration_imports_no_litellm():

    script = "import sys, postopt.integrations.litellm; sys.exit('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


class Listed(dict):
    """An answer with what LiteLLM's price list says."""

    def __init__(self, hidden):
        super().__init__(choices=[{"message": {"content": "x"}, "finish_reason": "stop"}])
        self._hidden_params = hidden


@pytest.mark.parametrize(
    ("hidden", "cost"),
    [
        ({"response_cost": 0.25}, 0.25),
        ({"response_cost": None}, 0.0),
        ({"response_cost": -1}, 0.0),
        ({"response_cost": float("inf")}, 0.0),
        ({"response_cost": float("nan")}, 0.0),
        (None, 0.0),
    ],
)
def test_a_router_is_asked_with_all_that_the_prompt_says(hidden, cost):
    asked = []

    class Router:
        async def acompletion(self, **parameters):
            asked.append(parameters)
            return Listed(hidden)

    generator = integration.generator(Router(), "m", max_cost_usd=0.5, top_k=3)
    prompt = Prompt(brief=PROMPT.brief, text="Sell", model="other", max_tokens=9)
    assert ask(generator, prompt).trace.cost_usd == cost
    assert asked == [{"model": "other", "messages": [{"role": "user", "content": "Sell"}], "max_tokens": 9, "top_k": 3}]
    assert generator.max_cost(prompt) == 0.5
