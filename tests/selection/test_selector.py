"""The selector as its users see it."""

import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import (
    ColdStartError,
    NoCandidateError,
    OutcomeError,
    UnknownAssignmentError,
    UnknownPriceError,
)
from postopt.experiments.store import ExperimentStore
from postopt.resilience.breaker import CircuitBreaker
from postopt.resilience.price import Price
from postopt.selection import memory
from postopt.selection.candidate import Candidate
from postopt.selection.choice import FORGOTTEN, Choice
from postopt.selection.selector import ModelSelector
from postopt.types import Brief, Feedback

CHEAP, DEAR = Candidate("cheap", 0.001), Candidate("dear", 0.01)
WARM = [({"task": "ad"}, {"cheap": 0.7, "dear": 0.8})] * 100 + [({"task": "code"}, {"cheap": 0.2, "dear": 0.8})] * 100


def warm(candidates=(CHEAP, DEAR), rows=WARM, **arguments):
    selector = ModelSelector(candidates, **arguments)
    selector.warm_start(rows)
    return selector


def feedback(clicks):
    return Feedback("report", "post", 100, clicks, 0.0)


class TestSelect:
    def test_scores_are_quality_whatever_it_costs(self):
        free, paid = warm(), warm(cost_weight=20.0)
        assert free.select({"task": "ad"}).model == "dear"
        assert paid.select({"task": "ad"}).model == "cheap"
        assert paid.select({"task": "code"}).model == "dear"
        assert free.select({"task": "ad"}).scores == paid.select({"task": "ad"}).scores
        assert free.select({"task": "ad"}).scores == pytest.approx({"cheap": 0.7, "dear": 0.8}, abs=0.02)

    def test_the_weight_of_money_may_be_given_for_one_call(self):
        assert warm().select({"task": "ad"}, cost_weight=20.0).model == "cheap"

    def test_without_exploration_the_propensity_is_one(self):
        assert warm().select({"task": "ad"}).propensity == 1.0

    def test_a_brief_is_a_context(self):
        rows = [(Brief(topic="Shoes", platform="x"), {"cheap": 0.9, "dear": 0.1})] * 50
        assert warm(rows=rows).select(Brief(topic="Hats", platform="x")).model == "cheap"

    def test_a_task_never_seen_gets_what_is_best_in_all(self):
        assert warm().select({"task": "poem"}).model == "dear"

    def test_partial_scores_and_models_nobody_asked_for_are_taken(self):
        rows = [({"task": "ad"}, {"cheap": 0.9}), ({"task": "ad"}, {"other": 0.5, "dear": 0.2}), ({}, {})] * 30
        assert warm(rows=rows).select({"task": "ad"}).model == "cheap"

    def test_a_price_counts_the_length_of_the_text(self):
        per_token = Candidate("dear", Price(input=100.0, output=100.0))
        selector = warm((CHEAP, per_token), cost_weight=2.0)
        assert selector.select({"task": "ad", "text": "x"}).model == "dear"
        assert selector.select({"task": "ad", "text": "x" * 4000}).model == "cheap"
        assert selector.select({"task": "ad", "text": "x" * 4000}).cost == 0.001

    def test_latency_counts(self):
        candidates = [CHEAP, Candidate("dear", 0.01, p95=lambda: 9.0)]
        choice = warm(candidates, latency_weight=0.05).select({"task": "ad"})
        assert choice.model == "cheap"
        assert any("takes up to 9 s" in reason for reason in choice.reasons)

    def test_warming_up_again_replaces_the_first(self):
        selector = warm()
        selector.warm_start([({"task": "ad"}, {"cheap": 1.0, "dear": 0.0})] * 20)
        assert selector.select({"task": "ad"}).model == "cheap"

    def test_tasks_are_recognised_by_their_texts(self):
        draw = random.Random(0)
        rows = []
        for n in range(300):
            ad = n % 2 == 0
            text = f"{'Write a post about our' if ad else 'def f(x): return'} {draw.randrange(100)}"
            rows.append(({"text": text}, {"cheap": 0.9 if ad else 0.1, "dear": 0.5}))
        selector = warm(rows=rows)
        assert selector.select({"text": "Write a post about our hats"}).model == "cheap"
        choice = selector.select({"text": "def f(x): return 7777"})
        assert choice.model == "dear"
        assert "nearest" in choice.reasons[0]
        # And it goes on learning: models that stay as good change nothing.
        assert selector.learn(choice, 0.5)
        assert selector.select({"text": "def f(x): return 12"}).scores["dear"] == pytest.approx(0.5, abs=0.1)


