"""Posts of any year and zone: what is learned, judged and said of them is the same, or refused by name."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from postopt.engagement import EngagementPredictor, analyze_many, suggest
from postopt.errors import PostDataError

START = datetime(2024, 1, 1, tzinfo=UTC)
OLD = timedelta(days=80 * 365)


def made(n=200, *, start=START, first=0):
    return [
        {
            "id": str(k), "text": f"bread {k % 7}", "page": "x", "type": "link", "language": "en",
            "published": start + timedelta(hours=k), "outcome": (k * 37) % 50,
        }
        for k in range(first, first + n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return EngagementPredictor().fit(made())


def test_posts_before_1970_are_judged_as_those_after(fitted):
    later = EngagementPredictor().fit(made(start=START - OLD)).evaluate(made(start=START - OLD, first=200))
    today = fitted.evaluate(made(first=200))
    assert later.coverage == today.coverage
    assert later.mae == pytest.approx(today.mae)
    assert max(later.by_day) < 0 < min(today.by_day)


@pytest.mark.parametrize(
    "published",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), datetime(1969, 12, 31, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))),
    ],
)  # fmt: skip
def test_any_year_there_is_has_a_prediction(fitted, published):
    post = {**made(1)[0], "id": "new", "published": published}
    assert fitted.predict(post).low <= fitted.predict(post).high
    (row,) = analyze_many([post], predictor=fitted)
    assert row.error == ""
    assert row.prediction.median == pytest.approx(fitted.predict(post).median, rel=1e-4)
    assert suggest(post) == suggest({**post, "published": START})
    if published.year < 2024:
        assert fitted.evaluate([post]).n == 1
    else:
        with pytest.raises(PostDataError, match="'new' has an outcome and a time in the future"):
            fitted.evaluate([post])


@pytest.mark.parametrize("published", [datetime(2024, 3, 1), date(2024, 3, 1), 1.7e9, "2024-03-01T00:00:00Z"])  # noqa: DTZ001 - that is what is wrong with it
def test_among_stamps_with_a_zone_one_without_is_named(fitted, published):
    posts = [*made(3, first=200), {**made(1)[0], "id": "new", "published": published}]
    for take in (fitted.evaluate, fitted.predict_many, EngagementPredictor().fit):
        with pytest.raises(PostDataError, match=r"row 3: published is .*; a datetime with a zone is needed"):
            take(posts)
    rows = list(analyze_many(posts, predictor=fitted))
    assert [row.error != "" for row in rows] == [False, False, False, True]
