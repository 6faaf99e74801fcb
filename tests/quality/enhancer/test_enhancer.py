"""What the enhancer does, what it leaves alone, who decides, and why."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from postopt.errors import NotFittedError, PostDataError, RateLimitError, RefusedError
from postopt.quality.enhancer import Enhancer
from postopt.quality.scorer import QualityScorer
from postopt.stats import Interval
from postopt.testing import ScriptedGenerator
from postopt.types import Brief, Completion, Post, Trace

BRIEF = Brief(topic="A bakery opens", facts={"price": "€8.25"}, forbidden=("cheap",), brand="Loaf")
GOOD = "A loaf is €8.25 at our mill."
LETTER = "A loaf is €8.25 at  our mill."  # a doubled space, which forbids nothing
HARD = "A loaf is dear and good and fresh. Loaf, a promise: trust us, it is as good as ever. 9 left."


class Ranks:
    """Compares by a table of lower bounds, or raises."""

    def __init__(self, low=0.0, *, abstains=False, error=None):
        self.low, self.abstains, self.error, self.asked = low, abstains, error, []

    def compare(self, first, second):
        self.asked.append((first, second))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(p=0.6, interval=Interval(self.low, self.low + 1, 0.95, 100), abstains=self.abstains)


def enhance(text, brief=BRIEF, script=(), **settings):
    generator = ScriptedGenerator(script) if script else None
    return asyncio.run(Enhancer(generator, **settings).enhance(text, brief))


def answer(text, cost=0.0, unsettled=0.0):
    trace = Trace(tier="remote", model="m", cost_usd=cost, unsettled_usd=unsettled)
    return Completion(text=text, generator="scripted", trace=trace)


class TestRules:
    def test_a_good_text_is_left_alone_with_a_reason(self):
        result = enhance(GOOD)
        assert (result.text, result.changed, result.rules) == (GOOD, False, ())
        assert [decision.kept for decision in result.decisions] == [False]
        assert result.before == result.after

    def test_each_finding_is_repaired_and_each_decision_has_its_judge(self):
        result = enhance("A loaf is €8.50 at  our cheap mill!!!")
        assert result.text == "A loaf is €8.25 at our mill!"
        assert result.after.findings == ()
        assert set(result.rules) == {
            "facts.changed", "policy.forbidden_word", "correctness.doubled_space", "correctness.repeated_marks",
        }  # fmt: skip
        assert {decision.judge for decision in result.decisions if decision.kept} == {"checkers"}

    def test_a_post_brings_its_brief(self):
        trace = Trace(tier="local", model="m")
        post = Post(id="p", text=LETTER, brief=BRIEF, generator="g", seed=None, index=0, trace=trace)
        assert asyncio.run(Enhancer().enhance(post)).text == GOOD

    def test_a_mapping_is_taken_with_its_brief_and_language(self):
        assert enhance({"text": LETTER}).text == GOOD
        assert enhance({"text": "A loaf  is good.", "brief": BRIEF}, None).text == "A loaf is good.\nPrice: €8.25"
        assert enhance({"text": "Ya está el pan!", "language": "es"}, None).text == "¡Ya está el pan!"
        assert enhance({"text": "Ya está el pan!", "language": ""}, None).text == "¡Ya está el pan!"

    def test_a_doubled_word_is_mended_in_however_short_a_text(self):
        assert enhance("Candles are are back.", Brief(topic="Candles")).text == "Candles are back."

    @pytest.mark.parametrize(
        "text",
        [
            "As an AI language model, I cannot write about bread.", "I'm sorry, but I can't help with that request.",
            "Como modelo de lenguaje, no puedo escribir.",
            "Lo siento, pero no puedo ayudarte con eso. El pan es bueno.",
        ],
    )  # fmt: skip
    def test_a_refusal_stays_hard(self, text):
        result = enhance(text, Brief(topic="Bread"))
        assert (result.changed, result.after.fit) == (False, False)
        assert "a rewrite may" in result.decisions[-1].reason

    def test_spanish_marks_are_opened(self):
        brief = Brief(topic="Pan", language="es")
        assert enhance("Ya está el pan! Qué esperas tú?", brief).text == "¡Ya está el pan! ¿Qué esperas tú?"

    def test_without_a_brief_numbers_links_and_accounts_stay(self):
        text = "Dear {name}, call 555 or see https://x.org, @loaf!"
        result = enhance(text, None)
        assert result.text == "Call 555 or see https://x.org, @loaf!"

    def test_an_edit_that_would_lose_a_fact_is_dropped(self):
        brief = Brief(topic="Bread", facts={"deal": "cheap bread"}, forbidden=("cheap",))
        result = enhance("See our cheap bread.", brief)
        assert not result.changed
        assert [(decision.judge, decision.kept) for decision in result.decisions] == [("facts", False)]
        assert "deal" in result.decisions[0].reason

    def test_a_text_too_long_for_any_brief_is_left_as_it_is(self):
        result = enhance("We bake. " * 20_000)
        assert not result.changed
        assert "too many to edit" in result.decisions[0].reason

    @pytest.mark.parametrize("text", ["", "🎉", "\x00", "a" * 300, "\ud800"])
    def test_strange_texts_have_a_result(self, text):
        result = enhance(text)
        assert "€8.25" in result.text
        assert result.after.fit

    @pytest.mark.parametrize("bad", [None, 3, {}, {"text": 5}, {"text": "a", "language": 5}])
    def test_what_is_no_text_is_refused(self, bad):
        with pytest.raises(PostDataError):
            enhance(bad)


class TestCuts:
    """An edit that leaves out content for a warning is a claim about quality: the ranker judges it, nobody else."""

    TEXT = f"We bake bread. {'And we do so every day of the week. ' * 4}Come in now: €8.25."
    BRIEF = Brief(topic="Bread", facts={"price": "€8.25"}, call_to_action="Come in now")

    def test_without_a_ranker_nothing_is_cut_for_a_warning(self):
        assert not enhance(self.TEXT, self.BRIEF).changed

    @pytest.mark.parametrize(
        ("ranker", "kept"),
        [
            (Ranks(0.01), True), (Ranks(0.0), False), (Ranks(-0.1), False), (Ranks(float("nan")), False),
            (Ranks(0.01, abstains=True), False), (Ranks(error=NotFittedError("too few tests")), False),
        ],
    )  # fmt: skip
    def test_the_lower_bound_decides(self, ranker, kept):
        # Spoken in a language without a formula, so that readability has no say.
        from dataclasses import replace

        result = enhance(self.TEXT, replace(self.BRIEF, language="nl"), ranker=ranker)
        assert result.changed is kept
        assert ranker.asked
        assert all(decision.judge == "ranker" for decision in result.decisions)


class TestThreshold:
    @pytest.fixture
    def scorer(self):
        """A host that takes all but texts with marks of exclamation."""
        scorer = QualityScorer()
        for number in range(80):
            text = f"Loaf number {number} is here" + ("!!!" if number % 2 else ".")
            scorer.record(text, "rejected" if number % 2 else "accepted")
        return scorer

    def test_what_is_likely_to_be_accepted_is_left_alone_with_its_warnings(self, scorer):
        assert scorer.score(LETTER, BRIEF).acceptance is not None
        result = enhance(LETTER, scorer=scorer, threshold=0.0)
        assert (result.text, result.changed) == (LETTER, False)
        assert "probability" in result.decisions[0].reason
        assert enhance(LETTER, scorer=scorer, threshold=1.0).text == GOOD

    def test_a_hard_failure_is_repaired_however_likely_it_is_to_be_accepted(self, scorer):
        assert enhance(HARD, scorer=scorer, threshold=0.0).changed

    def test_uncalibrated_it_is_compared_with_nothing(self):
        assert enhance(LETTER, threshold=0.0).text == enhance(LETTER, threshold=1.0).text == GOOD


class TestRewrite:
    def test_a_rewrite_that_removes_a_hard_failure_is_taken_and_the_prompt_says_what_was_found(self):
        generator = ScriptedGenerator(['"Our bread, a loaf at a fair price: €8.25."'])
        brief = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"})
        text = "Are you depressed? €8.25."
        result = asyncio.run(Enhancer(generator).enhance(text, brief))
        assert result.text == "Our bread, a loaf at a fair price: €8.25."
        assert result.rules == ("rewrite",)
        (prompt,) = generator.prompts
        material = json.loads(prompt.text)
        assert material["post"] == text
        assert material["facts"] == {"price": "€8.25"}
        assert material["found"][0]["where"] == "Are you depressed"
        assert prompt.brief == brief

    def test_the_prompt_says_how_long_it_may_be(self):
        generator = ScriptedGenerator([GOOD])
        brief = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"}, max_length=90)
        asyncio.run(Enhancer(generator).enhance("Are you depressed? €8.25.", brief))
        assert json.loads(generator.prompts[0].text)["most_characters"] == 90

    def test_a_rewrite_is_repaired_before_it_is_judged(self):
        brief = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"})
        result = enhance("Are you depressed? €8.25.", brief, ["Our bread is  here."])
        assert result.text == "Our bread is here.\nPrice: €8.25"

    @pytest.mark.parametrize(
        ("rewrite", "reason"),
        [
            ("I cannot help.", "0% of what"), ("We sell fine shoes for all, every day. €8.25.", None),
            ("I'm sorry, but I can't help with bread for €8.25.", "refuses"), ("Shoes are here again.", "0% of what"),
            ("x" * 10**6, "characters"), ("bread " + "x" * 200, "over and over"), ("bread " * 100, "characters"),
            ("As an AI language model, I like bread, €8.25.", "refuses"), ("", "none"),
        ],
    )  # fmt: skip
    def test_one_that_keeps_next_to_nothing_is_refused(self, rewrite, reason):
        brief = Brief(topic="Fresh bread every morning", platform="facebook_ad", facts={"price": "€8.25"})
        text = "Treat your anxiety with fresh bread for €8.25."
        result = enhance(text, brief, [rewrite] if rewrite else [" \n "], attempts=1)
        if reason is None:
            assert result.text == rewrite
        else:
            assert result.text == text
            assert reason in result.decisions[-1].reason

    def test_a_preamble_is_cut_off_a_rewrite(self):
        brief = Brief(topic="Fresh bread", platform="facebook_ad", facts={"price": "€8.25"})
        result = enhance("Are you depressed? €8.25.", brief, ["Sure! Here you go: Fresh bread for €8.25."])
        assert result.text == "Fresh bread for €8.25."

    def test_one_is_refused_for_its_length_however_long_it_is(self):
        result = enhance("A loaf, 9 left.", BRIEF, ["bread " * 10**6], attempts=1)
        assert "it has 5999999 characters" in result.decisions[-1].reason

    def test_one_without_a_word_to_go_by_is_judged_by_the_rest(self):
        result = enhance("🎉 (", None, ["🎉"], ranker=Ranks(0.1), attempts=1)
        assert result.text == "🎉"

    def test_one_that_is_no_better_is_dropped(self):
        brief = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"})
        text = "Are you depressed? €8.25."
        result = enhance(text, brief, ["Are you bankrupt? €8.25.", text])
        assert result.text == text
        assert [decision.rule for decision in result.decisions][-2:] == ["rewrite", "rewrite"]

    def test_nobody_is_asked_where_nobody_could_judge(self):
        generator = ScriptedGenerator([])
        text = "A loaf (or two is €8.25."
        result = asyncio.run(Enhancer(generator).enhance(text, BRIEF))
        assert (result.text, generator.prompts) == (text, [])
        assert "no ranker" in result.decisions[-1].reason

    def test_for_a_warning_the_ranker_decides_and_no_axis_may_be_worse(self):
        text = "A loaf (or two is €8.25."
        assert enhance(text, script=[GOOD, GOOD], ranker=Ranks(0.01)).text == GOOD
        assert enhance(text, script=[GOOD, GOOD], ranker=Ranks(0.0)).text == text
        worse = "A loaf!!! (Or (two) is €8.25."
        assert enhance(text, script=[worse, worse], ranker=Ranks(0.01)).text != worse

    def test_without_a_brief_the_prompts_brief_says_only_what_is_asked_for(self):
        generator = ScriptedGenerator(["Un pan (o dos)."])
        result = asyncio.run(Enhancer(generator, ranker=Ranks(0.1)).enhance("Un pan (o dos.", language="es"))
        assert result.text == "Un pan (o dos)."
        (prompt,) = generator.prompts
        assert (prompt.brief.language, prompt.brief.facts) == ("es", {})
        assert "facts" not in json.loads(prompt.text)

    @pytest.mark.parametrize("wrapped", ["```\n{}\n```", "```text\n{}\n```", "“{}”", "\n {} \n", '"{}"'])
    def test_what_a_model_puts_around_an_answer_is_taken_off(self, wrapped):
        brief = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"})
        assert enhance("Are you depressed? €8.25.", brief, [wrapped.format(GOOD)]).text == GOOD


class TestBounds:
    BRIEF = Brief(topic="Bread", platform="facebook_ad", facts={"price": "€8.25"})
    TEXT = "Are you depressed? €8.25."

    def test_attempts_are_bounded(self):
        for attempts in (0, 1, 3):
            generator = ScriptedGenerator([self.TEXT] * attempts)
            asyncio.run(Enhancer(generator, attempts=attempts).enhance(self.TEXT, self.BRIEF))
            assert len(generator.prompts) == attempts
            assert [prompt.variant for prompt in generator.prompts] == list(range(attempts))

    def test_no_call_is_made_once_the_money_is_spent(self):
        generator = ScriptedGenerator([answer(self.TEXT, 0.02, 0.01), answer(self.TEXT, 0.02, 0.01)])
        enhancer = Enhancer(generator, attempts=9, max_cost_usd=0.05)
        result = asyncio.run(enhancer.enhance(self.TEXT, self.BRIEF))
        assert result.cost_usd == pytest.approx(0.06)
        assert sum(decision.cost_usd for decision in result.decisions) == pytest.approx(0.06)
        assert "spent" in result.decisions[-1].reason

    def test_the_briefs_own_budget_counts(self):
        from dataclasses import replace

        generator = ScriptedGenerator([])
        asyncio.run(Enhancer(generator).enhance(self.TEXT, replace(self.BRIEF, budget=0.0)))
        assert generator.prompts == []

    def test_an_error_is_a_decision_and_what_may_pass_is_tried_again(self):
        error = RateLimitError("too many")
        error.cost_usd = 0.01
        result = enhance(self.TEXT, self.BRIEF, [error, GOOD])
        assert result.text == GOOD
        assert result.cost_usd == pytest.approx(0.01)
        assert any("RateLimitError: too many" in decision.reason for decision in result.decisions)

    def test_what_will_not_pass_is_not_tried_again(self):
        result = enhance(self.TEXT, self.BRIEF, [RefusedError("no")])
        assert result.text == self.TEXT
        assert "RefusedError" in result.decisions[-1].reason

    def test_a_cancelled_call_leaves_nothing_behind(self):
        async def run():
            hold = asyncio.Event()
            generator = ScriptedGenerator([GOOD, GOOD], hold=hold)
            enhancer = Enhancer(generator)
            task = asyncio.ensure_future(enhancer.enhance(self.TEXT, self.BRIEF))
            await asyncio.sleep(0)
            assert generator.in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert generator.in_flight == 0
            hold.set()
            return await enhancer.enhance(self.TEXT, self.BRIEF)

        assert asyncio.run(run()).text == GOOD

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("threshold", {"threshold": 1.1}), ("threshold", {"threshold": float("nan")}),
            ("attempts", {"attempts": -1}), ("attempts", {"attempts": 1.5}),
            ("max_cost_usd", {"max_cost_usd": -1}), ("ranker", {"ranker": 3}), ("generator", {"generator": 3}),
            ("scorer", {"scorer": 3}),
            ("max_cost_usd", {"max_cost_usd": float("nan")}),
        ],
    )  # fmt: skip
    def test_a_setting_that_cannot_be_is_refused_by_name(self, name, settings):
        with pytest.raises(ValueError, match=name):
            Enhancer(**settings)


class TestJudgeAndEditorAreNeverTheSameScore:
    def test_the_scorer_and_what_predicts_for_it_are_no_rankers(self):
        class Both(Ranks):
            def predict(self, post):
                raise NotFittedError("nothing")

        both = Both(1.0)
        scorer = QualityScorer(response=both)
        for judge in (scorer, both):
            with pytest.raises(ValueError, match="another judge"):
                Enhancer(scorer=scorer, ranker=judge)

    def test_a_text_that_only_the_response_likes_better_is_not_taken(self):
        class Likes:
            def predict(self, post):
                from postopt.judgement import Prediction

                p = 0.9 if "love" in post["text"] else 0.1
                return Prediction(
                    median=1,
                    low=0,
                    high=2,
                    p_above_baseline=p,
                    baseline=1,
                    coverage_target=0.9,
                    coverage_recent=0.9,
                    basis="",
                )

        scorer = QualityScorer(response=Likes())
        text, other = "A loaf (or two is €8.25.", "We love a loaf, it is €8.25."
        assert scorer.score(other, BRIEF).axes["response"].value > scorer.score(text, BRIEF).axes["response"].value
        assert enhance(text, script=[other] * 2, scorer=scorer).text == text
        assert enhance(text, script=[other] * 2, scorer=scorer, ranker=Ranks(-1)).text == text
        assert enhance(text, script=[other] * 2, scorer=scorer, ranker=Ranks(0.1)).text == other

    def test_a_text_that_only_the_acceptance_likes_better_is_not_taken(self):
        scorer = QualityScorer()
        for number in range(80):
            text = f"Loaf {number} is here" + (" (yes" if number % 2 else " yes.")
            scorer.record(text, "rejected" if number % 2 else "accepted")
        text, other = "Loaf no is here (yes", "Loaf no is here yes."
        assert scorer.score(other).acceptance > 0.8 > scorer.score(text).acceptance
        result = enhance(text, None, [other] * 2, scorer=scorer, ranker=Ranks(-0.1))
        assert result.text == text
        assert result.decisions[-1].judge == "ranker"
