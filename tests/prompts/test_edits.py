"""Confirmed patterns become sentences, and nothing else does."""

import asyncio

import pytest

from postopt.prompts.checks import Checks
from postopt.prompts.edits import Edits
from postopt.prompts.lineage import Version
from postopt.prompts.template import MAX_INSTRUCTIONS, PromptTemplate
from postopt.quality.instructions import INSTRUCTIONS, MAX_INSTRUCTION, Instruction
from postopt.quality.readable import DENIED, FEATURES


@pytest.fixture
def edits(sentences):
    def edits(*patterns, instructions=(), language="en", limit=10, **settings):
        present = Version(template=PromptTemplate("{brief}", "s", tuple(instructions), language))
        found = Edits(instructions=sentences, **settings).edits(present, patterns, limit)
        assert all(one.parents == (present.version,) and one.proposer == "edits" for one in found)
        assert all((one.template.text, one.template.system) == ("{brief}", "s") for one in found)
        return found

    return edits


def lines(versions):
    return [version.template.instructions for version in versions]


class TestWhatIsWritten:
    def test_a_lift_asks_for_it_and_a_loss_to_avoid_it(self, edits, pattern):
        assert lines(edits(pattern("question"))) == [("Ask a question.",)]
        assert lines(edits(pattern("question", -0.1, (-0.15, -0.05)))) == [("Ask no question.",)]

    def test_in_the_language_of_the_template(self, edits, pattern):
        assert lines(edits(pattern("question"), language="es")) == [("Pregunta algo.",)]
        assert edits(pattern("digit"), language="es") == ()

    @pytest.mark.parametrize("status", ["proposed", "retired"])
    def test_nothing_of_what_is_not_confirmed(self, edits, pattern, status):
        assert edits(pattern("question", status=status)) == ()

    def test_nothing_where_the_interval_holds_zero(self, edits, pattern):
        assert edits(pattern("question", 0.1, (-0.01, 0.2)), pattern("digit", 0.1, (0.0, 0.2))) == ()

    def test_nothing_that_has_no_sentence(self, edits, pattern):
        assert edits(pattern("fear"), pattern("digit", -0.1, (-0.2, -0.05))) == ()

    def test_the_evidence_and_the_edit_are_kept(self, edits, pattern):
        [version] = edits(pattern("question", 0.2, (0.1, 0.3), n=77))
        assert version.edit == "added: Ask a question."
        assert [seen.words() for seen in version.evidence] == ["question: +20.0% [+10.0%, +30.0%], n = 77"]

    def test_numbers_that_are_none_are_refused(self, edits, pattern):
        with pytest.raises(ValueError, match="question"):
            edits(pattern("question", float("nan")))


class TestCombining:
    def test_the_surest_together_and_then_each_alone(self, edits, pattern):
        patterns = [pattern(name, 0.2, (low, 0.3)) for name, low in
                    [("we", 0.01), ("question", 0.03), ("digit", 0.04), ("you", 0.02)]]  # fmt: skip
        asks, begins, you = "Ask a question.", "Begin with the number.", "Say you."
        assert lines(edits(*patterns)) == [(begins, asks, you), (begins,), (asks,), (you,)]
        assert lines(edits(*patterns, together=1)) == [(begins,)]
        assert len(edits(*patterns, limit=2)) == 2

    def test_one_sentence_on_one_thing(self, edits, pattern):
        long = pattern("long", 0.1, (0.04, 0.2))
        for short in (pattern("short", 0.1, (0.06, 0.2)), pattern("short", 0.1, (0.02, 0.2))):
            [only] = edits(long, short)
            assert len(only.template.instructions) == 1

    def test_a_surer_one_takes_the_place_of_an_older_one_on_the_same_thing(self, edits, pattern):
        [only] = edits(pattern("short"), instructions=["Write long sentences.", "Be kind."])
        assert only.template.instructions == ("Be kind.", "Write short sentences.")
        assert only.edit == "added: Write short sentences. taken out: Write long sentences."

    def test_what_is_there_is_not_added_again(self, edits, pattern):
        assert edits(pattern("question"), instructions=["Ask a question."]) == ()

    def test_there_is_never_too_much(self, edits, pattern):
        full = [f"Line {place}." for place in range(MAX_INSTRUCTIONS)]
        [only] = edits(pattern("question"), instructions=full)
        assert only.template.instructions == (*full[1:], "Ask a question.")


class TestTakingOut:
    def test_a_retired_one(self, edits, pattern):
        [only] = edits(pattern("question", status="retired"), instructions=["Ask a question.", "Be kind."])
        assert only.template.instructions == ("Be kind.",)
        assert only.edit == "taken out: Ask a question."

    def test_one_that_turned(self, edits, pattern):
        turned = pattern("question", -0.1, (-0.2, -0.05))
        assert lines(edits(turned, instructions=["Ask a question."])) == [(), ("Ask no question.",)]

    def test_not_one_that_nobody_knows_anything_of(self, edits, pattern):
        assert edits(pattern("question", status="proposed"), instructions=["Ask a question.", "Say we."]) == ()


def test_is_a_proposer_too(sentences, pattern):
    present = Version(template=PromptTemplate("{brief}"))
    edits = Edits(instructions=sentences)
    assert asyncio.run(edits.propose(present, [pattern("we")], 3)) == edits.edits(present, [pattern("we")], 3)
    with pytest.raises(ValueError, match="together"):
        Edits(together=0)


class TestInstructions:
    def test_every_built_in_one_is_fit_to_be_used(self):
        every = [line for one in INSTRUCTIONS.values() for line in (*one.use.values(), *one.avoid.values())]
        assert len(every) == len(set(every)) > 0
        assert INSTRUCTIONS.keys() <= {feature.name for feature in FEATURES} - DENIED
        for one in INSTRUCTIONS.values():
            assert one.use or one.avoid
            for sentences in (one.use, one.avoid):
                assert set(sentences) in (set(), {"en", "es"})

    def test_every_built_in_one_passes_the_checks(self):
        base = PromptTemplate("{brief}")
        for one in INSTRUCTIONS.values():
            for line in (*one.use.values(), *one.avoid.values()):
                assert Checks()(PromptTemplate("{brief}", instructions=(line,)), base) == ()

    @pytest.mark.parametrize("line", [" ", "x" * (MAX_INSTRUCTION + 1), "a\nb"])
    def test_a_sentence_that_is_none_is_refused(self, line):
        with pytest.raises(ValueError, match="sentence"):
            Instruction(use={"en": line})

    def test_a_language_that_no_template_has_is_refused(self):
        with pytest.raises(ValueError, match="language"):
            Instruction(avoid={"fr": "Non."})
