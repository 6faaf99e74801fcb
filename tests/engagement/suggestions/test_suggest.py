"""What is suggested for a post: only what evidence bears, in the post's own language, with its facts kept."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postopt.engagement.advising.advice import ADVICE
from postopt.engagement.advising.traits import TRAITS
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.engagement.ranker import VariantRanker
from postopt.engagement.suggestions import Suggestion, suggest
from postopt.errors import PostDataError
from postopt.generation.constraints import violations
from postopt.judgement import Axis, Finding, QualityReport
from postopt.quality.readable import DENIED
from postopt.quality.scorer import QualityScorer
from postopt.trace import Trace
from postopt.types import Brief, Post

NEWS = "Great news! Our bakery opens today and you can have the first bread."
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

    def test_where_no_rule_is_safe_the_post_stays_and_the_advice_says_what_to_do(self):
        found = {suggestion.edit: suggestion for suggestion in suggest("Is this the bread that you want to have?")}
        without = found["without_short_question"]
        assert not without.rewritten
        assert without.text == "Is this the bread that you want to have?"
        assert without.advice == "Ask no questions; state things."

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
        for suggestion in suggest(text, limit=50):
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
        shown = suggest(text, limit=50)
        for suggestion in shown:
            assert isinstance(suggestion, Suggestion)
            assert not suggestion.evidence.matches(text)
            assert suggestion.evidence.stands
            assert suggestion.interval.low > 0
            assert suggestion.evidence.trait not in DENIED
            assert suggestion.rewritten == (suggestion.text != text)
            assert suggestion.rewritten <= suggestion.evidence.matches(suggestion.text)
        lows = [suggestion.interval.low for suggestion in shown]
        assert lows == sorted(lows, reverse=True)

    def test_of_edits_on_one_thing_the_surest_is_shown(self):
        shown = suggest("Is the bread here?", limit=50)
        about = [ADVICE[suggestion.evidence.trait].group or suggestion.evidence.trait for suggestion in shown]
        assert len(about) == len(set(about))
        assert {"question", "length", "person", "pointing"} <= set(about)
        standing = [r for r in EvidenceCatalogue.default().standing("en") if ADVICE.get(r.trait)]
        surest = next(r for r in standing if ADVICE[r.trait].group == "length" and not r.matches("Is the bread here?"))
        assert surest.edit in {suggestion.edit for suggestion in shown}

    def test_no_more_than_asked_for_and_the_surest_of_them(self):
        assert suggest(NEWS, limit=2) == suggest(NEWS, limit=50)[:2]

    def test_it_explains_itself(self):
        said = str(suggest(NEWS)[0])
        assert "Upworthy" in said
        assert "odds of a click" in said

    def test_it_does_the_same_each_time(self):
        assert suggest(NEWS) == suggest(NEWS)


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
        text = "Is the bread here?"
        assert edits_of(text, catalogue=EvidenceCatalogue([known()], spread=0.05)) == ["without_question"]
        assert suggest(text, catalogue=EvidenceCatalogue([known(**changes)], spread=0.05)) == []

    @pytest.mark.parametrize("trait", sorted(set(TRAITS) - set(ADVICE)))
    @pytest.mark.parametrize("log_odds", [0.5, -0.5])
    def test_what_nobody_has_words_for_is_not_shown_however_much_it_earns(self, known, trait, log_odds):
        catalogue = EvidenceCatalogue([known(trait, log_odds)], spread=0.05)
        assert suggest(NEWS, catalogue=catalogue) == []
        assert suggest("A dangerous man and the best woman in the town", catalogue=catalogue) == []

    def test_what_is_denied_has_no_words(self):
        assert not DENIED & set(ADVICE)
        assert not {"man", "woman", "child"} & set(ADVICE)
        assert not ADVICE["superlative"].use


class TestHostsEvidence:
    def test_spanish_evidence_is_told_to_spanish_posts_in_spanish(self, known):
        catalogue = EvidenceCatalogue([known("exclamation", language="es"), known("question")], spread=0.05)
        (one,) = suggest("¡Mira! La panadería de la esquina abre hoy.", catalogue=catalogue)
        assert one.text == "Mira. La panadería de la esquina abre hoy."
        assert one.advice == "No uses signos de exclamación."

    def test_associations_are_labelled_and_come_last(self, known):
        association = known("emoji", 0.9, kind="association", outcome="engagement")
        shown = suggest(NEWS, catalogue=EvidenceCatalogue.default().including([association]), limit=50)
        assert [s.evidence.kind for s in shown][-1] == "association"
        assert {s.evidence.kind for s in shown[:-1]} == {"randomised"}
        assert "nothing of causes" in shown[-1].explain()

    def test_an_association_on_what_an_experiment_spoke_of_is_not_shown_beside_it(self, known):
        association = known("ends_with_question", -0.9, kind="association", outcome="engagement")
        catalogue = EvidenceCatalogue([known(), association], spread=0.05)
        assert edits_of("Is the bread here?", catalogue=catalogue) == ["without_question"]

    def test_clicks_and_reactions_are_shown_each_with_its_outcome(self, known):
        catalogue = EvidenceCatalogue([known(), known(outcome="reactions")], spread=0.05)
        shown = suggest("Is the bread here?", catalogue=catalogue)
        assert {s.evidence.outcome for s in shown} == {"clicks", "reactions"}

    def test_capitals_go_where_a_host_found_that_they_harm(self, known):
        (one,) = suggest("It is FREE for all of you", catalogue=EvidenceCatalogue([known("emphasis")], spread=0.05))
        assert one.text == "It is free for all of you"

    def test_numbers_and_pointing_are_written(self, known):
        catalogue = EvidenceCatalogue([known("digits", 0.1), known("deixis", 0.1)], spread=0.05)
        texts = {
            s.edit: s.text
            for s in suggest("A baker has five reasons to be here.".replace("here", "in"), catalogue=catalogue)
        }
        assert texts == {
            "digits": "A baker has 5 reasons to be in.",
            "deixis": "This baker has five reasons to be in.",
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
        post = post_of("The bread of the day is at Wow!", facts={"name": "Wow!"})
        found = {s.edit: s for s in suggest(post, limit=50)}
        assert not found["without_exclamation"].rewritten

    def test_a_rewrite_that_would_hold_a_forbidden_word_is_not_made(self, known):
        catalogue = EvidenceCatalogue([known("deixis", 0.1)], spread=0.05)
        free, bound = (post_of("A baker bakes the bread.", forbidden=words) for words in ((), ("this baker",)))
        assert suggest(free, catalogue=catalogue)[0].rewritten
        assert not suggest(bound, catalogue=catalogue)[0].rewritten

    def test_what_there_is_no_room_for_is_not_asked_for(self):
        assert "at_least_70_characters" in edits_of(post_of("The bread is here.", max_length=70), limit=50)
        short = edits_of(post_of("The bread is here.", max_length=40), limit=50)
        assert not any("characters" in edit for edit in short)

    def test_a_shorter_text_is_asked_for_whatever_the_room(self, known):
        catalogue = EvidenceCatalogue([known("at_most_6_words", 0.1)], spread=0.05)
        post = post_of("The bread of the day is in the house now.", max_length=60)
        assert edits_of(post, catalogue=catalogue) == ["at_most_6_words"]


@dataclass(frozen=True)
class Compared:
    p: float
    abstains: bool = False


class PlainRanker:
    def __init__(self, p, *, abstains=False):
        self.compared = []
        self._answer = Compared(p, abstains)

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
        assert found["man_woman_he_she"].p is None

    def test_what_it_says_is_worse_is_not_shown_unless_it_abstains(self):
        assert "without_exclamation" not in edits_of(NEWS, ranker=PlainRanker(0.3))
        assert "without_exclamation" in edits_of(NEWS, ranker=PlainRanker(0.3, abstains=True))

    def test_the_librarys_own_ranker_will_do(self):
        groups = [
            [(f"What {noun} did next!", 4000, 80), (f"What {noun} did next.", 4000, 160)]
            for noun in (f"{colour} {animal}s" for colour in "red blue green grey pink".split()
                         for animal in "cat dog hen fox cow pig owl elk bee ant".split())
        ]  # fmt: skip
        found = {s.edit: s for s in suggest(NEWS, ranker=VariantRanker().fit(groups))}
        assert found["without_exclamation"].p > 0.5
        assert found["man_woman_he_she"].p is None

    def test_a_text_that_a_scorer_forbids_is_not_written(self):
        found = {s.edit: s for s in suggest(NEWS, scorer=StrictScorer())}
        assert not found["without_exclamation"].rewritten
        assert found["without_exclamation"].text == NEWS

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
