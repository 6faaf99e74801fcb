"""Limits, folds and profiles of platforms."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.quality import platform
from postopt.quality.platform import Fold, Limit, PlatformProfile, Rule, Source, fold_at, profile
from postopt.types import PLATFORMS, Brief

HOST = Source(address="host", as_of=date(2026, 11, 26))
OURS = PlatformProfile(
    name="ours",
    as_of=date(2026, 11, 26),
    limits=(
        Limit(
            unit="code_points", maximum=20, disputed_to=40, recommended=10, note="ours and theirs differ", source=HOST
        ),
        Limit(unit="hashtags", maximum=1, source=HOST),
        Limit(unit="mentions", maximum=0, source=HOST),
    ),
    folds=(
        Fold(device="desktop", characters=15, source=HOST),
        Fold(device="mobile", characters=12, lines=2, source=HOST),
    ),
)


def rules(text, brief=None, given=OURS):
    return [(f.rule, f.hard) for f in platform.check(text, brief, profile=given)]


class TestProfiles:
    def test_all_platforms_of_briefs_have_one(self):
        for name in PLATFORMS:
            found = profile(name)
            assert found.name == name
            assert found.limits
            assert all(source.address.startswith("https://") for source in found.sources)
            assert all(source.as_of <= found.as_of for source in found.sources)
            assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
            assert hash(found) == hash(replace(found))

    @pytest.mark.parametrize("bad", ["myspace", "", None, 3, ["facebook"]])
    def test_unknown(self, bad):
        with pytest.raises(ValueError, match="facebook, facebook_ad, instagram, x, linkedin"):
            profile(bad)

    def test_what_is_not_settled_says_so(self):
        for name in PLATFORMS:
            for limit in profile(name).limits:
                assert limit.disputed_to is None or limit.note

    def test_what_meta_bans_is_hard_in_ads_only(self):
        assert profile("facebook_ad").rule("personal_attribute").hard
        assert profile("instagram").rule("personal_attribute").hard
        assert not profile("facebook").rule("personal_attribute").hard
        assert profile("x").rule("personal_attribute") is None

    def test_frozen(self):
        with pytest.raises(FrozenInstanceError):
            OURS.name = "theirs"

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Source(address="", as_of=date(2026, 1, 1)), "address"),
            (lambda: Source(address="host", as_of="2026"), "as_of"),
            (lambda: Limit(unit="pages", maximum=1, source=HOST), "unit is 'pages'"),
            (lambda: Limit(unit="hashtags", maximum=-1, source=HOST), "maximum"),
            (lambda: Limit(unit="hashtags", maximum=5, disputed_to=5, source=HOST), "disputed_to is 5"),
            (lambda: Limit(unit="hashtags", source=HOST), "maximum is None"),
            (lambda: Limit(unit="hashtags", recommended=1, disputed_to=3, source=HOST), "maximum is None"),
            (lambda: Limit(unit="hashtags", maximum=1, source="host"), "source is 'host'"),
            (lambda: Fold(device="", characters=1, source=HOST), "device"),
            (lambda: Fold(device="mobile", characters=0, source=HOST), "characters"),
            (lambda: Fold(device="mobile", characters=1, lines=0, source=HOST), "lines"),
            (lambda: Rule(name="profanity", hard="yes", source=HOST), "hard"),
            (lambda: PlatformProfile(name="x", as_of="today"), "as_of"),
            (lambda: PlatformProfile(name="x", as_of=date(2026, 1, 1), limits=[]), "a tuple of Limit"),
            (lambda: PlatformProfile(name="x", as_of=date(2026, 1, 1), folds=(1,)), "a tuple of Fold"),
            (lambda: PlatformProfile(name="x", as_of=date(2026, 1, 1), rules=(1,)), "a tuple of Rule"),
        ],
    )
    def test_refuses(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()


class TestLimits:
    def test_within(self):
        assert rules("Come in.") == []

    def test_more_than_is_recommended(self):
        (finding,) = platform.check("Come in, all of", profile=OURS)
        assert (finding.rule, finding.hard, finding.span) == ("platform.longer_than_recommended", False, (10, 15))
        assert "15 characters" in finding.message
        assert finding.source == "host (2026-11-26)"

    def test_a_disputed_maximum_is_a_warning_until_nobody_disputes_it(self):
        (finding,) = platform.check("x" * 40, profile=OURS)
        assert (finding.rule, finding.hard, finding.span) == ("platform.too_long", False, (20, 40))
        assert "not settled: ours and theirs differ" in finding.message
        assert rules("x" * 41) == [("platform.too_long", True)]

    def test_a_settled_maximum_is_hard(self):
        text = "#a #b @c"
        found = platform.check(text, profile=OURS)
        assert [(f.rule, f.hard, text[slice(*f.span)]) for f in found] == [
            ("platform.too_many_hashtags", True, "#b @c"),
            ("platform.too_many_mentions", True, "@c"),
        ]

    def test_a_recommendation_alone(self):
        given = replace(OURS, limits=(Limit(unit="code_points", recommended=3, source=HOST),), folds=())
        assert rules("x" * 99, given=given) == [("platform.longer_than_recommended", False)]

    def test_the_briefs_own_limit(self):
        brief = Brief(topic="Bread", max_length=5, platform="x")
        (finding,) = platform.check("Come in.", brief)
        assert (finding.rule, finding.hard, finding.source, finding.span) == (
            "platform.too_long",
            True,
            "brief",
            (5, 8),
        )

    def test_x_counts_links_as_23(self):
        brief = Brief(topic="Bread", platform="x")
        assert platform.check("x" * 255 + " https://example.com/" + "y" * 200, brief) == []
        (finding,) = platform.check("x" * 257 + " https://example.com/", brief)
        assert finding.hard
        assert "281 characters as X counts them" in finding.message

    def test_without_brief_or_profile_it_is_facebook(self):
        (finding,) = platform.check("x" * 63_207)
        assert finding.hard
        assert "facebook takes 10000" in finding.message

    def test_a_profile_is_one(self):
        with pytest.raises(ValueError, match="a PlatformProfile is needed"):
            platform.check("", profile="facebook")


class TestFold:
    def test_where(self):
        assert fold_at("Come in.", OURS) is None
        assert fold_at("Come in, all of you", OURS) == 12
        assert fold_at("Come\nin\nall", OURS) == 7
        assert fold_at("Come\nin\n\n", OURS) is None
        assert fold_at("Come in, al👨\u200d🎤 of you", OURS) == 11
        assert fold_at("x" * 999, profile("x")) is None

    def test_a_call_that_does_not_show(self):
        brief = Brief(topic="Bread", call_to_action="Pop in", facts={"loaf": "€8", "day": "Monday"})
        text = "€8 a loaf. Pop in Monday"
        (finding,) = platform.check(text, brief, profile=replace(OURS, limits=()))
        assert (finding.rule, finding.hard, text[slice(*finding.span)]) == ("platform.fold", False, "Pop in")
        assert "ours, mobile: only the first 12 characters" in finding.message

    def test_facts_of_which_none_shows(self):
        brief = Brief(topic="Bread", call_to_action="Pop in", facts={"loaf": "€8", "day": "Monday"})
        text = "Pop in and eat on Monday for €8"
        (finding,) = platform.check(text, brief, profile=replace(OURS, limits=()))
        assert text[slice(*finding.span)] == "Monday"

    def test_nothing_to_show(self):
        assert platform.check("x" * 19, Brief(topic="Bread"), profile=replace(OURS, limits=())) == []


class TestBadInput:
    @pytest.mark.parametrize("text", ["", " \n", "\u00a0"])
    def test_blank(self, text):
        assert ("platform.blank", True) in rules(text)

    def test_what_cannot_be_shown(self):
        text = "a\ud800b\0c\0"
        found = platform.check(text, profile=replace(OURS, limits=()))
        assert [(f.rule, f.span, f.hard) for f in found] == [
            ("platform.unencodable", (1, 2), True),
            ("platform.control_character", (3, 4), True),
        ]
        assert "and 1 more" in found[1].message

    @given(st.text(max_size=200), st.sampled_from(PLATFORMS))
    def test_any_text(self, text, name):
        brief = Brief(topic="Bread", platform=name, max_length=90, call_to_action="Pop in", facts={"price": "€8"})
        for finding in platform.check(text, brief, "en"):
            assert finding.axis == "platform"
            assert finding.source
            assert finding.span is None or 0 <= finding.span[0] <= finding.span[1] <= len(text)
