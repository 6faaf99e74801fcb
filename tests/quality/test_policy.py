"""What ads must not say, and what a brief forbids."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.generation.constraints import Constraints
from postopt.quality import policy
from postopt.quality.platform import profile
from postopt.quality.spans import MOST_READ
from postopt.types import Brief

AD = profile("facebook_ad")


def sentences():
    with Path(__file__).with_name("personal_attributes.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def attributes(text):
    return [f.rule.rpartition(".")[2] for f in policy.check(text, profile=AD) if "personal_attribute" in f.rule]


class TestPersonalAttributes:
    @pytest.mark.parametrize("place", ["1", "2", "3", "4"])
    def test_labelled_sentences(self, place):
        counts = Counter(
            (bool(row["attribute"]), bool(attributes(row["sentence"]))) for row in sentences() if row["list"] == place
        )
        assert counts.total() >= 60
        assert counts[False, True] == 0
        assert counts[True, True] / (counts[True, True] + counts[True, False]) >= 0.95

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("Are you diabetic?", ["health"]),
            ("Are you Diabetic?\u00a0Read on.", ["health"]),
            ("If you’re a Christian, read on.", ["religion"]),
            ("¿Eres diabe\u0301tica?", ["health"]),
            ("Meet other Jewish singles!", ["religion"]),
            ("No other Jewish bakery has it.", []),
            ("Your debts are crushing you.", ["finances"]),
            ("Is your name Jennifer?", ["name"]),
            ("Is your name on the list?", []),
            ("Hi John, come in.", ["name"]),
            ("Hi Johnson fans, come in.", []),
            ("What mental illness do you have?", ["health"]),
            ("Gifts under 50?", []),
            ("You voted all week for your favourite flavour.", []),
            ("You voted in May. Vote again.", ["voting"]),
            ("What a day, when your name is Calvin.", []),
            ("Screen broke?", []),
            ("Still broke?", ["finances"]),
            ("A cure for cancer?", []),
            ("Anxiety can stop you from sleeping.", ["health"]),
            ("Your race starts at nine.", []),
            ("Seniors, students and children eat early.", []),
            ("Seniors, claim your seat.", ["age"]),
            ("Over 50?", ["age"]),
            ("#diabetic? @diabetic? you", []),
            ("A service for people with diabetes. You will like it.", []),
            ("Diabetes is not your fault. Are you hungry?", []),
            ("We know you're pregnant - here are ten baby names.", ["health"]),
            ("Six months pregnant? Sit down.", ["health"]),
            ("¿Estás embarazada? Descarga nuestra app.", ["health"]),
            ("Como embarazada, necesitas más hierro.", ["health"]),
            ("Yoga para embarazadas, los jueves.", []),
            ("Recovering alcoholic? Join us.", ["health"]),
            ("Are you addicted to chocolate?", []),
            ("Are you depressed by grey walls?", []),
            ("¿Deprimido por las paredes grises?", []),
            ("For immigrants like you: open an account today.", ["national_origin"]),
            ("Como inmigrante, tienes derecho a una cuenta.", ["national_origin"]),
            ("Our lawyers help immigrants.", []),
            ("Single mum? Get cash today.", ["family_status"]),
            ("Madre soltera, esta ayuda es para ti.", ["family_status"]),
            ("Single mums and dads eat early.", []),
            ("It hurts when your parents divorce. DIVORCE?! PREGNANT?! What happens when you're pregnant.", []),
            ("Your divorce lawyer is here. Your divorce, in a week.", ["family_status"]),
            ("Are you married? Are you a parent? Are you single?", []),
            ("Are you a Trump voter?", ["voting"]),
            ("¿Votas a Vox?", ["voting"]),
            ("¿Votas por el pan o por la pasta?", []),
            ("Your Jewish heritage matters.", ["religion"]),
            ("Your Mexican roots deserve a feast.", ["ethnicity"]),
            ("A walk to your World Heritage site.", []),
            # Meta's own pair: "Find black singles today" is allowed, "Meet other black singles near you" is not.
            ("Find black singles today. You will like them.", []),
            ("Meet hot single Asian women near you.", []),
            ("Solteros cristianos cerca de ti.", []),
        ],
    )
    def test_examples(self, text, found):
        assert attributes(text) == found

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("Bread! Ａｒｅ ｙｏｕ ｄｉａｂｅｔｉｃ？ Yes", "Ａｒｅ ｙｏｕ ｄｉａｂｅｔｉｃ"),
            ("Bread! 𝐀𝐫𝐞 𝐲𝐨𝐮 𝐝𝐢𝐚𝐛𝐞𝐭𝐢𝐜?", "𝐀𝐫𝐞 𝐲𝐨𝐮 𝐝𝐢𝐚𝐛𝐞𝐭𝐢𝐜"),
            ("Bread! Ⓐⓡⓔ you  diabetic?", "Ⓐⓡⓔ you  diabetic"),
            ("Bread! Do you suﬀer from diabetes?", "Do you suﬀer from diabetes"),
        ],
    )
    def test_letters_in_another_dress(self, text, place):
        (finding,) = policy.check(text, profile=AD)
        assert text[slice(*finding.span)] == place
        assert f'"{place}"' in finding.message

    def test_place_and_message(self):
        text = "Fresh bread. Cafe\u0301! Are you a diabetic? Come in."
        (finding,) = policy.check(text, profile=AD)
        assert text[slice(*finding.span)] == "Are you a diabetic"
        assert '"Are you a diabetic" says or asks of the reader: health' in finding.message
        assert finding.source.startswith("https://transparency.meta.com/")
        assert finding.source.endswith("(2026-11-26)")

    @pytest.mark.parametrize(
        ("name", "hard"), [("facebook_ad", True), ("instagram", True), ("facebook", False), ("x", False)]
    )
    def test_hard_where_the_platform_says_so(self, name, hard):
        (finding,) = policy.check("Are you diabetic?", Brief(topic="Bread", platform=name))
        assert finding.hard == hard
        assert policy.check("Are you diabetic?", profile=AD)[0].hard


class TestOtherBans:
    @pytest.mark.parametrize(
        ("text", "rule"),
        [
            ("See the before and after!", "before_after"),
            ("Mira el antes y después.", "before_after"),
            ("Ashamed of your belly?", "self_perception"),
            ("Consigue un cuerpo perfecto.", "self_perception"),
            ("Lose those kilos you hate.", "self_perception"),
            ("Pierde esos kilos que tanto odias.", "self_perception"),
            ("[ Click here ]", "fake_button"),
            ("This is fucking good.", "profanity"),
            ("¡Joder!", "profanity"),
            ("You won't believe it.", "sensational"),
            ("No te lo vas a creer.", "sensational"),
        ],
    )
    def test_found(self, text, rule):
        (finding,) = policy.check(text, profile=AD)
        assert finding.rule == f"policy.{rule}"
        assert finding.hard == AD.rule(rule).hard
        assert text[slice(*finding.span)] in finding.message

    @pytest.mark.parametrize(
        "text", ["Before noon and after six.", "Scunthorpe, Dickens, class", "Click [the link](x)", "después"]
    )
    def test_not_found(self, text):
        assert policy.check(text, profile=AD) == []

    def test_a_platform_without_such_rules_gets_warnings(self):
        (finding,) = policy.check("Shit.", Brief(topic="Bread", platform="linkedin"))
        assert (finding.hard, finding.source) == (False, "host")


class TestForbiddenWords:
    BRIEF = Brief(topic="Bread", forbidden=("gluten-free", "cut", "sold out", "Straße", "café"))

    @pytest.mark.parametrize(
        ("text", "places"),
        [
            ("", []),
            ("Gluten-Free, not cutting, a CUT.", ["Gluten-Free", "CUT"]),
            ("Sold \n out! sold out", ["Sold \n out", "sold out"]),
            ("#GlutenFree and #glutenfree and #uncut", ["#GlutenFree", "#glutenfree"]),
            ("In der STRASSE", ["STRASSE"]),
            ("Cafe\u0301, cafés", ["Cafe\u0301"]),
            ("cut cutcut cut", ["cut", "cut"]),
            ("ｃｕｔ, 𝐬𝐨𝐥𝐝 𝐨𝐮𝐭", ["ｃｕｔ", "𝐬𝐨𝐥𝐝 𝐨𝐮𝐭"]),
            ("#cut and #cuts, cut", ["#cut", "cut"]),
        ],
    )
    def test_places(self, text, places):
        found = policy.forbidden_places(text, self.BRIEF)
        assert [text[slice(*span)] for _, span in found] == places
        findings = policy.check(text, self.BRIEF)
        assert [f.span for f in findings] == [span for _, span in found]
        assert all(f.hard and f.rule == "policy.forbidden_word" and f.source == "brief" for f in findings)

    @given(st.text(alphabet="cut gluten-fr#FG\n", max_size=40) | st.text(max_size=40))
    def test_a_word_has_a_place_just_where_constraints_find_it(self, text):
        held = {word for word, _ in policy.forbidden_places(text, self.BRIEF)}
        assert held == set(Constraints(self.BRIEF).forbidden_in(text))

    def test_no_brief_forbids_nothing(self):
        assert policy.check("cut") == []


class TestBadInput:
    @given(
        st.text(max_size=200)
        | st.lists(
            st.sampled_from(["are", "you", "your", "diabetic", "debts", "?", ".", "eres", "tu", "e\u0301", "\0"])
        ).map(" ".join)
    )
    def test_any_text(self, text):
        for finding in policy.check(text, profile=AD):
            start, end = finding.span
            assert 0 <= start < end <= len(text)
            assert text[start:end][:70] in finding.message

    def test_what_is_read_is_bounded(self):
        text = "Are you diabetic? " + "bread " * (MOST_READ // 6)
        assert policy.check(text, profile=AD) == policy.check(text + "Are you diabetic? " * 100_000, profile=AD)
