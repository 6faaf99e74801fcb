"""Fakes and conformance suites, for the tests of whoever builds on postopt; needs no test framework."""

from postopt.testing.clock import ScriptedClock
from postopt.testing.faults import Fault, FaultPlan
from postopt.testing.generator import ScriptedGenerator
from postopt.testing.generator_contract import GeneratorContract
from postopt.testing.learner_contract import LearnerContract
from postopt.testing.loop import run_scripted
from postopt.testing.network import no_network
from postopt.testing.pairs import near_pairs
from postopt.testing.store import FaultyStore, StoreFault
from postopt.testing.store_contract import StoreContract

__all__ = [
    "Fault",
    "FaultPlan",
    "FaultyStore",
    "GeneratorContract",
    "LearnerContract",
    "ScriptedClock",
    "ScriptedGenerator",
    "StoreContract",
    "StoreFault",
    "near_pairs",
    "no_network",
    "run_scripted",
]
