import pytest

from postopt.types import Brief, Prompt


@pytest.fixture
def prompt():
    brief = Brief(topic="fresh bread", facts={"price": "$3.50", "baker": "Nuria"})
    return lambda variant=0: Prompt(brief=brief, variant=variant)


@pytest.fixture
def anyio_backend():
    return "asyncio"
