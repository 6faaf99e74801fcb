from __future__ import annotations

from dataclasses import dataclass

import pytest

from postopt.experiments.store import ExperimentStore
from postopt.quality.instructions import Instruction


@dataclass
class Known:
    """A pattern as a miner reports it."""

    name: str
    lift: float = 0.1
    interval: tuple = (0.05, 0.15)
    status: str = "confirmed"
    n: int = 1000
    word: str = "?"

    def matches(self, text):
        return self.word in text


class ScriptedMiner:
    def __init__(self, *patterns):
        self.patterns = list(patterns)


SENTENCES = {
    "question": Instruction(use={"en": "Ask a question.", "es": "Pregunta algo."}, avoid={"en": "Ask no question."}),
    "digit": Instruction(use={"en": "Begin with the number."}),
    "long": Instruction(use={"en": "Write long sentences."}, avoid={"en": "Write short ones."}, group="length"),
    "short": Instruction(use={"en": "Write short sentences."}, group="length"),
    "we": Instruction(use={"en": "Say we."}),
    "you": Instruction(use={"en": "Say you."}),
}


@pytest.fixture
def pattern():
    return Known


@pytest.fixture
def miner():
    return ScriptedMiner


@pytest.fixture
def sentences():
    return SENTENCES


@pytest.fixture
def store():
    with ExperimentStore(salt=b"salt") as store:
        yield store
