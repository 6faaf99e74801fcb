"""What can be left out of a text: words that describe, whole sentences, and what neither rule touches."""

import pytest

from postopt.quality import platform
from postopt.quality.mending.edits import Draft, edits
from postopt.quality.mending.leaving_out import without_sentences
from postopt.quality.scorer import QualityScorer
from postopt.types import Brief


def without_forbidden(text, *words, language="en", **of_brief):
    """Return the text as the first edit for a forbidden word leaves it, or as it is."""
    brief = Brief(**({"topic": "Candles", "language": language, "forbidden": words} | of_brief))
    report = QualityScorer().score(text, brief)
    found = edits(Draft(text, brief, platform.profile("facebook"), None), report)
    return next((edit.text for edit in found if edit.rule == "policy.forbidden_word"), text)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "after"),
        [
            ("Buy our cheap candles.", "Buy our candles."), ("See a cheap apple candle.", "See an apple candle."),
            ("See an easy cheap-scented trick.", None), ("Our cheap, easy candles", None),
            ("Easy candles for every home of yours", None),
            ("Easy wax candle for every home", "Wax candle for every home"),
            ("Our candles are not cheap, they are good.", None), ("Never our cheap wax candles.", None),
            ("We have a cheap candle.", None), ("This is a cheap candle for you.", None),
            ("It's a cheap lamp for us.", None),
            ("Like a cheap candle for you.", None), ("Such a cheap candle for you.", None),
            ("One of the cheap candles for you.", None), ("Only good and cheap!", None),
            ("Candles at cheap prices.", None),
            ("The cheapest candle in town.", None), ("The easy comes last.", None), ("Our easy really works.", None),
            ("See our cheap New York lamp.", None), ("The Cheap Trick band plays.", None),
            ("See our cheap way out.", None),
            ("See our miracle candles.", None), ("See our miracle candle.", "See our candle."),
            ("Candles that smell like a miracle, burn like a dream", None), ("A miracle for your nose: candles.", None),
            ("Candles.\n#cheap #wax", "Candles.\n#wax"), ("Candles are #cheap here.", None),
        ],
    )  # fmt: skip
    def test_in_english(self, text, after):
        words = ("cheap", "easy", "miracle", "cheapest")
        assert without_forbidden(text, *words) == (text if after is None else after)

    @pytest.mark.parametrize(
        ("text", "after"),
        [
            ("Ven por nuestro pan barato de masa madre.", "Ven por nuestro pan de masa madre."),
            ("Ven por el pan barato.", "Ven por el pan."), ("Mira nuestro gran horno.", "Mira nuestro horno."),
            ("El pan es barato.", None), ("Vendemos barato.", None), ("Un pan barato y rico.", None),
            ("No es un pan barato.", None), ("Ven a comprar barato.", None), ("Ven para comprar barato.", None),
            ("Pan más barato que nunca.", None), ("Es un pan barato.", None), ("Como un pan barato.", None),
            ("Lo nuevo es el pan.", None), ("Cada día, una nueva cara.", None), ("El mejor pan de Lugo.", None),
            ("El nuevo de la casa.", None), ("Ven en forma barata hoy.", None), ("Visita el Gran Teatro hoy.", None),
        ],
    )  # fmt: skip
    def test_in_spanish(self, text, after):
        words = ("barato", "barata", "gran", "nuevo", "nueva", "mejor")
        assert without_forbidden(text, *words, language="es", topic="Horno") == (text if after is None else after)

    def test_in_another_language_none_goes_alone(self):
        text = "Unsere cheap Kerzen sind da."
        assert without_forbidden(text, "cheap", language="de") == text

    def test_several_in_one_text_go_together_and_a_capital_stays_one(self):
        text = "Cheap weekend brunch is served at Harbour! Our cheap brunch has eggs. See you."
        after = "Weekend brunch is served at Harbour! Our brunch has eggs. See you."
        assert without_forbidden(text, "cheap", topic="Brunch") == after


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "after"),
        [
            ("The wax is ours. We are really cheap. Come and see us soon.", "The wax is ours. Come and see us soon."),
            # No word of the topic, no brand, no name, no link or account is lost with it.
            ("We are here. Cheap candles again. See us soon in town.", None),
            ("Candles! We are here. Cheap candles again. See us soon.", "Candles! We are here. See us soon."),
            ("The wax is ours. At Big Wick it is cheap. Come and see us.", None),
            ("The wax is ours. It is cheap in Lugo. Come and see us.", None),
            # What follows leans on it, what is before brings it in, and lists and quotations stay whole.
            ("The wax is ours. We are cheap. But we are good.", None),
            ("The wax is ours. We love one cheap lamp. See it today.", None),
            ("The wax is ours. We love one cheap lamp. Truly. Come and see us.", None),
            ("Is the wax any good? We say it is cheap. Come and see us.", None),
            ("The wax is ours...\nSo cheap and so fine. Come and see us.", None),
            ("All of it:\n1. The wax is here.\n2. So cheap.\n3. Come and see us.", None),
            ('He says "we are cheap. We are good." Come and see us soon.', None),
            ("The wax is ours (we are cheap. We are good). Come and see us.", None),
            # Another one stays, and at least half.
            ("We are cheap.", None), ("We are so very cheap and good as ever. Come in now.", None),
            ("So cheap.\n#wax #wick #lamps #lights", None), ("We are cheap. @wick @lamp", None),
        ],
    )  # fmt: skip
    def test_a_sentence_goes_where_the_rest_stands_without_it(self, text, after):
        assert without_forbidden(text, "cheap", brand="Big Wick") == (text if after is None else after)

    def test_in_spanish_a_pronoun_at_a_verb_leans_on_what_went_before(self):
        text = "La cera es nuestra. Este farol es barato. Ven a verlo hoy."
        assert without_forbidden(text, "barato", language="es", topic="Velas") == text

    def test_without_a_brief_names_stay(self):
        text = "We bake bread. Ask for Maria today. We open at dawn."
        spans = [(text.index("today"), text.index("today") + 5)]
        assert without_sentences(text, spans, None) == text
        assert without_sentences(text.replace("Maria", "more"), spans, None) == "We bake bread. We open at dawn."