class TestCold:
    def test_is_refused_and_says_why_and_how(self):
        with pytest.raises(ColdStartError, match="3,500 calls") as caught:
            ModelSelector([CHEAP, DEAR]).select({})
        assert "cold_start=True" in caught.value.hint

    def test_a_warm_start_of_nothing_is_cold(self):
        with pytest.raises(ColdStartError):
            warm(rows=[]).select({})

    def test_allowed_it_learns_which_is_best(self):
        draw = random.Random(1)
        selector = ModelSelector([CHEAP, DEAR], cold_start=True, seed=1)
        late = []
        for n in range(600):
            choice = selector.select({"task": "ad"})
            assert 0 < choice.propensity <= 1
            selector.learn(choice, float(draw.random() < (0.7 if choice.model == "cheap" else 0.4)))
            late.append(choice.model == "cheap" if n >= 300 else True)
        assert sum(late[300:]) > 270


class TestAvailability:
    def test_an_open_breaker_leaves_its_model_out(self):
        breaker = CircuitBreaker("dear")
        selector = warm((CHEAP, Candidate("dear", 0.01, breaker=breaker)))
        assert selector.select({"task": "code"}).model == "dear"
        breaker.force_open()
        choice = selector.select({"task": "code"})
        assert choice.model == "cheap"
        assert choice.scores["dear"] > choice.scores["cheap"]
        assert choice.reasons[-1] == "dear could not be chosen: its circuit is open"

    def test_whoever_measures_may_ask_the_selector(self):
        candidates = [CHEAP, Candidate("dear", 0.01, p95=lambda: len(selector.state()["learned"]))]
        selector = warm(candidates, latency_weight=0.5, explore=0.0)
        assert selector.select({"task": "code"}).model == "dear"
        selector.learn(selector.select({"task": "other"}), 0.5)
        selector.learn(selector.select({"task": "code"}), 0.8)
        assert selector.select({"task": "code"}).model == "cheap"

    def test_all_open_is_an_error(self):
        breaker = CircuitBreaker("both")
        breaker.force_open()
        selector = warm([Candidate(name, 0.1, breaker=breaker) for name in ("cheap", "dear")])
        with pytest.raises(NoCandidateError, match="circuit is open") as caught:
            selector.select({})
        assert caught.value.retry_after is None

    def test_no_candidates_is_an_error(self):
        with pytest.raises(NoCandidateError):
            warm([]).select({})

    @pytest.mark.parametrize("arguments", [{"budget": 1.0}, {"cost_weight": 1.0}])
    def test_an_unknown_price_is_refused_where_money_counts(self, arguments):
        selector = warm((CHEAP, Candidate("dear")), **arguments)
        with pytest.raises(UnknownPriceError, match="dear"):
            selector.select({})

    def test_allowed_it_counts_as_the_dearest(self):
        selector = warm((CHEAP, Candidate("dear")), on_unknown_price="allow", cost_weight=1.0)
        assert selector.select({"task": "ad"}).cost is None
        nobody = warm((Candidate("cheap"), Candidate("dear")), on_unknown_price="allow", cost_weight=1.0)
        assert nobody.select({"task": "ad"}).model == "dear"

    def test_unknown_prices_do_not_matter_where_money_does_not(self):
        assert warm((CHEAP, Candidate("dear"))).select({"task": "ad"}).model == "dear"


