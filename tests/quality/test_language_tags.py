"""A language tag says the same however it is written: BCP 47 tags know no case, and POSIX writes an underscore."""

import pytest

from postopt.quality import QualityScorer, claims, correctness, readable
from postopt.quality.features import FeatureSet
from postopt.quality.readability import readability
from postopt.types import Brief

SPANISH = ("es", "es-MX", "ES_mx", "Es")
TEXT = "Abre la panaderia a las 7! Ven con Marta Fuentes , te esperamos"


@pytest.mark.parametrize("tag", SPANISH)
class TestEveryWayToWriteATag:
    def test_word_lists(self, tag):
        assert readable.read("We open now", tag).language == "es"

    def test_findings_on_the_letter(self, tag):
        assert correctness.spoken_in(TEXT, None, tag) == "es"
        found = [finding.rule for finding in correctness.check(TEXT, None, tag)]
        assert "correctness.inverted_mark" in found

    def test_names_in_claims(self, tag):
        brief = Brief(topic="Bread")
        found = [finding.rule for finding in claims.check(TEXT, brief, tag)]
        assert found == [finding.rule for finding in claims.check(TEXT, brief, "es")]
        assert "claims.name" in found

    def test_features_readability_and_the_whole_report(self, tag):
        assert FeatureSet().one(TEXT, tag).values == FeatureSet().one(TEXT, "es").values
        assert readability(TEXT, tag) == readability(TEXT, "es")
        assert QualityScorer().score(TEXT, language=tag) == QualityScorer().score(TEXT, language="es")


@pytest.mark.parametrize("tag", ["de", "DE_at", "de-AT"])
def test_a_language_without_lists_has_none_however_it_is_written(tag):
    assert correctness.check("We open now!", None, tag) == correctness.check("We open now!", None, "de")
    assert not claims.check("Komm zu Marta Fuentes", Brief(topic="Bread"), tag)
