"""How a host uses the library. Never run: mypy reads it in strict mode, so that a public type cannot change unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from postopt import Brief, Completion, Post, Posts, Prompt, Rejection, Trace, Usage
from postopt.clock import Clock
from postopt.engine import OptimizedEngine
from postopt.errors import BriefError, MissingDependencyError, PostoptError, PostRejectedError
from postopt.events import Event, EventBus, PostWritten
from postopt.generation import Generator
from postopt.generation.templates import Bank, TemplateGenerator
from postopt.testing import FaultPlan, ScriptedClock, ScriptedGenerator, no_network
from postopt.writer import PostWriter


class Shouting:
    """A host's own generator around another one: no base class needed."""

    def __init__(self, inner: Generator) -> None:
        self.name = f"shouting({inner.name})"
        self._inner = inner

    async def generate(self, prompt: Prompt) -> Completion:
        completion = await self._inner.generate(prompt)
        return Completion(
            text=completion.text.upper(), generator=self.name, trace=Trace(tier="local", model="upper"), usage=Usage()
        )


async def write(briefs: AsyncIterator[Brief]) -> list[str]:
    brief = Brief(topic="a new bakery", facts={"price": "3.50"}, keywords=("bread",), max_length=280)
    async with EventBus() as bus, PostWriter(Shouting(TemplateGenerator(seed=7)), events=bus) as writer:
        bus.subscribe(PostWritten, lambda event: assert_type(event, PostWritten))
        bus.subscribe(Event, print)
        posts = await writer.write(brief, n=3)
        assert_type(posts, Posts)
        assert_type(posts[0], Post)
        assert_type(posts[0:2], tuple[Post, ...])
        assert_type(posts.rejections, tuple[Rejection, ...])
        async for many in writer.write_many(briefs, n=2):
            assert_type(many, Posts)
    return [post.text for post in posts]


def errors(error: PostoptError) -> Iterator[str]:
    assert_type(error.retryable, bool)
    if isinstance(error, BriefError):
        yield error.field
    if isinstance(error, PostRejectedError):
        yield from error.reasons
    if isinstance(error, MissingDependencyError):
        yield error.hint


def backends(engine: OptimizedEngine) -> bytes:
    assert_type(engine.json.dumps({"a": 1}), bytes)
    assert_type(engine.hash.digest(b""), bytes)
    assert_type(engine.compression.decompress(engine.compression.compress(b"x")), bytes)
    with engine.use(json="stdlib") as same:
        assert_type(same, OptimizedEngine)
    return engine.json.dumps(engine.report().to_dict())


def fakes() -> Generator:
    clock: Clock = ScriptedClock()
    with no_network():
        generator: Generator = FaultPlan(ScriptedGenerator(["a text"]), ["ok", "error"])
        PostWriter(generator, clock=clock, wall_clock=clock)
    return TemplateGenerator(banks=[Bank.load("bank.toml")])
