"""Which traits go with more engagement among a host's posts: associations, which are no promise.

Nobody assigned these posts by chance. Whoever writes a question may have had something to ask about; what goes with a
question then is what was asked about. On public pages the signs of such coefficients agreed with those of experiments
on five of eight traits. They are for a host that has no experiments, and for what to test next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from postopt._checks import check_name
from postopt.engagement.advising.estimates import EARLIER, Estimate, measured
from postopt.engagement.advising.record import Evidence, Origin, records_of
from postopt.engagement.advising.traits import reading_of
from postopt.engagement.posts import ENGAGEMENT, AnyPost, Columns, read_posts
from postopt.experiments.contrasts import Contrasts, Indices
from postopt.experiments.effects import usual_spread
from postopt.quality.lexicon import primary

_WEEK = 7 * 24 * 3600.0

# The begin of the year 1 and the last second of 9999.
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0


def associations(
    posts: Iterable[AnyPost],
    *,
    target: str = ENGAGEMENT,
    language: str = "en",
    publisher: str = "the host",
    source: str = "the host's own posts",
) -> tuple[Evidence, ...]:
    """Return what goes with more engagement, for `EvidenceCatalogue.including`.

    Each trait is regressed on alone: log(1 + outcome) less the mean of the posts of the same page, type and week.
    Errors are robust to what posts of one such week share. `found` and `confirmed` are as for experiments: told from no
    effect with all traits in mind, and shown again by the later two fifths of the posts' weeks.

    Args:
        posts: with published and outcome; all count alike, so that those still gathering reactions are better left out.
        target: the outcome, as `EngagementPredictor` names it.
        language: a tag; only posts in it are looked at; of a post without a language its words decide.
        publisher: whose posts they are.
        source: where they come from, in words.

    Raises:
        PostDataError: a post cannot be read, or lacks time or outcome.
        ValueError: a name is empty, or `language` is no tag.
    """
    for name, value in (("target", target), ("publisher", publisher), ("source", source)):
        check_name(name, value)
    language = primary(language)
    columns = read_posts(posts, target=target)
    spoken = [
        own or reading_of(text, None).language for own, text in zip(columns.languages, columns.texts, strict=True)
    ]
    columns = columns.take([index for index, own in enumerate(spoken) if own == language])
    if not len(columns):
        return ()
    weeks = np.floor(columns.published / _WEEK).astype(np.int64)
    early = weeks <= np.quantile(weeks, EARLIER)
    everything, first, second = (
        _measured(columns.take(np.flatnonzero(side)), weeks[side], language) for side in (early | True, early, ~early)
    )
    spread = usual_spread([estimate.effect for estimate in everything.values()])
    years = _year(columns.published.min()), _year(columns.published.max())
    origin = Origin(target, "association", source, years, language, publisher)
    return records_of(everything, first, second, origin, spread)


def _year(at: float) -> int:
    # A zone may make it the day before the first year there is, or after the last.
    return datetime.fromtimestamp(min(max(at, _FIRST), _LAST), UTC).year


def _measured(columns: Columns, weeks: Indices, language: str) -> dict[str, Estimate]:
    """Return what goes with more within posts of one page, type and week."""
    places: dict[tuple[str, str, int], list[int]] = {}
    for index, key in enumerate(zip(columns.pages, columns.types, weeks.tolist(), strict=True)):
        places.setdefault(key, []).append(index)
    groups = [place for place in places.values() if len(place) > 1]
    sizes = np.array([len(place) for place in groups], dtype=np.int64)
    rows = [index for place in groups for index in place]
    data = Contrasts(
        texts=tuple(columns.texts[index] for index in rows),
        group=np.repeat(np.arange(len(groups)), sizes),
        effect=np.log1p(columns.outcomes[rows]),
        variance=np.ones(len(rows)),
        start=np.cumsum(sizes) - sizes,
        component=np.arange(len(groups)),
    )
    residual = data.centred(data.effect, data.variance)
    variance = float(np.sum(residual**2)) / max(len(rows) - len(groups), 1)
    # Posts that are all alike have an effect of 0, surely enough; a variance of 0 has no weight.
    data = replace(data, variance=np.full(len(rows), max(variance, 1e-9)))
    return measured(data, sizes.astype(np.float64), language=language, spread=0.0)
