"""Facebook and Instagram.

Meta publishes no figure for the length of a post or of an ad's primary text, nor for the fold of Facebook's feed; what
stands here is what others measured. They disagree, and each note says how. The pages were read as stored copies, which
may be older than the day they were read on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from postopt.quality.profiles.records import Fold, Limit, PlatformProfile, Rule, Source

_READ: Final = date(2026, 11, 26)


def _page(address: str) -> Source:
    return Source(address=address, as_of=_READ)


_STANDARDS: Final = "https://transparency.meta.com/policies/ad-standards/"
_ATTRIBUTES = _page(_STANDARDS + "objectionable-content/privacy-violations-personal-attributes")
_HEALTH = _page(_STANDARDS + "restricted-goods-services/health-wellness")
_APPEARANCE = _page(_STANDARDS + "objectionable-content/personal-health-and-appearance")
# Copies of Meta's standards by others; the pages themselves were not to be had.
_LANGUAGE = _page("https://www.medioq.com/PK/Gulberg/365781676608281/DigiPanel")
_BUTTONS = _page("https://resourcedata.store/viewtopic.php?p=17400")
_LENGTHS = _page("https://adsuploader.com/blog/meta-ad-copy-specs")
_FOLDS = _page("https://posttruncate.com/en/platform-limits/")
_CAPTION = _page("https://help.instagram.com/1643471055915254")
_HASHTAGS = _page("https://www.socialmediatoday.com/news/instagrams-implementing-new-limits-on-hashtag-use/808309/")
_MENTIONS = _page("https://www.ayrshare.com/docs/es/apis/post/social-networks/instagram")

# The standards bind ads: what breaks them there is not shown. Of a post that nobody pays for they say nothing.
_AD_RULES: Final = (
    Rule(name="personal_attribute", hard=True, source=_ATTRIBUTES),
    Rule(name="before_after", hard=False, source=_HEALTH),  # bans pictures side by side; a text may only speak of them
    Rule(name="self_perception", hard=True, source=_APPEARANCE),
    Rule(name="fake_button", hard=False, source=_BUTTONS),
    Rule(name="profanity", hard=False, source=_LANGUAGE),
    Rule(name="sensational", hard=False, source=_LANGUAGE),
)
_POST_RULES: Final = tuple(replace(rule, hard=False) for rule in _AD_RULES)

FACEBOOK: Final = PlatformProfile(
    name="facebook",
    as_of=_READ,
    limits=(
        Limit(
            unit="code_points",
            maximum=10_000,
            disputed_to=63_206,
            source=_FOLDS,
            note="most pages say 63,206, bulkpublish.com says 10,000; Meta says nothing",
        ),
    ),
    folds=(
        Fold(
            device="mobile",
            characters=110,
            source=_FOLDS,
            note="pages say 110, 125 or 300; it depends on line breaks and pictures",
        ),
        Fold(device="desktop", characters=477, source=_FOLDS, note="posttruncate.com says 480, posthell.com 477"),
    ),
    rules=_POST_RULES,
)

FACEBOOK_AD: Final = PlatformProfile(
    name="facebook_ad",
    as_of=_READ,
    limits=(
        Limit(
            unit="code_points",
            maximum=500,
            disputed_to=63_206,
            recommended=125,
            source=_LENGTHS,
            note="for the primary text, tools.town says 500, this page 2,200 or 4,096, tooltextpro.com 5,000 and "
            "socialrails.com 63,206; 125 is Meta's recommendation",
        ),
    ),
    folds=(
        Fold(
            device="mobile",
            characters=125,
            lines=3,
            source=_LENGTHS,
            note='"1 to 3 lines"; it depends on the placement',
        ),
    ),
    rules=_AD_RULES,
)

INSTAGRAM: Final = PlatformProfile(
    name="instagram",
    as_of=_READ,
    limits=(
        Limit(unit="code_points", maximum=2_200, recommended=125, source=_FOLDS),
        Limit(
            unit="hashtags",
            maximum=5,
            disputed_to=30,
            source=_HASHTAGS,
            note="announced as 5 in December 2025 and brought in little by little; 30 before",
        ),
        Limit(
            unit="mentions",
            maximum=3,
            disputed_to=20,
            source=_MENTIONS,
            note="3 through this publishing tool; Meta's own interface is said to take 20, which we could not verify",
        ),
    ),
    folds=(Fold(device="mobile", characters=125, lines=3, source=_CAPTION),),
    # A caption is often shown as an ad as well ("boosted"), and then has to keep the standards for ads.
    rules=(_AD_RULES[0], *_POST_RULES[1:]),
)
