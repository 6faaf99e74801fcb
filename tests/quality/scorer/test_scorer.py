"""A report: its axes, their values, and what is None where nothing can be said."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.errors import NotFittedError, PostDataError
from postopt.judgement import Prediction
from postopt.quality.axes import AXES
from postopt.quality.novelty import RecentPosts
from postopt.quality.platform import profile
from postopt.quality.scorer import QualityScorer
from postopt.types import Brief, Post, Trace

BRIEF = Brief(
    topic="A bakery opens", facts={"price": "€8.25", "opening": "7:30 am"}, forbidden=("cheap",), max_length=200
)
GOOD = "The bakery opens at 7:30 am. A loaf is €8.25."
PREDICTION = Prediction(
    median=120, low=20, high=700, p_above_baseline=0.63, baseline=100, coverage_target=0.9, coverage_recent=0.9,
    basis="80 posts of the page",
)  # fmt: skip


def post(text, brief=BRIEF, prediction=None):
    trace = Trace(tier="local", model="m")
    return Post(id="p1", text=text, brief=brief, generator="g", seed=None, index=0, trace=trace, prediction=prediction)


class Says:
    """Predicts what it was given, or raises it."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def predict(self, asked):
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def values(report):
    return {name: axis.value for name, axis in report.axes.items()}


class TestAxes:
    def test_a_good_text_has_nothing_to_find_fault_with(self):
        report = QualityScorer().score(GOOD, BRIEF)
        assert tuple(report.axes) == AXES
        assert report.findings == ()
        assert report.fit
        known = {"policy": 1.0, "platform": 1.0, "correctness": 1.0, "fidelity": 1.0, "novelty": None, "response": None}
        assert {name: values(report)[name] for name in known} == known
        assert (report.acceptance, report.acceptance_n, report.calibration) == (None, 0, "uncalibrated")

    def test_each_finding_lies_on_its_axis_and_lowers_its_value(self):
        report = QualityScorer().score("A cheap  loaf is €8.50.", BRIEF)
        for name, axis in report.axes.items():
            assert all(finding.axis == name for finding in axis.findings)
        assert values(report)["policy"] == 0.0  # a forbidden word is hard
        assert values(report)["fidelity"] == 0.0
        assert values(report)["correctness"] == 0.5  # one finding, not hard
        assert {finding.rule for finding in report.hard_failures} >= {"policy.forbidden_word", "facts.missing"}

    def test_without_a_brief_there_is_no_fidelity(self):
        axis = QualityScorer().score(GOOD).axes["fidelity"]
        assert (axis.value, axis.findings) == (None, ())
        assert "brief" in axis.says

    def test_a_post_brings_its_brief_and_another_goes_before_it(self):
        scorer = QualityScorer()
        assert scorer.score(post(GOOD)) == scorer.score(GOOD, BRIEF)
        other = Brief(topic="Another", facts={"price": "€9"})
        assert not scorer.score(post(GOOD), other).fit

    def test_readability_is_the_formula_by_a_hundred_and_none_in_other_languages(self):
        scorer = QualityScorer()
        assert scorer.score("The cat sat on the mat. The dog ran to the cat.").axes["readability"].value == 1.0
        assert (
            0
            <= scorer.score("Interdepartmental reorganisation necessitates deliberation.", language="en")
            .axes["readability"]
            .value
            < 0.2
        )
        spanish = scorer.score("El gato se sentó en la mesa.").axes["readability"]
        assert spanish.says.startswith("Szigriszt-Pazos")
        assert scorer.score("Le chat est sur la table.", language="fr").axes["readability"].value is None
        assert scorer.score("🎉", language="en").axes["readability"].value is None

    def test_novelty_is_one_minus_the_greatest_similarity(self):
        scorer = QualityScorer(recent=[post(GOOD), "Something else"])
        assert values(scorer.score(GOOD))["novelty"] == 0.0
        assert values(scorer.score("Quite another thing altogether"))["novelty"] == 1.0

    def test_what_is_remembered_is_recent(self):
        scorer = QualityScorer()
        scorer.remember(post(GOOD))
        assert scorer.score(GOOD).axes["novelty"].findings[0].rule == "novelty.duplicate"

    def test_recent_posts_may_be_shared(self):
        recent = RecentPosts()
        one, other = QualityScorer(recent=recent), QualityScorer(recent=recent)
        one.remember(GOOD)
        assert values(other.score(GOOD))["novelty"] == 0.0

    def test_a_profile_is_taken_by_name_or_as_it_is(self):
        text = "word " * 80
        assert not QualityScorer(profile="x").score(text).fit
        assert not QualityScorer(profile=profile("x")).score(text).fit
        assert QualityScorer(profile="facebook").score(text).fit

    def test_portuguese_that_nobody_told_lacks_no_spanish_marks(self):
        assert QualityScorer().score("Amor de verdad para una vida!").axes["correctness"].findings == ()
        assert QualityScorer().score("Ya hay pan muy bueno!").axes["correctness"].findings


