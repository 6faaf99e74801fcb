import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.templates.clause import parse


def test_slots_forms_and_literals_are_told_apart():
    clause = parse("<Mira|Mire|Mirad|Miren> [el dato|los datos] {de audience}: {topic}.")
    assert clause.slots == {"de audience", "topic"}
    assert clause.addressed
    data = {"de audience": "del público", "topic": "Rebajas"}
    assert clause.render(data, 0, many=False) == "Mira el dato del público: Rebajas."
    assert clause.render(data, 3, many=True) == "Miren los datos del público: Rebajas."


@pytest.mark.parametrize(
    "source",
    ["{price}", "{topic", "a } b", "<a|b>", "[one]", "[a|b|c]", "", "  ", "two\nlines", "{a topics}", "<a|b|c|d"],
)
def test_a_malformed_clause_is_refused(source):
    with pytest.raises(ValueError, match=r"slot|clause|forms"):
        parse(source)


@pytest.mark.parametrize(
    ("topic", "shown"),
    [
        ("We are open", "News: We are open."),
        ("We are open.", "News: We are open."),
        ("Are we open?", "News: Are we open?"),
        ("Open…", "News: Open…"),
        ("Open 🌋", "News: Open 🌋"),
        ('The "secret" list', 'News: The "secret" list.'),
        ("Come (or call.)", "News: Come (or call.)"),
    ],
)
def test_a_sentence_ends_once(topic, shown):
    assert parse("News: {topic}.").render({"topic": topic}, None, many=False) == shown


@pytest.mark.parametrize(
    ("source", "cta", "fits"),
    [
        ("{cta}, please.", "Come in", True),
        ("{cta}, please.", "Come in!", False),
        ("{cta}: now.", "Come in.", False),
        ("{cta} — {brand}", "Come in!", False),
        ("So: {cta}.", "Come in!", True),
    ],
)
def test_a_clause_does_not_go_on_after_a_sentence_has_ended(source, cta, fits):
    assert parse(source).fits({"cta": cta}) is fits


@given(st.text(min_size=1))
def test_data_is_never_read_for_marks(topic):
    rendered = parse("{topic} and {brand}").render({"topic": topic, "brand": "<a|b|c|d>{topic}"}, 0, many=False)
    assert rendered == f"{topic} and <a|b|c|d>{{topic}}"


def test_its_own_words_are_described_without_the_data():
    clause = parse("Details 👋 and more details! {topic}")
    assert clause.own.stems == {"detai"}
    assert (clause.own.emoji, clause.own.exclamations) == (1, 1)
