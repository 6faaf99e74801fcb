"""What is no text, no brief and no language is refused by every check alike, and says what is needed."""

import asyncio
import math

import numpy as np
import pytest

from postopt.errors import PostDataError
from postopt.judgement import QualityReport
from postopt.quality import Enhancer, QualityScorer, claims, correctness, platform, policy, readable
from postopt.quality.novelty import RecentPosts
from postopt.types import Brief

BRIEF = Brief(topic="Bread")
NO_TEXTS = [None, 5, b"text", ["text"], {}, object(), math.nan, np.ones((1, 2))]
NO_BRIEFS = [5, "brief", [], {}, object(), math.nan]
NO_TAGS = [5, b"en", ["en"], {}, object(), math.nan]

CHECKS = [claims.check, correctness.check, correctness.defects, correctness.spoken_in, platform.check, policy.check]


@pytest.mark.parametrize("check", CHECKS)
class TestChecks:
    @pytest.mark.parametrize("text", NO_TEXTS)
    def test_refuse_what_is_no_text(self, check, text):
        for brief in (None, BRIEF):
            with pytest.raises(PostDataError, match=r"text is .*; a str is needed"):
                check(text, brief)

    @pytest.mark.parametrize("brief", NO_BRIEFS)
    def test_refuse_what_is_no_brief(self, check, brief):
        with pytest.raises(PostDataError, match=r"brief is .*; a Brief or None is needed"):
            check("Bread", brief)

    @pytest.mark.parametrize("language", NO_TAGS)
    def test_refuse_what_is_no_language(self, check, language):
        with pytest.raises(PostDataError, match=r"language is .*; a tag such as 'en' or None is needed"):
            check("Bread", BRIEF, language)


@pytest.mark.parametrize("text", NO_TEXTS)
class TestWhoTakesTextsOrPosts:
    def test_refuses_what_is_neither(self, text):
        scorer, enhancer = QualityScorer(), Enhancer()
        for take in (
            scorer.score, scorer.remember, lambda post: scorer.record(post, "accepted"),
            lambda post: asyncio.run(enhancer.enhance(post)),
        ):  # fmt: skip
            with pytest.raises(PostDataError, match=r"(post|text) is .*; a .* is needed"):
                take(text)

    def test_the_recent_texts_refuse_what_is_no_text(self, text):
        for take in (RecentPosts().add, RecentPosts(["a b c d"]).nearest):
            with pytest.raises(ValueError, match=r"text is .*; a str is needed"):
                take(text)


@pytest.mark.parametrize("brief", NO_BRIEFS)
def test_what_is_no_brief_is_refused(brief):
    with pytest.raises(PostDataError, match="brief is"):
        QualityScorer().score("Bread", brief)
    with pytest.raises(PostDataError, match="brief is"):
        asyncio.run(Enhancer().enhance("Bread", brief))


@pytest.mark.parametrize("language", NO_TAGS)
def test_what_is_no_language_is_refused(language):
    with pytest.raises(PostDataError, match="language is"):
        QualityScorer().score("Bread", language=language)
    with pytest.raises(PostDataError, match="language is"):
        asyncio.run(Enhancer().enhance("Bread", language=language))


@pytest.mark.parametrize("decision", [None, 5, "liked", ["accepted"]])
def test_what_is_no_decision_is_refused(decision):
    with pytest.raises(PostDataError, match=r"decision is .*; one of accepted, edited, rejected is needed"):
        QualityScorer().record("Bread", decision)


@pytest.mark.parametrize("reports", [None, 5, "x", {}, [None], ["x"], QualityReport(axes={})])
def test_what_are_no_reports_is_not_ranked(reports):
    with pytest.raises(ValueError, match=r"reports .*; QualityReports (in a list )?are needed"):
        QualityScorer().rank(reports)


@pytest.mark.parametrize("texts", [None, 5, "text", {"text": 1}])
def test_what_are_no_texts_is_not_taken_for_recent_ones(texts):
    with pytest.raises(ValueError, match=r"recent is .*; texts(?: or posts)? in a list are needed"):
        RecentPosts(texts)
    with pytest.raises(ValueError, match=r"recent is .*; texts(?: or posts)? in a list are needed"):
        QualityScorer(recent=texts)


@pytest.mark.parametrize("name", [None, 5, "nowhere", ["facebook"], {}])
def test_a_platform_that_nobody_knows_is_refused(name):
    with pytest.raises(ValueError, match=r"profile is .*; allowed: "):
        platform.profile(name)


@pytest.mark.parametrize(("text", "language"), [(None, None), (5, None), (b"text", None), ("text", 5), ("text", b"en")])
def test_what_the_readable_features_cannot_read(text, language):
    with pytest.raises(ValueError, match=r"(text|language) is .*; a (str|tag such as 'en') is needed"):
        readable.read(text, language)