class TestResponse:
    def test_it_is_the_probability_to_do_better_than_usual(self):
        assert values(QualityScorer(response=Says(PREDICTION)).score(GOOD))["response"] == 0.63

    def test_a_prediction_at_hand_goes_before_the_posts_own_and_before_asking(self):
        says = Says(PREDICTION)
        scorer = QualityScorer(response=says)
        other = post(GOOD, prediction=PREDICTION)
        assert values(scorer.score(other))["response"] == 0.63
        assert says.asked == []
        assert scorer.score(GOOD, prediction=PREDICTION).axes["response"].value == 0.63
        assert says.asked == []
        scorer.score(GOOD, language="en-GB")
        scorer.score(post(GOOD))
        assert says.asked == [{"text": GOOD, "language": "en"}, post(GOOD)]

    @pytest.mark.parametrize("error", [NotFittedError("nothing learned"), PostDataError("no page")])
    def test_what_cannot_be_predicted_is_none_and_says_why(self, error):
        axis = QualityScorer(response=Says(error)).score(GOOD).axes["response"]
        assert axis.value is None
        assert str(error) in axis.says

    @pytest.mark.parametrize("p", [float("nan"), -0.1, 1.1])
    def test_what_is_no_probability_is_none(self, p):
        from dataclasses import replace

        assert (
            values(QualityScorer().score(GOOD, prediction=replace(PREDICTION, p_above_baseline=p)))["response"] is None
        )


def test_reports_are_ranked():
    scorer = QualityScorer()
    assert scorer.rank([scorer.score(text, BRIEF) for text in ("Cheap.", GOOD, "We bake.")]) == [1, 2, 0]


class TestMappings:
    def test_bring_their_brief_and_language(self):
        brief = Brief(topic="Bread", facts={"price": "€5"})
        report = QualityScorer().score({"text": "Pan por 6 €", "brief": brief, "language": "es"})
        assert report == QualityScorer().score("Pan por 6 €", brief, language="es")

    def test_what_is_given_goes_before(self):
        other = Brief(topic="Jam")
        report = QualityScorer().score({"text": "Pan", "brief": None, "language": ""}, other, language="es")
        assert report == QualityScorer().score("Pan", other, language="es")

    def test_without_a_text_are_refused(self):
        with pytest.raises(PostDataError, match="text is None"):
            QualityScorer().score({"id": 1})

    def test_the_whole_post_is_asked_about(self):
        class Response:
            def predict(self, post):
                asked.append(post)
                raise PostDataError("nothing known")

        asked, post = [], {"text": "Bread", "page": "bakery"}
        QualityScorer(response=Response()).score(post)
        assert asked == [post]