class TestBudget:
    def test_is_never_passed_and_the_next_day_begins_anew(self):
        now = [86_400.0 * 10]
        selector = warm(budget=0.1, clock=lambda: now[0])
        spent = 0.0
        for _ in range(100):
            with suppress(NoCandidateError):
                spent += selector.select({"task": "code"}).cost
        with pytest.raises(NoCandidateError, match="budget") as caught:
            selector.select({"task": "code"})
        assert spent == pytest.approx(0.1, abs=0.001)
        assert spent <= 0.1 + 1e-12
        assert caught.value.retry_after == 86_400.0
        now[0] += 86_400.0
        assert selector.select({"task": "code"}).cost

    def test_counts_only_those_that_answer(self):
        breaker = CircuitBreaker("both")
        breaker.force_open()
        candidates = [Candidate(name, 0.1, breaker=breaker) for name in ("cheap", "dear")]
        with pytest.raises(NoCandidateError, match="circuit is open") as caught:
            warm(candidates, budget=1.0).select({})
        assert caught.value.retry_after is None

    def test_buys_quality_where_it_is_cheap(self):
        now = [0.0]
        selector = warm(budget=1.0, clock=lambda: now[0])
        dear = {"ad": 0, "code": 0}
        for call in range(400):
            now[0] = 86_400.0 * call / 400
            for task in dear:  # 800 calls; all dear would be $8, so one in 40 of what is left may be
                dear[task] += selector.select({"task": task}).model == "dear"
        assert dear["code"] > dear["ad"]
        assert 0 < dear["code"] < 100


class TestLearn:
    def test_an_outcome_counts_once(self):
        selector = warm()
        choice = selector.select({"task": "ad"})
        assert selector.learn(choice, 0.0)
        state = selector.state()
        assert not selector.learn(choice, 0.0)
        assert selector.state() == state == {"learned": {'[["task","ad"]]': {"dear": [1.0, 0.0]}}, "rewards": {}}

    def test_what_disappoints_is_chosen_less(self):
        selector = warm(explore=0.0)
        for _ in range(100):
            selector.learn(selector.select({"task": "ad"}), 0.3)
        assert selector.select({"task": "ad"}).model == "cheap"
        assert selector.select({"task": "code"}).model == "dear"

    @pytest.mark.parametrize("outcome", [math.nan, -0.1, 1.1, math.inf, "1", None, True])
    def test_what_cannot_be_is_refused_and_changes_nothing(self, outcome):
        selector = warm()
        choice = selector.select({"task": "ad"})
        with pytest.raises(OutcomeError):
            selector.learn(choice, outcome)
        assert selector.state() == {"learned": {}, "rewards": {}}
        assert selector.learn(choice, 1)

    @pytest.mark.parametrize("score", [math.nan, -0.1, 2.0, "good", None])
    def test_a_warm_start_with_such_a_score_changes_nothing(self, score):
        selector = warm()
        before = selector.select({"task": "ad"}).scores
        with pytest.raises(OutcomeError, match="cheap"):
            selector.warm_start([({"task": "ad"}, {"cheap": score})])
        assert selector.select({"task": "ad"}).scores == before

    @pytest.mark.parametrize("row", [None, ({},), ({}, {}, {}), ({}, 3), "ab"])
    def test_a_row_that_is_none_is_refused(self, row):
        with pytest.raises(ValueError, match="row"):
            warm(rows=[row])

    def test_exploration_begins_with_the_first_outcome_and_its_propensity_is_its_frequency(self):
        rows = [({"task": "ad"}, {"cheap": 0.52, "dear": 0.5})] * 100
        selector = warm(rows=rows, explore=0.5)
        assert {selector.select({"task": "ad"}).propensity for _ in range(20)} == {1.0}
        selector.learn(selector.select({"task": "ad"}), 0.5)
        drawn = [selector.select({"task": "ad"}) for _ in range(4_000)]
        by_model = {choice.model: choice.propensity for choice in drawn}
        assert sum(by_model.values()) == pytest.approx(1.0)
        assert sum(choice.model == "dear" for choice in drawn) / 4_000 == pytest.approx(by_model["dear"], abs=0.02)
        assert any("drawn to learn" in choice.reasons[0] for choice in drawn)

    def test_texts_explore_too_and_the_linear_model_comes_in_after_500_outcomes(self):
        draw = random.Random(0)
        rows = [({"text": f"{'red' if n % 2 else 'blue'} {n}"}, {"cheap": 0.5, "dear": 0.5}) for n in range(200)]
        selector = warm(rows=rows, explore=1.0, seed=2)
        for _ in range(1_300):
            colour = draw.choice(("red", "blue"))
            choice = selector.select({"text": f"{colour} {draw.randrange(200)}"})
            good = (choice.model == "cheap") == (colour == "red")
            selector.learn(choice, float(draw.random() < (0.8 if good else 0.2)))
        assert selector._known._residual.ready
        assert selector.select({"text": "red 3"}).scores["cheap"] > selector.select({"text": "blue 3"}).scores["cheap"]

    def test_a_choice_of_another_selector_is_refused(self):
        with pytest.raises(UnknownAssignmentError, match="another selector"):
            warm().learn(warm().select({}), 0.5)

    def test_a_choice_from_before_another_warm_start_is_learned(self):
        rows = [({"text": f"red {n}"}, {"cheap": 0.5, "dear": 0.5}) for n in range(60)]
        selector = warm(rows=rows)
        choice = selector.select({"text": "red 3"})
        selector.warm_start(rows[:55])
        assert selector.learn(choice, 0.5)

    def test_a_choice_is_known_by_its_id_without_a_store(self):
        selector = warm()
        choice = selector.select({"task": "ad"})
        assert selector.learn(choice.id, 0.5) is True
        assert selector.learn(choice.id, 0.5) is selector.learn(choice, 0.5) is False
        assert selector.state()["learned"] == {'[["task","ad"]]': {"dear": [1.0, 0.5]}}
        with pytest.raises(UnknownAssignmentError):
            selector.learn("some id", 0.5)
        assert selector.learn("some id", feedback(5)) is False

    def test_only_the_last_choices_are_known_by_their_ids(self, monkeypatch):
        monkeypatch.setattr(memory, "REMEMBERED", 10)
        selector = warm()
        choices = [selector.select({"task": "ad"}) for _ in range(11)]
        with pytest.raises(UnknownAssignmentError):
            selector.learn(choices[0].id, 0.5)
        assert all(selector.learn(choice, 0.5) for choice in choices)

    def test_what_is_undone_without_a_store_may_be_learned_again(self):
        selector = warm()
        one, other = selector.select({"task": "ad"}), selector.select({"task": "ad"})
        selector.learn(one.id, 0.5)
        before = selector.state()
        selector.learn(other.id, 0.1)
        selector.restore(before)
        assert selector.state() == before
        assert not selector.learn(one.id, 0.5)
        assert selector.learn(other.id, 0.1)


