import re
from itertools import combinations

import pytest

from postopt.generation.templates import Bank, BankError
from postopt.generation.templates.bank import KINDS, LANGUAGES, builtin
from postopt.types import TONES

ALL = [(language, tone) for language in LANGUAGES for tone in TONES]


@pytest.mark.parametrize(("language", "tone"), ALL)
class TestBuiltinBanks:
    def test_has_forty_clauses_in_each_list(self, language, tone):
        counts = {kind: len(builtin(language, tone).clauses[kind]) for kind in KINDS}
        assert min(counts.values()) >= 40, counts

    def test_has_forty_clauses_that_do_not_address_the_reader_or_close_to_it(self, language, tone):
        neutral = {kind: sum(not clause.addressed for clause in clauses) for kind, clauses in _lists(language, tone)}
        assert min(neutral.values()) >= 25, neutral

    def test_claims_nothing(self, language, tone):
        """Nothing is invented: no clause speaks of price, time, quality, scarcity or other customers."""
        claim = re.compile(
            r"\b(free|guarantee\w*|limited|exclusive|today|tonight|last chance|customers?|cheap\w*|discount\w*)\b"
            if language == "en"
            else r"\b(gratis|garantiza\w*|limitad\w*|exclusiv\w*|hoy|últim[oa]s?|client\w*|barat\w*|descuento\w*)\b",
            re.IGNORECASE,
        )
        assert [c.source for _, clauses in _lists(language, tone) for c in clauses if claim.search(c.source)] == []

    def test_spanish_marks_are_inverted_in_pairs(self, language, tone):
        for _, clauses in _lists(language, tone):
            for clause in clauses:
                if language == "es":
                    assert clause.source.count("¿") == clause.source.count("?"), clause.source
                    assert clause.source.count("¡") == clause.source.count("!"), clause.source
                else:
                    assert not set(clause.source) & set("¿¡<"), clause.source

    def test_sober_tones_have_no_emoji_and_no_exclamation(self, language, tone):
        if tone in {"professional", "technical"}:
            for _, clauses in _lists(language, tone):
                assert [c.source for c in clauses if c.own.emoji or c.own.exclamations] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_clause_stands_in_two_tones(language):
    for one, other in combinations(TONES, 2):
        for kind in KINDS:
            shared = {c.source for c in builtin(language, one).clauses[kind]} & {
                c.source for c in builtin(language, other).clauses[kind]
            }
            assert not {source for source in shared if len(source) > len("{topic}.")}, (one, other, kind)


def test_a_bank_of_the_host_is_read_from_a_file(tmp_path, bank, bank_text):
    path = tmp_path / "brand.toml"
    path.write_text(bank_text, encoding="utf-8")
    loaded = Bank.load(path)
    assert loaded == bank
    assert loaded.clauses["hook"][1].source == "Good day 👋"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"en"', '"fr"', r"language is 'fr'; allowed: en, es"),
        ('"friendly"', '"funny"', r"tone is 'funny'"),
        ('"Bye."', "3", r"close must be a list"),
        ('hook = ["Hello there.", "Good day 👋"]', "", r"hook must be a list"),
        ('hook = ["Hello there.", "Good day 👋"]', "hook = []", r"hook must be a list"),
        ("{topic}. That is it.", "That is it.", r"lead: 'That is it.' must hold its \{topic\}"),
        ("Hello there.", "Hello {cta}.", r"hook: .* must hold no slot"),
        ("Hello there.", "Hello {price}.", r"unknown slot \{price\}"),
        ("Good day 👋", "Hello there. Really.", r"begins with"),
        ("Good day 👋", "Hello there.", r"begins with"),
        ("About this: {topic}.", "Hello there. {topic}.", r"is a hook followed by the topic"),
        ("hook =", "hooks =", r"unknown lists \['hooks'\]"),
        ("hook =", "hook", r"not a TOML file"),
    ],
)
def test_a_bad_bank_names_the_place(bank_text, old, new, message):
    with pytest.raises(BankError, match=message):
        Bank.parse(bank_text.replace(old, new, 1).encode(), name="brand.toml")


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(BankError, match="not a TOML file"):
        Bank.parse(b"\xff\xfe")


def _lists(language, tone):
    return builtin(language, tone).clauses.items()
