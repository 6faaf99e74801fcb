"""Which figures a text states, where, and what they may say."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality.stating.figures import figures, spelled_numbers


def kinds(text):
    return [(figure.kind, text[slice(*figure.span)]) for figure in figures(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Now €59, then 1.299,00 €.", [("price", "€59"), ("price", "1.299,00 €")]),
        ("$1,450 MXN or $34 NEW", [("price", "$1,450 MXN"), ("price", "$34")]),
        ("25 mil euros, $2 million", [("price", "25 mil euros"), ("price", "$2 million")]),
        ("fifty percent off, veinte euros", [("percentage", "fifty percent"), ("price", "veinte euros")]),
        (
            "20 % or 20% or 20 por ciento",
            [("percentage", "20 %"), ("percentage", "20%"), ("percentage", "20 por ciento")],
        ),
        ("٢٥٪ and ５０％", [("percentage", "٢٥٪"), ("percentage", "５０％")]),
        ("Saturday 7 March 2026", [("date", "Saturday"), ("date", "7 March"), ("date", "2026")]),
        ("el 9 y el 27 de marzo", [("date", "9"), ("date", "27 de marzo")]),
        ("May 12–14", [("date", "May 12"), ("date", "14")]),
        ("on 30/11/2026 or 2026-11-30", [("date", "30/11"), ("date", "2026"), ("date", "2026"), ("date", "11-30")]),
        ("on 30/4, in August", [("date", "30/4"), ("date", "August")]),
        ("we may in may, in May", [("date", "May")]),
        ("99/99 and 32 May and 45 March", [("number", "99"), ("number", "99"), ("number", "32"), ("number", "45")]),
        ("5–9 pm, 7:30 am, 17:00 h", [("time", "5"), ("time", "9 pm"), ("time", "7:30 am"), ("time", "17:00")]),
        ("9 a. m., at noon, 24/7", [("time", "9 a. m."), ("time", "noon"), ("time", "24/7")]),
        ("25:99 and 13 pm", [("number", "25"), ("number", "99"), ("number", "13")]),
        ("call 900 000 166 or +44 1632 960 377", [("phone", "900 000 166"), ("phone", "+44 1632 960 377")]),
        ("call 612345678, not 6123456", [("phone", "612345678"), ("number", "6123456")]),
        ("a@b.com and (https://x.org/a?b=1).", [("email", "a@b.com"), ("link", "https://x.org/a?b=1")]),
        ("go to shop.example.com/x, www.a.b", [("link", "shop.example.com/x"), ("link", "www.a.b")]),
        ("50kg in B2B with MP3", [("number", "50")]),
        ("end of text.Now more", []),
        ("Version 2.9.1", [("number", "2.9.1")]),
        (
            "2x1, 3 for 2, two for the price of one",
            [("offer", "2x1"), ("offer", "3 for 2"), ("offer", "two for the price of one")],
        ),
        ("a 3x2 m table for two, two for two", [("number", "3")]),
        ("five to ten guests", [("number", "ten guests")]),
        ("take one in the morning and one at night", []),
        ("a las tres hermanas, a las 3 primeras", [("number", "3")]),
        ("half past six in the evening, 6 o'clock", [("time", "half past six in the evening"), ("time", "6 o'clock")]),
        ("a las ocho menos cuarto de la tarde", [("time", "a las ocho menos cuarto de la tarde")]),
        ("our 'Sunday', our “Monday”, Tuesday", [("date", "Tuesday")]),
        ("4.2.11 is no date", [("number", "4.2.11")]),
    ],
)
def test_kinds_and_places(text, found):
    assert kinds(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("€1,299.00", "1.299,00 €"),
        ("€1299", "1,299 EUR"),
        ("$1,450 MXN", "1450 pesos"),
        ("12 May", "May 12th"),
        ("12 May", "12 de mayo"),
        ("12 May", "12/5"),
        ("Mondays", "lunes"),
        ("5 pm", "17:00"),
        ("5:00", "17:00"),
        ("midnight", "0:00"),
        ("24:00", "12 am"),
        ("https://www.example.com/a/", "example.com/a"),
        ("+44 1632 960 377", "01632 960377"),
        ("fifty percent", "50 %"),
        ("25k", "25.000"),
        ("in March", "en marzo"),
        ("31/08/26", "31 August"),
        ("half price", "50 %"),
        ("buy two get one free", "3x2"),
        ("llévate tres y paga dos", "three for two"),
        ("compra uno y llévate otro gratis", "BOGO"),
        ("forty hours", "40 hours"),
        ("veinticuatro meses", "24 months"),
        ("quarter to seven", "6:45"),
        ("at six thirty", "18:30"),
        ("seven o'clock in the evening", "19:00"),
        ("a las dos de la noche", "2 am"),
        ("las 24 horas del día", "24 hours a day"),
    ],
)
def test_the_same_in_other_words(one, other):
    assert figures(one)[0].readings & figures(other)[0].readings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("€59", "$59"),
        ("12 May", "13 May"),
        ("12 May", "12 June"),
        ("5 pm", "5 am"),
        ("17:00", "5 am"),
        ("example.com/a", "example.com/b"),
        ("example.com", "example.org"),
        ("Monday", "martes"),
        ("25k", "26.000"),
        ("2x1", "3x2"),
        ("half past six in the evening", "6:30 am"),
        ("a las seis y media", "6:00"),
    ],
)
def test_something_else(one, other):
    first, second = figures(one)[0], figures(other)[0]
    assert first.kind == second.kind
    assert not first.readings & second.readings


def test_numbers_in_words():
    assert spelled_numbers("thirty months, veintidós sillas y una mecedora") == {"30", "22", "1"}


@given(st.text(max_size=200) | st.text(alphabet="0123456789.,:/- $€%apmh\n", max_size=80))
def test_places_are_in_order_and_apart(text):
    found = figures(text)
    assert all(0 <= a.span[0] < a.span[1] <= len(text) for a in found)
    assert all(a.span[1] <= b.span[0] for a, b in pairwise(found))
    assert all(figure.readings for figure in found)


@pytest.mark.parametrize(
    "word",
    "euro euros dollar dollars dolar dólar dolares dólares bucks peso pesos pound pounds quid libra libras soles "
    "colones pence cent cents céntimos centimos centavos USD EUR GBP MXN COP CLP ARS UYU PEN CRC CAD AUD BRL CHF JPY "
    "INR p € £ $ ¢ ₡".split(),
)
@pytest.mark.parametrize("case", [str, str.upper, str.casefold])
def test_every_mark_after_a_price_says_its_currency(word, case):
    (found,) = figures(f"Menú por 5 {case(word)}")
    assert found.kind == "price"
    assert found.readings


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("3 APRİL", "3 April"), ("FRİDAY", "Friday"), ("5 lİbras", "5 libras"), ("5 mıllion", "5 million"),
        ("half past fıve", "half past five"), ("a las cİnco", "a las cinco"), ("fıfty percent", "fifty percent"),
        ("BUY fıve GET fıve FREE", "buy five get five free"),
    ],
)  # fmt: skip
def test_turkish_letters_hide_nothing(text, same):
    assert [found.readings for found in figures(text)] == [found.readings for found in figures(same)]
    assert figures(text)
