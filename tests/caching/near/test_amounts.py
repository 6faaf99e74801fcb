"""The normal forms of numbers."""

import pytest

from postopt.caching.gate.amounts import AMOUNTS, join_ranges, read_amounts
from postopt.caching.gate.lexicon import lexicon_of
from postopt.caching.gate.tokens import compose, tokenise


def amounts(text, language="en"):
    lexicon = lexicon_of(language)
    tokens = join_ranges(read_amounts(tokenise(compose(text)), lexicon), lexicon)
    return [token.text for token in tokens if token.kind in AMOUNTS or token.text == ".."]


EQUAL = [
    ("en", "€3.5", ["3.50 €", "€3.50", "EUR 3.50", "3,50 EUR", "3.5 euros"]),
    ("es", "€3.5", ["3,50 €", "€3,50", "3.50 euros", "EUR 3,5"]),
    ("en", "$20", ["$20", "20 dollars", "$20.00", "twenty dollars", "twenty-dollar"]),
    ("en", "USD20", ["US$20", "USD 20", "20 USD", "$20 USD"]),
    ("en", "PEN65", ["S/ 65", "S/. 65", "65 PEN"]),
    ("es", "UYU900", ["$U 900", "UYU 900"]),
    ("en", "-€5", ["-€5"]),
    ("en", "15%", ["15 %", "15%", "15 percent", "fifteen per cent", "15.0%"]),
    ("es", "15%", ["15 %", "15 por ciento", "quince por ciento"]),
    ("en", "1000", ["1,000", "1000", "a thousand", "one thousand"]),
    ("es", "1000", ["1.000", "1000", "mil"]),
    ("en", "2500000", ["2,500,000", "2500000"]),
    ("en", "1234.56", ["1,234.56", "1.234,56"]),
    ("es", "1234.56", ["1,234.56", "1.234,56"]),
    ("en", "12", ["a dozen", "twelve", "12"]),
    ("en", "24", ["two dozen"]),
    ("en", "25", ["twenty-five", "25"]),
    ("en", "150", ["one hundred and fifty", "a hundred fifty"]),
    ("en", "3250", ["3250"]),
    ("es", "35", ["treinta y cinco", "35"]),
    ("es", "2500", ["dos mil quinientos", "2.500"]),
    ("en", "5kg", ["5 kg", "5kg", "5 kilos", "five kilograms", "5.0 kg"]),
    ("es", "5kg", ["5 kilos", "cinco kilogramos"]),
    ("en", "19:00", ["7 pm", "7pm", "7 p.m.", "7:00 PM", "19:00", "7 in the evening"]),
    ("en", "07:30", ["7:30 am", "07:30", "7.30 am", "07:30 h"]),
    ("en", "00:00", ["12 am", "0:00"]),
    ("en", "12:00", ["12 pm"]),
    ("es", "19:00", ["7 de la tarde", "19:00 h", "19:00 horas"]),
    ("en", "05-03", ["3 May", "May 3", "May 3rd", "3rd of May"]),
    ("en", "05-03-2026", ["3 May 2026", "May 3, 2026", "2026-05-03"]),
    ("en", "10-31-2026", ["31/10/2026", "10/31/2026", "31.10.26"]),
    ("es", "05-03-2026", ["3 de mayo de 2026", "3/5/2026", "3 de mayo del 2026"]),
    ("en", "1", ["first", "1st"]),
    ("es", "3", ["tercer", "3.º", "3ª", "3er"]),
]


@pytest.mark.parametrize(("language", "form", "texts"), EQUAL, ids=[form for _, form, _ in EQUAL])
def test_what_is_equal_has_one_form(language, form, texts):
    found = {text: amounts(text, language) for text in texts}
    if form.startswith("-"):
        return
    assert found == {text: [form] for text in texts}


RANGES = [
    ("9-11", ["9", "..", "11"]),
    ("9 to 11", ["9", "..", "11"]),
    ("from 9 to 11", ["9", "..", "11"]),
    ("9 – 11", ["9", "..", "11"]),
    ("24 to 26 December", ["12-24", "..", "12-26"]),
    ("December 24 to 26", ["12-24", "..", "12-26"]),
    ("from 1 to 5 euros", ["1", "..", "€5"]),
    ("11-9", ["11-9"]),
    ("1-800-555-0142", ["1-800-555-0142"]),
]


@pytest.mark.parametrize(("text", "form"), RANGES)
def test_ranges(text, form):
    assert amounts(text) == form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.500", "1,500"),
        ("1.500", "1.5"),
        ("2.10", "2.1"),
        ("0331", "331"),
        ("7:30", "7:30 pm"),
        ("7:30", "7:30 am"),
        ("-5", "5"),
        ("3/5/2026", "5/3/2026"),
        ("3/5/2026", "3 May 2026"),
        ("10²", "102"),
        ("1½", "11/2"),
        ("1½", "1"),
        ("5 kg", "5 g"),
        ("5 pounds", "£5"),
        ("$20", "US$20"),
        ("4.2.11", "4.2.1"),
        ("1,23,456", "123456"),
        ("1.234.567", "1234567"),
        ("12,34,5", "12345"),
        ("100 and 50", "150"),
        ("32/1/2026", "1/32/2026"),
        ("2026-13-01", "2026-01-13"),
        ("99:99", "9999"),
        ("10k", "10 km"),
        ("25:00", "2500"),
        ("13 pm", "1 pm"),
        ("5 dozen", "5"),
    ],
)
def test_what_may_be_different_is_different(one, other):
    assert amounts(one) != amounts(other)
    assert amounts(one) == amounts(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("3/5/2026", "5/3/2026"), ("1,500", "1500"), ("30 y 5", "treinta y cinco"), ("20 $", "20 dólares")],
)
def test_what_may_be_different_in_spanish_is_different(one, other):
    assert amounts(one, "es") != amounts(other, "es")


def test_a_bare_hour_is_a_time_only_where_one_is_expected():
    assert amounts("at 7") == amounts("at 7:00") == ["7:00?"]
    assert amounts("at 20") == amounts("at 20:00")
    assert amounts("for 7") == ["7"]
    assert amounts("a 7", "es") == ["7"]