class TestBadInput:
    @pytest.mark.parametrize("bad", [None, 3, b"text", ["text"]])
    def test_what_is_neither_post_nor_text_is_refused(self, bad):
        with pytest.raises(PostDataError, match="post is"):
            QualityScorer().score(bad)

    def test_what_is_no_brief_is_refused(self):
        with pytest.raises(PostDataError, match="brief is"):
            QualityScorer().score(GOOD, {"topic": "a"})

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("profile", {"profile": "orkut"}), ("profile", {"profile": 3}), ("recent", {"recent": "a text"}),
            ("recent", {"recent": [1]}), ("response", {"response": lambda text: 0.5}),
        ],
    )  # fmt: skip
    def test_a_setting_that_cannot_be_is_refused_by_name(self, name, settings):
        with pytest.raises(ValueError, match=name):
            QualityScorer(**settings)

    @pytest.mark.parametrize("text", ["", " \n", "a\x00b", "\ud800"])
    def test_what_no_platform_takes_is_hard(self, text):
        assert not QualityScorer().score(text).fit

    @pytest.mark.parametrize(
        "text", ["🎉🎊", "שלום עולם", "Привет, мир", "Zażółć gęślą", "العربية and English", "a" * 500]
    )
    def test_what_is_only_strange_is_fit(self, text):
        assert QualityScorer().score(text).fit

    @pytest.mark.long
    def test_ten_megabytes_have_a_report(self):
        report = QualityScorer(recent=[GOOD]).score("We bake bread. " * 700_000, BRIEF)
        assert "platform.too_long" in {finding.rule for finding in report.hard_failures}

    @given(st.text(max_size=200), st.sampled_from([None, BRIEF]))
    def test_no_text_breaks_it_values_are_shares_and_spans_lie_in_the_text(self, text, brief):
        report = QualityScorer(recent=[GOOD]).score(text, brief)
        for axis in report.axes.values():
            assert axis.value is None or 0 <= axis.value <= 1
        for finding in report.findings:
            assert finding.span is None or 0 <= finding.span[0] <= finding.span[1] <= len(text)


def teach(scorer, n=80):
    """Record what a host does that takes every text but those with a defect."""
    for number in range(n):
        text = f"The baker number {number} opens the shop"
        bad = number % 2 == 0
        scorer.record(
            text + (" , and and closes it!!!" if bad else " and closes it."), "rejected" if bad else "accepted"
        )


class TestAcceptance:
    def test_it_is_learned_from_what_the_host_did(self):
        scorer = QualityScorer()
        teach(scorer)
        measured = scorer.evaluate()
        good, bad = scorer.score("We open the shop and close it."), scorer.score("We open the the shop , and more!!!")
        assert good.acceptance > 0.8
        assert bad.acceptance < 0.2
        assert good.acceptance_n == 80
        assert good.calibration == str(measured)

    def test_before_there_is_enough_it_is_uncalibrated(self):
        scorer = QualityScorer()
        teach(scorer, 49)
        assert scorer.score(GOOD).acceptance is None
        with pytest.raises(NotFittedError):
            scorer.evaluate()

    def test_a_text_that_was_published_is_not_judged_as_its_own_duplicate(self):
        one, other = QualityScorer(recent=["Another one of them"]), QualityScorer(recent=["Another one of them"])
        other.remember(GOOD)
        one.record(GOOD, "accepted")
        other.record(GOOD, "accepted")
        assert one.state() == other.state()

    def test_it_survives_as_json_without_any_text(self):
        one, other = QualityScorer(), QualityScorer()
        teach(one)
        saved = json.dumps(one.state())
        assert "baker" not in saved
        other.restore(json.loads(saved))
        assert other.score(GOOD) == one.score(GOOD)

    def test_scoring_changes_nothing(self):
        scorer = QualityScorer(recent=[GOOD])
        teach(scorer, 60)
        state, before = json.dumps(scorer.state()), scorer.score(GOOD)
        for text in ("", "other", GOOD):
            scorer.score(text, BRIEF)
        assert scorer.score(GOOD) == before
        assert json.dumps(scorer.state()) == state

    def test_threads_record_and_score_at_once(self):
        scorer, failed = QualityScorer(), []

        def work(thread):
            try:
                for turn in range(30):
                    scorer.record(f"text {turn} of {thread}", ("accepted", "rejected")[turn % 2])
                    scorer.score(f"text {turn} of {thread}", BRIEF)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert len(scorer.state()["decisions"]) == 120