class TestStore:
    def test_a_choice_can_be_learned_by_its_id_after_a_restart(self, tmp_path):
        path = tmp_path / "store.db"
        with ExperimentStore(path) as store:
            choice = warm(store=store).select({"task": "ad"})
        with ExperimentStore(path) as store:
            again = ModelSelector([CHEAP, DEAR], store=store)
            assert again.learn(choice.id, 0.25) is True
            assert again.learn(choice.id, 0.25) is False
            assert store.outcome(choice.id, "outcome").value == 0.25
            with pytest.raises(UnknownAssignmentError):
                again.learn("nobody's", 0.5)
        with ExperimentStore(path) as store:
            third = ModelSelector([CHEAP, DEAR], store=store)
            assert third.state()["learned"] == {'[["task","ad"]]': {"dear": [1.0, 0.25]}}
            assert third.select({"task": "code"}).scores["cheap"] == pytest.approx(0.2, abs=0.05)

    def test_what_is_logged_holds_the_propensity_and_no_text(self):
        store = ExperimentStore()
        choice = warm(store=store).select({"task": "ad", "text": "a secret"})
        row = store.decision(choice.id)
        assert (row.arm, row.propensity, row.policy) == ("dear", 1.0, "best")
        assert json.loads(row.context) == {"cell": [["task", "ad"]], "cost": 0.01, "added": 0.0}
        assert store.outcome(choice.id, "cost").value == 0.01

    def test_coordinates_that_no_file_can_hold_as_they_are_come_back(self):
        store = ExperimentStore()
        selector = warm(store=store)
        selector.learn(selector.select({"task": "\ud800 \x00 ñ"}), 0.5)
        assert ModelSelector([CHEAP, DEAR], store=store).state() == selector.state()
        assert "\\ud800" in next(iter(selector.state()["learned"]))

    def test_ids_differ_between_selectors_of_one_seed(self):
        store = ExperimentStore()
        assert warm(store=store).select({}).id != warm(store=store).select({}).id
        assert warm().select({}).id != warm().select({}).id

    def test_making_one_writes_nothing_that_depends_on_when_or_how_often(self):
        def written(times):
            store = ExperimentStore(salt=b"the same", clock=lambda: 5.0)
            for now in times:
                ModelSelector([CHEAP, DEAR], store=store, budget=1.0, clock=lambda now=now: now)
            with store.transaction() as connection:
                return [
                    connection.execute(f"SELECT * FROM {table}").fetchall()
                    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                ]

        assert written([1.0]) == written([2.0, 86_400.0 * 7, 3.0])

    def test_an_outcome_below_what_the_text_had_added_is_kept(self):
        rows = [({"text": f"{'red' if n % 2 else 'blue'} {n}"}, {"cheap": n % 2, "dear": 0.5}) for n in range(200)]
        store = ExperimentStore()
        selector = warm(rows=rows, store=store)
        choice = selector.select({"text": "red 3"})
        assert choice.written.added > 0.1
        assert selector.learn(choice.id, 0.0)
        (sums,) = selector.state()["learned"].values()
        assert sums["cheap"] == [1.0, pytest.approx(-choice.written.added)]

    def test_after_a_restart_a_choice_says_that_texts_are_not_known_until_the_next_warm_start(self):
        rows = [({"text": f"red {n}"}, {"cheap": 0.5, "dear": 0.5}) for n in range(60)]
        store = ExperimentStore()
        assert FORGOTTEN not in warm(rows=rows, store=store).select({"text": "red 7"}).reasons
        again = ModelSelector([CHEAP, DEAR], store=store)
        assert FORGOTTEN in again.select({"text": "red 7"}).reasons
        assert FORGOTTEN not in again.select({"task": "ad"}).reasons
        again.warm_start(rows)
        again.restore({})
        assert FORGOTTEN not in again.select({"text": "red 7"}).reasons
        warm(store=store)  # without texts there is nothing to forget
        assert FORGOTTEN not in ModelSelector([CHEAP, DEAR], store=store).select({"text": "red 7"}).reasons

    def test_restore_reads_what_others_learned(self):
        store = ExperimentStore()
        one, other = warm(store=store), ModelSelector([CHEAP, DEAR], store=store)
        one.learn(one.select({"task": "ad"}), 0.0)
        other.restore({})
        assert other.state() == one.state()
        assert other.select({"task": "ad"}).scores == pytest.approx(one.select({"task": "ad"}).scores, abs=1e-6)

    def test_a_candidate_that_is_gone_is_left_out(self):
        store = ExperimentStore()
        selector = warm(store=store)
        choice = selector.select({"task": "code"})
        left = ModelSelector([CHEAP], store=store)
        assert left.learn(choice.id, 1.0)
        assert left.select({"task": "code"}).model == "cheap"
        left.restore({})
        assert set(left.state()["learned"]['[["task","code"]]']) == {"dear"}

    def test_of_two_threads_that_both_logged_an_outcome_one_counts_it(self, monkeypatch):
        selector = warm(store=ExperimentStore(), explore=0.0)
        choice = selector.select({"task": "ad"})
        monkeypatch.setattr(selector._journal, "learn", lambda *_, **__: True)
        assert selector.learn(choice.id, 0.5)
        assert not selector.learn(choice, 0.5)
        assert [part.n for part in selector._known.learned()] == [1]


