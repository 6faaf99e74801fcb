"""What is suggested for a post: only what evidence bears, in the post's own language, with its facts kept."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.advising.advice import ADVICE
from postopt.engagement.advising.traits import TRAITS
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.engagement.ranker import VariantRanker
from postopt.engagement.suggestions import MOST_ADVICE, Suggestion, suggest
from postopt.errors import PostDataError
from postopt.generation.constraints import violations
from postopt.judgement import Axis, Finding, QualityReport
from postopt.quality.readable import DENIED
from postopt.quality.scorer import QualityScorer
from postopt.stats.interval import Interval
from postopt.trace import Trace
from postopt.types import Brief, Post

NEWS = "Great news! Our bakery opens today and you can have the first bread."
ASKED = "Is this the bread that you want to have?"
SPANISH = "¡Mira! La panadería de la esquina abre hoy, ¿vienes?"


def post_of(text, **brief):
    brief = Brief(topic="bread", **brief)
    return Post(
        id="1", text=text, brief=brief, generator="test", seed=None, index=0, trace=Trace(tier="template", model="m")
    )


def edits_of(post, **arguments):
    return [suggestion.edit for suggestion in suggest(post, **arguments)]


class TestWhatIsSuggested:
    def test_an_exclamation_mark_goes(self):
        found = {suggestion.edit: suggestion for suggestion in suggest(NEWS)}
        without = found["without_exclamation"]
        assert without.text == NEWS.replace("!", ".")
        assert without.rewritten
        assert without.lift > 0
        assert without.interval.low > 0
        assert without.evidence.matches(without.text)

    @pytest.mark.parametrize("text", [ASKED, "The bread is here.", "So sweet, Lea Michele.", "What.", "It is free"])
    def test_where_no_rule_is_safe_nothing_is(self, text):
        assert suggest({"text": text, "language": "en"}) == []

    @pytest.mark.parametrize(
        "text",
        [
            "Panic! At The Disco are back this summer.", "A minute's silence will be held in Belgium today.",
            "A Columbus, Ohio police officer has died", "An hour a day is enough to learn the piano",
            "A big thank you to all of the people who came", "A Christmas Carol comes to our stage in May",
            "Happy Birthday to the best of them all!", '"It is open now!" she said to all of us',
        ],
    )  # fmt: skip
    def test_nor_where_an_edit_would_change_what_is_said(self, text):
        assert suggest({"text": text, "language": "en"}) == []

    def test_a_long_text_is_not_like_those_of_the_tests(self):
        assert suggest(NEWS + " It is here." * 16)
        assert suggest(NEWS + " It is here." * 18) == []

    @pytest.mark.parametrize(
        "text",
        [
            NEWS,
            "The bread is here.",
            "Do you want bread? It is here!",
            "He said that this is what the bread of the day looks like, and she thinks it is the best one of the town.",
        ],
    )
    def test_folk_advice_is_never_given(self, text):
        for suggestion in suggest(text, advice=True, limit=50):
            evidence = suggestion.evidence
            assert not (evidence.matches("Is it so?") and not evidence.matches("It is so."))
            assert not (evidence.matches("It is so!") and not evidence.matches("It is so."))
            assert not evidence.matches("So it is.") or evidence.matches("So it is with the bread " * 10)
            assert suggestion.text.count("?") <= text.count("?")
            assert suggestion.text.count("!") <= text.count("!")

    @settings(max_examples=60)
    @given(st.lists(st.sampled_from("the bread is here! ? this she 5 of FREE «a» https://x.org/?q you\n".split(" "))))
    def test_each_suggestion_lacks_in_the_post_and_excludes_no_effect(self, words):
        text = " ".join(words)
        shown = suggest(text, advice=True, limit=50)
        assert suggest(text, limit=50) == [suggestion for suggestion in shown if suggestion.rewritten]
        for suggestion in shown:
            assert isinstance(suggestion, Suggestion)
            assert not suggestion.evidence.matches(text)
            assert suggestion.evidence.stands
            assert suggestion.interval.low > 0
            assert suggestion.evidence.trait not in DENIED
            assert suggestion.rewritten == (suggestion.text != text)
            assert suggestion.rewritten <= suggestion.evidence.matches(suggestion.text)
        order = [(not suggestion.rewritten, -suggestion.interval.low) for suggestion in shown]
        assert order == sorted(order)

    def test_no_more_than_asked_for_and_the_surest_of_them(self):
        assert suggest(NEWS, advice=True, limit=2) == suggest(NEWS, advice=True, limit=50)[:2]

    def test_it_says_what_it_is_ordered_by_and_rests_on(self):
        one = suggest(NEWS)[0]
        assert str(one).startswith(f"At least {100 * one.interval.low:+.1f} % ")
        assert "Upworthy" in str(one)
        assert "odds of a click" in str(one)

    def test_it_does_the_same_each_time(self):
        assert suggest(NEWS) == suggest(NEWS)


class TestAdvice:
    def test_is_given_only_if_asked_for_and_leaves_the_post_as_it_is(self):
        first = suggest(ASKED, advice=True)[0]
        assert (first.edit, first.rewritten, first.text) == ("without_short_question", False, ASKED)
        assert first.advice == "Ask no questions; state things."

    def test_is_little_and_on_one_thing_each(self):
        for text in (ASKED, NEWS, "They said that it was the best bread of all"):
            advice = [suggestion for suggestion in suggest(text, advice=True, limit=50) if not suggestion.rewritten]
            assert 1 <= len(advice) <= MOST_ADVICE
            about = [ADVICE[suggestion.evidence.trait].group or suggestion.evidence.trait for suggestion in advice]
            assert len(about) == len(set(about))

    def test_of_edits_on_one_thing_the_surest_is_shown(self):
        text = "It is so good that it is here"
        standing = [r for r in EvidenceCatalogue.default().standing("en") if ADVICE.get(r.trait)]
        surest = next(r for r in standing if ADVICE[r.trait].group == "length" and not r.matches(text))
        assert surest.edit in edits_of(text, advice=True)

    @pytest.mark.parametrize("text", ["Is the bread here?", ASKED + "\nIs it?", ASKED + " It is" * 10])
    def test_is_only_for_texts_like_those_of_the_tests(self, text):
        assert suggest(text, advice=True) == []

    def test_speaks_of_somebody_only_where_the_post_does(self):
        assert "man_woman_he_she" in edits_of("They said that it was the best bread of all", advice=True)
        assert "man_woman_he_she" not in edits_of("It was said that it was the best bread of all", advice=True)

    def test_follows_what_is_rewritten(self):
        shown = suggest(NEWS, advice=True)
        assert [suggestion.rewritten for suggestion in shown] == sorted(
            (suggestion.rewritten for suggestion in shown), reverse=True
        )
        assert shown[0].edit == "without_exclamation"
        assert len(shown) > 1

    def test_is_not_a_way_round_a_ranker(self):
        assert "without_exclamation" not in edits_of(NEWS, advice=True, ranker=PlainRanker(0.3))

    @pytest.mark.parametrize("advice", [1, None, "yes"])
    def test_is_asked_for_or_not(self, advice):
        with pytest.raises(ValueError, match="advice is"):
            suggest(NEWS, advice=advice)


class TestAbstaining:
    @pytest.mark.parametrize("text", ["", " \n", "🎉🎉", "日本語のテキスト", "\x00", "\ud800", "12 34", "?!", "\u202e"])
    def test_what_says_nothing_in_a_known_language_gets_nothing(self, text):
        assert suggest(text) == []

    def test_one_english_word_among_ten_makes_no_english_text(self):
        assert suggest("Semua orang suka roti on jalan raya itu dan pasar baru!") == []
        assert suggest({"text": "Semua orang suka roti on jalan raya itu dan pasar baru!", "language": "id"}) == []

    def test_ten_million_characters_get_nothing(self):
        assert suggest("the bread is here! " * 500_000) == []

    @pytest.mark.parametrize("language", ["es", "es-MX", "fr", "xx", "ES"])
    def test_what_was_measured_in_english_is_not_told_to_others(self, language):
        assert suggest({"text": NEWS, "language": language}) == []
        assert suggest(SPANISH) == []

    @pytest.mark.parametrize("language", ["en", "en-GB", "EN_us"])
    def test_english_is_english(self, language):
        assert suggest({"text": NEWS, "language": language}) == suggest(NEWS)

    def test_an_empty_catalogue_suggests_nothing(self):
        assert suggest(NEWS, catalogue=EvidenceCatalogue([], spread=0.05)) == []

    @pytest.mark.parametrize("changes", [{"found": False}, {"confirmed": None}, {"confirmed": False}, {"error": 0.06}])
    def test_what_does_not_stand_is_not_shown(self, known, changes):
        for text, advice in ((ASKED, True), ("I wonder whether it is here?", False)):
            stands, not_so = (EvidenceCatalogue([known(**more)], spread=0.05) for more in ({}, changes))
            assert edits_of(text, catalogue=stands, advice=advice) == ["without_question"]
            assert suggest(text, catalogue=not_so, advice=advice) == []

    @pytest.mark.parametrize("trait", sorted(set(TRAITS) - set(ADVICE)))
    @pytest.mark.parametrize("log_odds", [0.5, -0.5])
    def test_what_nobody_has_words_for_is_not_shown_however_much_it_earns(self, known, trait, log_odds):
        catalogue = EvidenceCatalogue([known(trait, log_odds)], spread=0.05)
        assert suggest(NEWS, catalogue=catalogue, advice=True) == []
        assert suggest("A dangerous man and the best woman in the town", catalogue=catalogue, advice=True) == []

    def test_what_is_denied_has_no_words(self):
        assert not DENIED & set(ADVICE)
        assert not {"man", "woman", "child"} & set(ADVICE)
        assert not ADVICE["superlative"].use


class TestHostsEvidence:
    def test_spanish_evidence_is_told_to_spanish_posts_in_spanish(self, known):
        catalogue = EvidenceCatalogue([known("exclamation", language="es"), known("question")], spread=0.05)
        (one,) = suggest("¡Mira el video! La panadería de la esquina abre hoy.", catalogue=catalogue)
        assert one.text == "Mira el video. La panadería de la esquina abre hoy."
        assert one.advice == "No uses signos de exclamación."

    def test_associations_are_labelled_and_come_last(self, known):
        association = known("emoji", 0.9, kind="association", outcome="engagement")
        catalogue = EvidenceCatalogue([known("exclamation"), association], spread=0.05)
        shown = suggest(NEWS, catalogue=catalogue, advice=True)
        assert [s.evidence.kind for s in shown][-1] == "association"
        assert {s.evidence.kind for s in shown[:-1]} == {"randomised"}
        assert "nothing of causes" in shown[-1].explain()

    def test_an_association_on_what_an_experiment_spoke_of_is_not_shown_beside_it(self, known):
        association = known("ends_with_question", -0.9, kind="association", outcome="engagement")
        catalogue = EvidenceCatalogue([known(), association], spread=0.05)
        assert edits_of(ASKED, catalogue=catalogue, advice=True) == ["without_question"]

    def test_clicks_and_reactions_are_shown_each_with_its_outcome(self, known):
        catalogue = EvidenceCatalogue([known(), known(outcome="reactions")], spread=0.05)
        shown = suggest("I wonder whether it is here?", catalogue=catalogue)
        assert {s.evidence.outcome for s in shown} == {"clicks", "reactions"}

    def test_capitals_go_where_a_host_found_that_they_harm(self, known):
        (one,) = suggest("It is FREE for all of you", catalogue=EvidenceCatalogue([known("emphasis")], spread=0.05))
        assert one.text == "It is free for all of you"

    def test_numbers_and_pointing_are_written(self, known):
        catalogue = EvidenceCatalogue([known("digits", 0.1), known("deixis", 0.1)], spread=0.05)
        texts = {s.edit: s.text for s in suggest("A video shows five reasons to be in.", catalogue=catalogue)}
        assert texts == {
            "digits": "A video shows 5 reasons to be in.",
            "deixis": "This video shows five reasons to be in.",
        }


class TestBrief:
    def test_a_post_and_a_mapping_with_the_same_brief_get_the_same(self):
        post = post_of(NEWS)
        assert suggest(post) == suggest({"text": NEWS, "brief": post.brief})

    def test_facts_stay(self):
        post = post_of(
            "Come to Wow! The bread of the day is here! It costs 5 euros!", facts={"name": "Wow!", "price": "5 euros"}
        )
        for suggestion in suggest(post, limit=50):
            assert violations(suggestion.text, post.brief) == ()

    def test_a_fact_with_the_mark_keeps_it_and_nothing_is_written(self):
        text = "The bread of the day is there!"
        assert edits_of(post_of(text)) == ["without_exclamation"]
        assert suggest(post_of(text, facts={"what": "day is there!"})) == []

    def test_a_rewrite_that_would_hold_a_forbidden_word_is_not_made(self, known):
        catalogue = EvidenceCatalogue([known("deixis", 0.1)], spread=0.05)
        free, bound = (post_of("A video shows the bread.", forbidden=words) for words in ((), ("this video",)))
        assert suggest(free, catalogue=catalogue)[0].text == "This video shows the bread."
        assert suggest(bound, catalogue=catalogue) == []

    def test_what_there_is_no_room_for_is_not_asked_for(self):
        text = "The bread of the day is here."
        assert "at_least_70_characters" in edits_of(post_of(text, max_length=70), advice=True)
        assert "at_least_70_characters" in edits_of(post_of(text, max_length=10**5), advice=True)
        short = edits_of(post_of(text, max_length=40), advice=True)
        assert short
        assert not any("characters" in edit for edit in short)

    def test_a_shorter_text_is_asked_for_whatever_the_room(self, known):
        catalogue = EvidenceCatalogue([known("at_most_6_words", 0.1)], spread=0.05)
        post = post_of("The bread of the day is in the house now.", max_length=60)
        assert edits_of(post, catalogue=catalogue, advice=True) == ["at_most_6_words"]


@dataclass(frozen=True)
class Compared:
    p: float
    interval: Interval
    abstains: bool = False


class PlainRanker:
    def __init__(self, p, *, abstains=False, interval=(-0.5, 0.5)):
        self.compared = []
        self._answer = Compared(p, Interval(*interval, 0.8, 100.0), abstains)

    def compare(self, a, b, /):
        self.compared.append((a, b))
        return self._answer


class StrictScorer:
    """Says that a text must have an exclamation mark."""

    def score(self, text, brief=None, /):
        broken = () if "!" in text else (Finding(rule="host.mark", axis="policy", message="no mark", hard=True),)
        return QualityReport(axes={"policy": Axis(name="policy", value=1.0, findings=broken)})


class TestJudges:
    def test_a_ranker_compares_the_rewritten_text_with_the_post(self):
        ranker = PlainRanker(0.7)
        found = {s.edit: s for s in suggest(NEWS, ranker=ranker)}
        assert found["without_exclamation"].p == 0.7
        assert ranker.compared == [(NEWS, NEWS.replace("!", "."))]

    def test_what_it_knows_sharpens_what_is_predicted(self):
        alone = suggest(NEWS)[0]
        vague, sure, doubting = (
            suggest(NEWS, ranker=PlainRanker(0.7, interval=interval))[0]
            for interval in ((-9.0, 9.0), (0.18, 0.22), (-0.1, 0.15))
        )
        assert vague.lift == pytest.approx(alone.lift, rel=0.01)
        assert vague.interval[:2] == pytest.approx(alone.interval[:2], rel=0.01)
        assert alone.lift < sure.lift < math.expm1(0.2)
        assert sure.interval.high - sure.interval.low < alone.interval.high - alone.interval.low
        assert 0 < doubting.interval.low < doubting.lift < alone.lift
        assert sure.evidence == alone.evidence

    @pytest.mark.parametrize("interval", [(-0.05, 0.02), (0.0, 0.0), (-1.0, -0.9), (math.nan, 1.0)])
    def test_where_both_together_do_not_exclude_0_nothing_is_shown(self, interval):
        assert suggest(NEWS, ranker=PlainRanker(0.5, abstains=True, interval=interval)) == []

    def test_what_it_knows_of_tests_is_not_mixed_with_an_association(self, known):
        association = known("exclamation", -0.3, kind="association", outcome="engagement")
        catalogue = EvidenceCatalogue([association], spread=0.05)
        (one,) = suggest(NEWS, catalogue=catalogue, ranker=PlainRanker(0.7, interval=(0.1, 0.2)))
        assert (one.p, one.lift, one.interval) == (0.7, one.evidence.lift, one.evidence.interval)

    def test_what_it_says_is_worse_is_not_shown_unless_it_abstains(self):
        assert "without_exclamation" not in edits_of(NEWS, ranker=PlainRanker(0.3))
        assert "without_exclamation" in edits_of(NEWS, ranker=PlainRanker(0.3, abstains=True))

    def test_the_librarys_own_ranker_will_do(self):
        groups = [
            [(f"What {noun} did next!", 4000, 80), (f"What {noun} did next.", 4000, 160)]
            for noun in (f"{colour} {animal}s" for colour in "red blue green grey pink".split()
                         for animal in "cat dog hen fox cow pig owl elk bee ant".split())
        ]  # fmt: skip
        (one, *advice) = suggest(NEWS, ranker=VariantRanker().fit(groups), advice=True)
        assert one.edit == "without_exclamation"
        assert one.p > 0.5
        assert one.lift > one.evidence.lift
        assert {other.p for other in advice} == {None}

    def test_a_text_that_a_scorer_forbids_is_not_written(self):
        assert suggest(NEWS, scorer=StrictScorer()) == []
        assert {s.text for s in suggest(NEWS, scorer=StrictScorer(), advice=True)} == {NEWS}

    def test_the_librarys_own_scorer_will_do(self):
        assert suggest(NEWS, scorer=QualityScorer())[0].evidence.kind == "randomised"


class TestRefusing:
    @pytest.mark.parametrize(
        "post",
        [
            None, 1, b"text", [NEWS], {}, {"text": None}, {"text": 5}, {"text": NEWS, "language": 5},
            {"text": NEWS, "brief": {"topic": "bread"}}, {"id": "1"},
        ],
    )  # fmt: skip
    def test_what_is_no_post_is_refused(self, post):
        with pytest.raises(PostDataError):
            suggest(post)

    @pytest.mark.parametrize("limit", [0, -1, 2.5, None, True])
    def test_a_limit_that_cannot_be_is_refused(self, limit):
        with pytest.raises(ValueError, match="limit"):
            suggest(NEWS, limit=limit)

    @pytest.mark.parametrize("catalogue", ["catalogue.json", [], 5])
    def test_what_is_no_catalogue_is_refused(self, catalogue):
        with pytest.raises(ValueError, match="catalogue"):
            suggest(NEWS, catalogue=catalogue)

    @pytest.mark.parametrize("judge", [5, "ranker", [], PlainRanker])
    def test_a_judge_that_cannot_judge_is_refused(self, judge):
        with pytest.raises(ValueError, match="scorer"):
            suggest(NEWS, scorer=judge)
        if judge is not PlainRanker:
            with pytest.raises(ValueError, match="ranker"):
                suggest(NEWS, ranker=judge)

    @settings(max_examples=100)
    @given(st.text())
    def test_no_text_breaks_it(self, text):
        assert isinstance(suggest(text), list)
