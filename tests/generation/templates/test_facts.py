import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.templates import facts as factual
from postopt.generation.templates.words import capitalise

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(str.strip)


@pytest.mark.parametrize(
    ("label", "value", "kind"),
    [
        ("docs", "https://example.com/a?b=1&c", "link"),
        ("apply", "naps@example.com", "email"),
        ("hotline", "1-800-555-0177", "phone"),
        ("teléfono", "900 000 205", "phone"),
        ("batch", "1-800-555-0177", "other"),
        ("price", "€59", "money"),
        ("cuota", "S/ 0", "money"),
        ("cash", "87p of every £1", "money"),
        ("discount", "30%", "percent"),
        ("pérdida", "5 %", "percent"),
        ("ends", "Sunday 31 May at 23:59", "time"),
        ("hours", "9 am to 1 pm", "time"),
        ("horario", "de 16 a 20 h", "time"),
        ("offer ends", "30/11/2026", "time"),
        ("where", "the old Fire Station", "place"),
        ("dirección", "Callejón del Nopal 31", "place"),
        ("dose", "18.0 g", "other"),
        ("version", "2.9.1", "other"),
    ],
)
def test_kinds(label, value, kind):
    assert factual.kind_of(label, value) == kind


@given(st.dictionaries(texts, texts, min_size=1, max_size=4), st.sampled_from(["en", "es"]))
def test_every_layout_shows_every_value_and_label_verbatim(items, language):
    facts = factual.facts_of(items)
    for layout in factual.layouts(facts, language, icons=True):
        shown = layout.render(facts)
        for fact in facts:
            assert fact.value in shown
            assert fact.label in shown or capitalise(fact.label) in shown


def test_orders_start_with_the_given_one_and_never_repeat():
    facts = factual.facts_of({"a": "1", "b": "2", "c": "3"})
    orders = factual.orders(facts)
    assert orders[0] == facts
    assert len(set(orders)) == len(orders) == 6


def test_equal_facts_make_no_second_order():
    assert len(factual.orders(factual.facts_of({"a_b": "1", "a b": "1"}))) == 1


def test_orders_are_bounded():
    assert len(factual.orders(factual.facts_of({str(i): str(i) for i in range(12)}))) == factual.MAX_ORDERS


def test_spanish_sentences_agree():
    items = {"precio": "19 €", "tarifas": "$U 30", "horario": "de 16 a 20 h", "fechas": "del 2 al 27"}
    facts = factual.facts_of(items)
    last = factual.layouts(facts, "es", icons=False)[-1].render(facts)
    assert (
        last
        == "El precio es de 19 €. Las tarifas son de $U 30. El horario es de 16 a 20 h. Las fechas son del 2 al 27."
    )


@pytest.mark.parametrize(
    "items",
    [
        {"día": "sábado 18 de abril"},
        {"sede": "Hospital Rivadavia"},
        {"tarifa": "desde 45 €"},
        {"gastos": "60 €"},
        {"superficie": "85 m²"},
        {"garaje": "plaza n.º 26"},
    ],
)
def test_a_spanish_value_that_lacks_its_article_or_verb_makes_no_sentence(items):
    facts = factual.facts_of(items)
    assert not [way for way in factual.layouts(facts, "es", icons=False) if " es " in way.render(facts)]


def test_many_facts_do_not_share_a_line():
    facts = factual.facts_of({f"name {i}": str(i) for i in range(5)})
    assert {way.render(facts).count("\n") for way in factual.layouts(facts, "en", icons=False)} == {4}


@pytest.mark.parametrize(("value", "mark"), [("9–12; 14–18", ";"), ("Come!", ";"), ("a | b", "|"), ("a · b", "·")])
def test_a_separator_never_meets_its_like_in_a_value(value, mark):
    facts = factual.facts_of({"hours": value, "price": "€5"})
    lines = [way.render(facts) for way in factual.layouts(facts, "en", icons=False)]
    assert not [line for line in lines if "\n" not in line and line.count(mark) > value.count(mark)]


def test_english_sentences_agree():
    facts = factual.facts_of({"price": "€59", "hours": "9 am to 1 pm"})
    shown = [layout.render(facts) for layout in factual.layouts(facts, "en", icons=False)]
    assert "The price is €59. The hours are 9 am to 1 pm." in shown


@pytest.mark.parametrize("items", [{"no cubre": "daños"}, {"precio": "19 €", "desde": "hoy"}])
def test_no_sentence_is_made_of_what_is_no_noun(items):
    facts = factual.facts_of(items)
    assert not [way for way in factual.layouts(facts, "es", icons=False) if " es " in way.render(facts)]


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ({"horario": "de 8:00 a 10:00", "café solo": "1,30 €"}, "de 8:00 a 10:00 · café solo: 1,30 €"),
        ({"precio": "395 €", "cupo": "tres"}, "395 € · cupo: tres"),
        ({"hours": "9:00", "when": "17:00"}, "Hours: 9:00 · When: 17:00"),
        ({"offer ends": "30/11/2026", "web": "https://example.com"}, "offer ends: 30/11/2026 · https://example.com"),
    ],
)
def test_tight_layouts_drop_labels_only_where_the_value_says_what_it_is(items, shown):
    facts = factual.facts_of(items)
    assert factual.tight_layouts(facts)[0].render(facts) == shown


def test_label_lists_need_two_nouns():
    assert dict(factual.labels(factual.facts_of({"price": "1"}), "en")) == {}
    assert dict(factual.labels(factual.facts_of({"price": "1", "you may not": "2"}), "en")) == {}
    both = dict(factual.labels(factual.facts_of({"precio": "1", "inscripción": "2"}), "es"))
    assert both == {"labels": "precio e inscripción", "labels o": "precio o inscripción"}
