"""A bank and a brief of our own, small enough to read every post they can make.

Both are immutable, so one of each serves the whole session, and hypothesis may use them.
"""

from __future__ import annotations

import pytest

from postopt.generation.templates import Bank
from postopt.types import Brief

BANK = """
language = "en"
tone = "friendly"
hook = ["Hello there.", "Good day 👋"]
lead = ["{topic}. That is it.", "About this: {topic}.", "From {brand}: {topic}."]
audience = ["For {audience}.", "Hello, {audience}."]
offer = ["The [detail|details]:", "{labels}: all here."]
close = ["Bye.", "— {brand}"]
call = ["So: {cta}.", "{cta}, please."]
"""


@pytest.fixture(scope="session")
def bank_text() -> str:
    return BANK


@pytest.fixture(scope="session")
def bank() -> Bank:
    return Bank.parse(BANK.encode())


BRIEF = Brief(
    topic="Sourdough Saturdays start again",
    audience="neighbours and early risers",
    tone="friendly",
    call_to_action="Pop in",
    keywords=("sourdough", "early bird"),
    facts={"opening": "7:30 am", "loaf": "$8.25", "first day": "Saturday 7 March"},
    brand="Crumb & Ember",
)


@pytest.fixture(scope="session")
def brief() -> Brief:
    return BRIEF
