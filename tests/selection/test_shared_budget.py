"""A day's budget that several selectors on one store spend together."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from postopt.errors import NoCandidateError
from postopt.experiments.store import ExperimentStore
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector

DAY = 86_400.0
LATE = DAY - 60.0
COST = 0.01

PROCESS = """
import sys
from contextlib import suppress
from postopt.errors import NoCandidateError
from postopt.experiments.store import ExperimentStore
from postopt.selection.candidate import Candidate
from postopt.selection.selector import ModelSelector

with ExperimentStore(sys.argv[1], seconds=60.0) as store:
    selector = ModelSelector([Candidate("a", 0.01)], store=store, budget=1.0, cold_start=True, clock=lambda: 86340.0)
    print("ready", flush=True)
    sys.stdin.readline()
    spent = 0
    with suppress(NoCandidateError):
        for _ in range(200):
            selector.select({})
            spent += 1
    print(spent)
"""


def made(store, now=LATE, **arguments):
    return ModelSelector(
        [Candidate("a", COST)], store=store, budget=1.0, cold_start=True, clock=lambda: now, **arguments
    )


def spend(selector, most=1_000):
    for calls in range(most):
        try:
            selector.select({})
        except NoCandidateError:
            return calls
    return most


class TestTwoSelectors:
    def test_in_turn_spend_no_more_than_the_budget_and_nearly_all_of_it(self):
        store = ExperimentStore()
        pair = [made(store), made(store)]
        calls = 0
        for turn in range(400):
            with suppress(NoCandidateError):
                pair[turn % 2].select({})
                calls += 1
        assert 98 <= calls <= 100

    def test_the_second_has_what_the_first_left(self):
        store = ExperimentStore()
        assert spend(made(store), most=60) == 60
        assert 39 <= spend(made(store)) <= 40

    def test_of_other_names_have_budgets_of_their_own(self):
        store = ExperimentStore()
        assert spend(made(store)) == spend(made(store, name="another")) == 100

    def test_the_next_day_begins_anew_also_for_a_clock_that_goes_back(self):
        store = ExperimentStore()
        assert spend(made(store)) == 100
        assert spend(made(store, now=LATE + DAY)) == 100
        assert spend(made(store)) == 0

    def test_threads_together_spend_no_more(self):
        store = ExperimentStore()
        pair = [made(store), made(store)]
        with ThreadPoolExecutor(8) as pool:
            assert 98 <= sum(pool.map(lambda n: spend(pair[n % 2], most=50), range(8))) <= 100

    def test_few_calls_reserve_anything(self):
        store = ExperimentStore()
        selector = ModelSelector([Candidate("a", 1e-4)], store=store, budget=1.0, cold_start=True, clock=lambda: LATE)
        assert spend(selector, most=2_000) == 2_000
        assert len(store.history("model selector budget", "model selection 0")) < 100


class TestFork:
    """What the child of one does."""

    def test_has_ids_of_its_own_and_leaves_what_was_reserved(self):
        prefixes = iter(["one", "two"])
        selector = made(ExperimentStore(), new_prefix=lambda: next(prefixes))
        before = [selector.select({}) for _ in range(20)]
        reserved = selector._pace._granted
        selector.forked()
        assert {choice.id.split("-")[0] for choice in before} == {"one"}
        assert selector.select({}).id.startswith("two-")
        assert selector._pace.spent >= reserved + COST - 1e-9

    def test_without_a_budget_has_ids_of_its_own(self):
        prefixes = iter(["one", "two"])
        selector = ModelSelector([Candidate("a")], cold_start=True, new_prefix=lambda: next(prefixes))
        selector.forked()
        assert selector.select({}).id == "two-1"


class TestProcesses:
    @pytest.mark.long
    def test_two_together_spend_no_more_than_the_budget(self, tmp_path):
        command = [sys.executable, "-c", PROCESS, str(tmp_path / "store.db")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
            assert [each.stdout.readline() for each in (one, other)] == ["ready\n"] * 2
            for each in (one, other):
                each.stdin.write("go\n")
                each.stdin.flush()
            calls = [int(each.communicate(timeout=100)[0]) for each in (one, other)]
        assert 98 <= sum(calls) <= 100

    def test_the_child_of_a_fork_does_not_spend_what_its_parent_reserved(self, in_child, tmp_path):
        told = tmp_path / "calls"
        with ExperimentStore(tmp_path / "store.db") as store:
            selector = made(store)
            calls = spend(selector, most=50)
            in_child(lambda: told.write_text(str(spend(selector))))
            calls += spend(selector)
        assert 98 <= calls + int(told.read_text()) <= 100
