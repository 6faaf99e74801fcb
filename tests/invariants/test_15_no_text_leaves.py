"""15. Prompt, post and personal text is never logged, traced or exported by default."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict

import pytest

from postopt import Brief
from postopt.errors import GenerationError
from postopt.events import Event, EventBus
from postopt.generation.templates import TemplateGenerator
from postopt.testing import FaultPlan
from postopt.writer import PostWriter

CANARY = "zanzibar-canary"
FAULTS = ("ok", "error", "empty", "garbage", "wrong_facts", "ok")


class Chatty(logging.Handler):
    """Keeps every record as it would be written, with its traceback."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []
        self.setFormatter(logging.Formatter())

    def emit(self, record):
        self.lines.append(self.format(record) + repr(record.args))


@pytest.fixture
def logged():
    root, handler = logging.getLogger(), Chatty()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(level)
    root.removeHandler(handler)


def test_no_text_reaches_a_log_an_event_or_a_trace(logged):
    brief = Brief(
        topic=f"a {CANARY} topic",
        audience=f"friends of {CANARY}",
        brand=CANARY,
        facts={f"{CANARY} price": f"{CANARY} 3.50"},
        keywords=(CANARY,),
        call_to_action=f"call {CANARY}",
    )
    events = []

    def fail(event):
        raise GenerationError(f"a handler that quotes {CANARY}")

    async def write():
        async with EventBus() as bus:
            bus.subscribe(Event, events.append)
            bus.subscribe(Event, fail)
            generator = FaultPlan(TemplateGenerator(seed=1), FAULTS)
            return await PostWriter(generator, events=bus).write(brief, n=len(FAULTS))

    posts = asyncio.run(write(), debug=True)
    assert posts
    assert posts.rejections
    assert len(events) == len(FAULTS)
    assert all(CANARY in post.text for post in posts)
    for said in (logged, [repr(asdict(event)) for event in events], [repr(asdict(post.trace)) for post in posts]):
        assert said
        assert [line for line in said if CANARY in line] == []