class TestLearner:
    def test_state_is_json_and_equal_after_restore(self):
        selector = warm()
        for outcome in (0.1, 0.9, 0.3):
            selector.learn(selector.select({"task": "ad", "text": "x"}), outcome)
        state = json.loads(json.dumps(selector.state()))
        other = warm()
        other.restore(state)
        assert other.state() == state
        assert other.select({"task": "ad"}).scores == pytest.approx(selector.select({"task": "ad"}).scores, abs=1e-6)
        assert other.step(0.0) == ()

    def test_the_same_seed_and_outcomes_lead_to_the_same_choices(self):
        def run():
            selector = warm(explore=0.5, seed=7)
            made = []
            for n in range(200):
                choice = selector.select({"task": ("ad", "code")[n % 2]})
                selector.learn(choice, (n % 10) / 10)
                made.append((choice.model, choice.propensity))
            return made

        assert run() == run()

    def test_threads_learn_each_outcome_once(self):
        selector = warm(store=ExperimentStore())
        choices = [selector.select({"task": "ad"}) for _ in range(50)]
        with ThreadPoolExecutor(8) as pool:
            by_choice = list(pool.map(lambda c: selector.learn(c, 0.5), choices * 4))
            list(pool.map(lambda c: selector.learn(c.id, 0.5), choices * 4))
        assert sum(by_choice) == 50
        learned = selector._known.learned()
        assert sum(part.n for part in learned) == 50
        assert selector.state()["learned"]['[["task","ad"]]']["dear"] == [50.0, 25.0]


