"""What a text says that its brief does not, and what it leaves out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt import Brief, PostWriter
from postopt.blocking import run
from postopt.generation.templates import TemplateGenerator
from postopt.quality import claims
from postopt.quality.spans import MOST_READ

BRIEFS = Path(__file__).parents[3] / "shared" / "data" / "briefs" / "briefs.jsonl"
BRIEF = Brief(
    topic="Sourdough Saturdays start again after thirty months",
    audience="neighbours in Mill Lane",
    call_to_action="Pop in before midnight",
    brand="Crumb & Ember",
    keywords=("world's best bread",),
    facts={"loaf": "€8.25", "first day": "Saturday 7 March", "from 16 h": "de 16 a 20 h", "charge": "no charge"},
)
KEPT = "Loaf: €8.25. First day: Saturday 7 March, de 16 a 20 h, no charge."


def found(text, brief=BRIEF, language=None):
    """Return what is found in a text that is added to one that keeps the brief."""
    whole = f"{KEPT}\n{text}" if brief is BRIEF else text
    return [(f.rule, whole[slice(*f.span)] if f.span else None) for f in claims.check(whole, brief, language)]


class TestFacts:
    def test_kept(self):
        assert claims.check(KEPT, BRIEF) == []

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("en", "Open from March 3, 2026 on."),
            ("en", "Open from 2026-03-03 on."),
            ("en", "Open from 3/3/2026 on."),
            ("en", "Open from Mar 3, 2026 on."),
            ("es", "Abrimos el 3 de marzo de 2026."),
            ("es", "Abrimos el 03/03/2026."),
        ],
    )
    def test_the_same_date_in_another_format_is_the_fact(self, language, text):
        brief = Brief(topic="Bread", facts={"opens": "3 March 2026"})
        assert found(text, brief, language) == []

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("Open from March 4, 2026 on.", "March 4, 2026"),
            ("Abrimos el 4 de marzo de 2026.", "4 de marzo de 2026"),
            ("Open from 2026-03-04 on.", "2026-03-04"),
            ("Open from 3 March 2027 on.", "3 March 2027"),
            ("Open from March 3 on.", "March 3"),
        ],
    )
    def test_another_day_is_none(self, text, place):
        brief = Brief(topic="Bread", facts={"opens": "3 March 2026"})
        assert found(text, brief) == [("facts.changed", place)]

    def test_changed_and_missing(self):
        text = KEPT.replace("€8.25", "€8.52").replace("no charge", "")
        changed, missing = claims.check(text, BRIEF)
        assert (changed.rule, text[slice(*changed.span)], changed.hard) == ("facts.changed", "€8.52", True)
        assert '"€8.52"' in changed.message
        assert '"€8.25"' in changed.message
        assert (missing.rule, missing.span, missing.hard) == ("facts.missing", None, True)
        assert {changed.source, missing.source, changed.axis, missing.axis} == {"brief", "fidelity"}

    def test_a_variant_is_no_claim_besides(self):
        assert [f.rule for f in claims.check(KEPT.replace("€8.25", "€8.52"), BRIEF)] == ["facts.changed"]


class TestClaims:
    @pytest.mark.parametrize(
        ("text", "rule", "place"),
        [
            ("Only 5 left.", "claims.number", "5"),
            ("Quedan 5.", "claims.number", "5"),
            ("Now €7.", "claims.price", "€7"),
            ("Now $8.25.", "claims.price", "$8.25"),
            ("Twenty dollars less.", "claims.price", "Twenty dollars"),
            ("Save 20 %.", "claims.percentage", "20 %"),
            ("Save 8.25 %.", "claims.percentage", "8.25 %"),
            ("On 8 March.", "claims.date", "8 March"),
            ("On Sundays.", "claims.date", "Sundays"),
            ("In 2027.", "claims.date", "2027"),
            ("In April.", "claims.date", "April"),
            ("At 9 pm.", "claims.time", "9 pm"),
            ("Open 24/7.", "claims.time", "24/7"),
            ("Open seven days a week.", "claims.time", "seven days a week"),
            ("Half price for regulars.", "claims.percentage", "Half price"),
            ("Todo a mitad de precio.", "claims.percentage", "a mitad de precio"),
            ("Buy one get one free.", "claims.offer", "Buy one get one free"),
            ("Dos por uno en bollos.", "claims.offer", "Dos por uno"),
            ("Kept fresh for forty hours.", "claims.number", "forty hours"),
            ("Abrimos a las seis y media.", "claims.time", "a las seis y media"),
            ("Twenty percent less.", "claims.percentage", "Twenty percent"),
            ("Solo ６ ｅｕｒｏｓ.", "claims.price", "６ ｅｕｒｏｓ"),
            ("See example.org/x.", "claims.link", "example.org/x"),
            ("Write to me@example.org.", "claims.email", "me@example.org"),
            ("Call 900 000 166.", "claims.phone", "900 000 166"),
        ],
    )
    def test_hard(self, text, rule, place):
        assert found(text) == [(rule, place)]
        finding = claims.check(f"{KEPT}\n{text}", BRIEF)[0]
        assert finding.hard
        assert f'"{place}"' in finding.message

    @pytest.mark.parametrize(
        ("text", "rule", "place"),
        [
            ("Come tomorrow.", "claims.date", "tomorrow"),
            ("Solo esta noche.", "claims.date", "esta noche"),
            ("The best bread.", "claims.superlative", "The best"),
            ("#1 in town.", "claims.superlative", "#1"),
            ("El mejor pan.", "claims.superlative", "El mejor"),
            ("Guaranteed fresh.", "claims.guarantee", "Guaranteed"),
            ("Clínicamente probado.", "claims.guarantee", "Clínicamente probado"),
            ("Ask Maria Lopez.", "claims.name", "Maria Lopez"),
            ("Now in Berlin, too.", "claims.name", "Berlin"),
            ("Ahora en Sevilla.", "claims.name", "Sevilla"),
        ],
    )
    def test_warnings(self, text, rule, place):
        assert found(text) == [(rule, place)]
        assert not claims.check(f"{KEPT}\n{text}", BRIEF)[0].hard

    @pytest.mark.parametrize(
        "text",
        [
            "8,25 € a loaf, on 7 de marzo, el sábado.",
            "30 months, in March.",
            "It starts at 16:00, before 0:00.",
            "3 reasons to come:\n1. bread\n2) butter\n3️⃣ jam",
            "In short: 1) bread, 2) butter.",
            "1) Bread 2) Butter 3) Jam",
            "Do this: 1. Bake. 2. Butter. 3. Eat.",
            'Our "Sunday" loaf.',
            "One of the neighbours <3, step 2, 50/50, in 3D. 1 of our loaves :3",
            "Free delivery. Gratis.",
            "The world's best bread.",
            "Crumb & Ember of Mill Lane. CRUMB says: COME ALONG TODAY. I'm OK with Facebook.",
            "Fresh Bread Daily At Noonish",
            "#SummerSale2030 #Berlin @Maria",
            "Our two cents: pop in.",
            "Feel free. Do not wait. In your free time, sugar-free, free-range, tiempo libre.",
            "One of us, two friends, five minutes, a hundred years.",
        ],
    )
    def test_nothing_new(self, text):
        assert found(text) == []

    def test_names_only_in_languages_with_rules_for_capitals(self):
        assert found("Frisch in Berlin gebacken.", language="de") == []
        assert found("Fresh in Berlin.", language="en-GB") == [("claims.name", "Berlin")]

    def test_free_is_a_claim_where_something_costs(self):
        for text in ("Free delivery", "gratis", "eat free", "sin coste"):
            assert found(text, Brief(topic="Bread that is sugar-free")) == [("claims.offer", text)]
            assert claims.check(text, Brief(topic="Bread"))[0].hard
        (finding,) = claims.check("The square is free.", Brief(topic="Bread"))
        assert (finding.rule, finding.hard) == ("claims.guarantee", False)
        free = Brief(topic="Bread", facts={"delivery": "£0"})
        assert found("Free delivery for £0", free) == []

    @pytest.mark.parametrize("text", ["Open 24/7.", "Open 7 days a week.", "Abierto siete días a la semana."])
    def test_always_open_is_hard_where_the_brief_states_hours(self, text):
        for brief, hard in ((Brief(topic="Bread"), False), (Brief(topic="Bread from 7:30 am"), True)):
            assert [(f.rule, f.hard) for f in claims.check(text, brief)] == [("claims.time", hard)]
        assert claims.check(text, Brief(topic="Bread, 24/7")) == []

    def test_words_and_digits_state_each_other(self):
        facts = {"burns": "40 hours", "opens": "6:30", "less": "50 %", "deal": "2 for 1"}
        kept, digits = "\n".join(facts.values()), Brief(topic="Candle", facts=facts)
        words = "Forty hours, a las seis y media, half past six, half price, a mitad de precio, BOGO, dos por uno, 2x1."
        assert claims.check(f"{kept}\n{words}", digits) == []
        assert claims.check("40 hours, 6:30, 18:30, 50 %, 2x1", Brief(topic=words)) == []

    @pytest.mark.parametrize(
        ("brand", "text", "places"),
        [
            ("Acme", "Acmé bakes. Buy at Acme, acme.com, @acmé.", ["Acmé"]),
            ("Acme", "Acme\u0301 bakes. ACME bakes.", ["Acme\u0301"]),
            ("Café Luna", "Cafe Luna, CAFE LUNA, Café Luna", ["Cafe Luna"]),
            ("Si", "Sí, sí.", []),
            ("", "Acmé bakes.", []),
        ],
    )
    def test_a_brand_with_other_accents_is_another_name(self, brand, text, places):
        findings = claims.check(text, Brief(topic="See acme.com", brand=brand or None))
        assert [(f.rule, f.hard, text[slice(*f.span)]) for f in findings] == [("claims.name", True, p) for p in places]

    def test_order(self):
        spans = [f.span for f in claims.check("Call 900 000 166 in Berlin by 9 pm, Maria Lopez. Only 5!", BRIEF)]
        places = [span for span in spans if span is not None]
        assert places == sorted(places)
        assert spans[len(places) :] == [None] * (len(spans) - len(places))
        assert len(places) == 5


class TestBadInput:
    def test_without_a_brief(self):
        assert claims.check("Only 5 left!") == []

    @pytest.mark.parametrize(
        "text", ["", " ", "\0" * 50, "\u202b٢٥ خصم", "e\u0301\u0301\u0301", "👨\u200d👩\u200d👧 5", "\ud800"]
    )
    def test_odd_texts(self, text):
        findings = claims.check(text, BRIEF)
        assert [f.rule for f in findings].count("facts.missing") == 4

    @given(st.text(max_size=120) | st.text(alphabet="0123456789.,:/€%@ \nABab#'-", max_size=120))
    def test_any_text(self, text):
        for finding in claims.check(text, BRIEF):
            if finding.span is not None:
                start, end = finding.span
                assert 0 <= start < end <= len(text)
                assert text[start:end][:70] in finding.message

    def test_what_is_read_is_bounded(self):
        # Facts are sought in all of a text; what it claims is read up to a bound, however much more there is.
        text = "Only 5 left. " + "bread " * (MOST_READ // 6) + "Only 6 left. " + KEPT
        short, long = claims.check(text, BRIEF), claims.check(text + "Only 7 left. " * 100_000, BRIEF)
        assert [f.rule for f in short] == ["claims.number"]
        assert short == long


def test_prose_that_keeps_its_brief_raises_no_alarm():
    # Written by us as a language model might, with lists, idioms and numbers in words.
    for line in Path(__file__).with_name("kept_posts.jsonl").read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        assert claims.check(data["text"], Brief.from_mapping(data["brief"])) == []


@pytest.mark.skipif(not BRIEFS.exists(), reason="the shared data are not there")
@pytest.mark.long
@pytest.mark.shared_data
def test_posts_that_keep_their_briefs_raise_no_alarm():
    writer = PostWriter(TemplateGenerator())
    for line in BRIEFS.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        brief = Brief.from_mapping({name: value for name, value in data.items() if name != "id"})
        for post in run(writer.write, brief, 1):
            assert [f for f in claims.check(post.text, brief) if f.hard] == []
