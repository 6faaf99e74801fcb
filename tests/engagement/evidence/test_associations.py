"""What goes with more engagement among posts, and what that is called."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from postopt.engagement.advising.associations import associations
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.errors import PostDataError

START = datetime(2026, 1, 5, tzinfo=UTC)


def posts(n=1200, *, pages=4, days=210, effect=0.5, language="en", seed=0):
    """Posts of which a question mark goes with more engagement, and of which the larger pages ask more."""
    draw = np.random.default_rng(seed)
    made = []
    for index in range(n):
        page = int(draw.integers(pages))
        question = draw.random() < 0.2 + 0.15 * page
        level = 3 + page + effect * question + draw.normal(0, 0.4)
        made.append({
            "id": str(index), "text": f"the paper of the week {index}" + "?" * int(question), "page": str(page),
            "type": "link", "language": language, "published": START + timedelta(days=float(draw.random() * days)),
            "outcome": round(float(np.expm1(level))),
        })  # fmt: skip
    return made


def of(records, trait):
    return next((record for record in records if record.trait == trait), None)


class TestAssociations:
    def test_what_goes_with_more_is_found_within_pages(self):
        record = of(associations(posts()), "question")
        assert record.effect.log_odds == pytest.approx(0.5, abs=0.1)
        assert (record.kind, record.outcome, record.stands) == ("association", "engagement", True)
        assert record.years == (2026, 2026)

    def test_what_only_large_pages_do_is_not_taken_for_what_works(self):
        record = of(associations(posts(effect=0.0)), "question")
        assert not record.stands
        assert abs(record.effect.log_odds) < 0.1

    def test_the_order_of_the_posts_changes_little(self):
        given = posts(400)
        for one, other in zip(associations(given), associations(given[::-1]), strict=True):
            assert one.effect.log_odds == pytest.approx(other.effect.log_odds, abs=1e-4)

    def test_other_languages_are_left_out_and_told_by_their_words_where_nobody_says(self):
        assert associations(posts(400, language="es")) == ()
        assert of(associations(posts(400, language=None)), "question") is not None
        assert of(associations(posts(400, language="en-GB")), "question") is not None

    @pytest.mark.parametrize("given", [[], posts(1), posts(30), [{**post, "outcome": 0} for post in posts(300)]])
    def test_where_nothing_can_be_said_nothing_stands(self, given):
        assert not any(record.stands for record in associations(given))

    def test_one_page_will_do(self):
        assert of(associations(posts(1200, pages=1, days=420)), "question").stands

    def test_the_language_is_the_same_however_its_tag_is_written(self):
        assert associations(posts(400), language="EN_us") == associations(posts(400)) != ()

    @pytest.mark.parametrize("settings", [{"language": None}, {"target": 5}, {"publisher": ""}, {"source": ["a"]}])
    def test_a_name_that_is_none_is_refused(self, settings):
        (name,) = settings
        with pytest.raises(ValueError, match=f"{name} is"):
            associations(posts(1), **settings)

    @pytest.mark.parametrize(
        ("first", "years"),
        [
            (datetime(1960, 1, 1, tzinfo=UTC), (1960, 2026)), (datetime(1, 1, 1, tzinfo=UTC), (1, 2026)),
            (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), (1, 2026)),
            (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))), (2026, 9999)),
        ],
    )  # fmt: skip
    def test_posts_of_any_year_there_is(self, first, years):
        given = posts(400)
        records = associations([*given, {**given[0], "id": "other", "published": first}])
        assert {record.years for record in records} == {years}

    @pytest.mark.parametrize("change", [{"outcome": -1}, {"outcome": None}, {"published": None}, {"text": None}])
    def test_a_post_that_cannot_be_is_refused(self, change):
        with pytest.raises(PostDataError):
            associations([{**posts(1)[0], **change}])

    def test_they_stand_beside_what_was_randomised_and_never_replace_it(self):
        catalogue = EvidenceCatalogue.default().including(associations(posts()))
        assert catalogue.about("question") == EvidenceCatalogue.default().about("question")
        assert catalogue.about("question", outcome="engagement").kind == "association"
        assert "question" not in {record.edit for record in catalogue.standing("en")}