class TestChoice:
    def test_explains_itself(self):
        choice = warm(cost_weight=20.0).select({"task": "ad"})
        assert isinstance(choice, Choice)
        assert choice.reasons[0].startswith("cheap is the best of what could be chosen: expected quality 0.6")
        assert "100 outcomes in its cell (task=ad)" in choice.reasons[0]
        assert choice.reasons[1] == "dear is expected to be 0.109 better, but costs $0.01"
        assert "a dollar counts 20 of quality" in choice.reasons[2]
        assert choice.summary().startswith("cheap | $0.001 | propensity 1 | cheap is the best")
        assert repr(choice) == f"Choice('cheap', propensity=1, id={choice.id!r})"

    def test_html_escapes_names(self):
        name = "<script>"
        selector = ModelSelector([Candidate(name), CHEAP])
        selector.warm_start([({}, {name: 0.9})])
        html = selector.select({})._repr_html_()
        assert name not in html
        assert "&lt;script&gt; (chosen)" in html
        assert "unknown" in html
        assert "1 outcomes in all" in html


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("seed", "1"), ("seed", None), ("budget", 0), ("budget", -1.0), ("budget", math.nan), ("cost_weight", -1.0),
         ("cost_weight", math.nan), ("latency_weight", math.inf), ("explore", 1.5), ("explore", -0.1),
         ("on_unknown_price", "guess"), ("reward", 3), ("clock", 3), ("new_prefix", 3), ("name", "")],
    )  # fmt: skip
    def test_an_argument_that_cannot_be_used_is_refused_by_name(self, name, value):
        with pytest.raises(ValueError, match=name):
            ModelSelector([CHEAP], **{name: value})

    def test_candidates_of_one_name_or_of_another_kind_are_refused(self):
        with pytest.raises(ValueError, match="more than once"):
            ModelSelector([CHEAP, CHEAP])
        with pytest.raises(ValueError, match="Candidate is needed"):
            ModelSelector(["cheap"])

    def test_a_weight_for_one_call_is_checked(self):
        with pytest.raises(ValueError, match="cost_weight"):
            warm().select({}, cost_weight=math.nan)


class TestReplay:
    @given(st.lists(st.tuples(st.sampled_from(["ad", "code", "new"]), st.floats(0, 1)), max_size=30))
    def test_state_holds_every_outcome_and_nothing_else(self, fed):
        selector = ModelSelector([CHEAP, DEAR], cold_start=True)
        for task, outcome in fed:
            assert selector.learn(selector.select({"task": task}), outcome)
        sums = [pair for models in selector.state()["learned"].values() for pair in models.values()]
        assert sum(n for n, _ in sums) == len(fed)
        assert sum(total for _, total in sums) == pytest.approx(sum(outcome for _, outcome in fed), abs=1e-6)
