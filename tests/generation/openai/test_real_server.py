"""A real server: `transformers serve`, with a model of random weights that is made here.

It needs the packages torch (a CPU build will do), transformers, accelerate, fastapi, uvicorn and openai.
"""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import aclosing

import pytest

from postopt.errors import InvalidRequestError, TruncatedError
from postopt.resilience.price import Price
from postopt.types import Brief, Prompt

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]

MAKE = """
import sys, torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
tokenizer.train_from_iterator(["fresh bread for early risers"], trainer)
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
fast.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\\n{% endfor %}assistant:"
torch.manual_seed(0)
config = LlamaConfig(vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=4096)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
fast.save_pretrained(sys.argv[1])
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address and name of the model."""
    for library in ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai", "aiohttp"):
        pytest.importorskip(library, reason=f"`transformers serve` and its client need {library}")
    folder = tmp_path_factory.mktemp("model")
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    subprocess.run([sys.executable, "-c", MAKE, folder], env=offline, check=True, capture_output=True, timeout=300)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder),
               "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--default-seed", "0"]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(command, env=offline, stdout=log, stderr=log) as server:
        try:
            while not healthy(port):
                assert server.poll() is None, (folder / "log").read_text()
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            server.terminate()


def healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.fixture
def prompt():
    """One that is made of a brief."""
    return lambda **settings: Prompt(brief=Brief(topic="bread"), **{"max_tokens": 8, "seed": 1, **settings})


@pytest.mark.parametrize("stream", [False, True])
def test_it_answers(client, served, prompt, run, stream):
    url, model = served

    async def call():
        price = Price(input=1.0, output=2.0)
        async with client(url, model, price=price, stream=stream, truncated="accept", seconds=120) as ours:
            answer = await ours.generate(prompt())
            assert answer.text
            assert (answer.usage.output_tokens, answer.usage.estimated, answer.finish_reason) == (8, False, "length")
            assert answer.usage.input_tokens > 100
            assert answer.trace.cost_usd == price.cost(answer.usage)

    run(call())


def test_an_answer_that_ends_at_its_limit_is_truncated(client, served, prompt, run):
    async def call():
        async with client(*served, price=Price(input=1.0, output=2.0), seconds=120) as ours:
            with pytest.raises(TruncatedError) as caught:
                await ours.generate(prompt())
            assert caught.value.partial_text
            assert caught.value.cost_usd > 0
            assert caught.value.request_id

    run(call())


def test_it_streams(client, served, prompt, run):
    async def call():
        async with client(*served, truncated="accept", seconds=120) as ours:
            chunks = [chunk async for chunk in ours.stream(prompt(max_tokens=32))]
            assert len(chunks) > 2
            assert all(chunk.text for chunk in chunks[:-1])
            assert chunks[-1].usage.output_tokens == 32

    run(call())


def test_a_stream_can_be_left_and_the_next_call_is_answered(client, served, prompt, run):
    async def call():
        async with client(*served, truncated="accept", seconds=120) as ours:
            async with aclosing(ours.stream(prompt(max_tokens=512))) as chunks:
                await anext(chunks)
            task = asyncio.create_task(ours.generate(prompt(max_tokens=512)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await ours.generate(prompt())).text

    run(call())


def test_a_model_that_it_does_not_have(client, served, prompt, run):
    async def call():
        async with client(served[0], "no-such-model", seconds=120) as ours:
            with pytest.raises(InvalidRequestError) as caught:
                await ours.generate(prompt())
            assert caught.value.status in (400, 404)

    run(call())
