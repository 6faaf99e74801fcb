"""What a predictor knows of a post before anybody has seen it, and what became of it, checked where it enters.

A post is a `Post` or a mapping with the keys `id`, `text`, `title`, `page`, `type`, `language` and `published`; what is
learned from has its outcome besides. Posts are read one by one into a `Row` or all at once into `Columns`: the values
are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from numbers import Integral, Real
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt._checks import check_name
from postopt.errors import PostDataError, shown
from postopt.quality.lexicon import primary
from postopt.types import MAX_COUNT, Post

AnyPost: TypeAlias = Post | Mapping[str, Any]  # Any: what a host's row holds
Id: TypeAlias = str | int | None
"""The host's own id of a post; None if nobody knows."""

ENGAGEMENT: Final = "engagement"

COUNTS: Final = ("reactions", "comments", "shares", "reach", "impressions", "clicks")
"""Keys under which a mapping may hold what was counted; whatever is there must be a count."""

# Of these nobody does more than one to a post, so that there cannot be more of them than people who saw it.
_ONCE = ("reactions", "shares")
_FROM_TABLES = (float, datetime)
_TEXTS = ("title", "page", "type", "language")


class Row(NamedTuple):
    """One post as it was read.

    Attributes:
        id: the host's own; None if nobody knows.
        text: what it says.
        title: title of what it links to; "" if it has none.
        page: who publishes it; "" if nobody knows.
        type: "photo", "video", "link" and the like, in lower case; "" if nobody knows.
        language: the first part of its tag ("en" of "en-US"), in lower case; "" if nobody knows.
        published: in seconds since the epoch; NaN if nobody knows.
        hour: of the day on which it is published, by the stamp's own zone; -1 if nobody knows.
        weekday: the same; Monday is 0.
        outcome: what became of it, zero or more; NaN where none was asked for.
    """

    id: Id
    text: str
    title: str
    page: str
    type: str
    language: str
    published: float
    hour: int
    weekday: int
    outcome: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Posts as they were read, one column for each attribute of `Row`, in the order given."""

    ids: list[Id]
    texts: list[str]
    titles: list[str]
    pages: list[str]
    types: list[str]
    languages: list[str]
    published: NDArray[np.float64]
    hours: NDArray[np.int64]
    weekdays: NDArray[np.int64]
    outcomes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, index: int) -> Row:
        """Return one post."""
        return Row(
            self.ids[index], self.texts[index], self.titles[index], self.pages[index], self.types[index],
            self.languages[index], float(self.published[index]), int(self.hours[index]), int(self.weekdays[index]),
            float(self.outcomes[index]),
        )  # fmt: skip

    def take(self, places: Sequence[int] | NDArray[np.int64]) -> Columns:
        """Return the posts at these places, in that order."""
        at = np.asarray(places, dtype=np.int64)
        order = at.tolist()

        def taken(column: list[str]) -> list[str]:
            return [column[i] for i in order]

        return Columns(
            [self.ids[i] for i in order], taken(self.texts), taken(self.titles), taken(self.pages), taken(self.types),
            taken(self.languages), self.published[at], self.hours[at], self.weekdays[at], self.outcomes[at],
        )  # fmt: skip


def read_post(post: AnyPost, *, target: str | None = None, row: int | None = None) -> Row:
    """Read one post.

    Args:
        post: a `Post`, or a mapping. `text` is needed; the others may be missing, None, or what a table holds for
            nothing: a missing id is None in the row, a missing stamp NaN, a missing text "". Numbers of numpy become
            Python's, also as ids, and a page's number its name. A `Post` has no stamp and no type; its page is its
            brief's brand.
        target: whose outcome is read: "engagement" is what `outcome` says, any other name is a key of the mapping. With
            a target `id`, `published` and the outcome are needed; None reads no outcome.
        row: the post's place among others, for the error's message.

    Raises:
        PostDataError: something is missing or cannot be: a stamp without a zone, a count, of the outcome or of any of
            `COUNTS`, that is negative, NaN or larger than 1e12, more shares or reactions than `reach`. The message
            names the row and the field.
    """
    where = "the post" if row is None else f"row {row}"
    if target is not None:
        check_name("target", target)
    if isinstance(post, Post):
        post = {"id": post.id, "text": post.text, "page": post.brief.brand, "language": post.brief.language}
    if not isinstance(post, Mapping):
        raise PostDataError(f"{where} is {shown(post)}; a Post or a mapping is needed")
    text = post.get("text")
    if not isinstance(text, str):
        raise PostDataError(f"{where}: text is {shown(text)}; a text is needed")
    title, page, kind, language = (_optional_text(where, name, post.get(name)) for name in _TEXTS)
    stamp = post.get("published")
    published, hour, weekday = math.nan, -1, -1
    if target is not None or not (stamp is None or _is_nothing(stamp)):
        moment = read_stamp(stamp, f"{where}: published")
        published, hour, weekday = moment.timestamp(), moment.hour, moment.weekday()
    outcome = math.nan if target is None else read_count(post.get(key_of(target)), f"{where}: {key_of(target)}")
    check_counts(post, where)
    name = _read_id(where, post.get("id"), needed=target is not None)
    return Row(name, text, title, page, kind.lower(), primary(language), published, hour, weekday, outcome)


def read_posts(posts: Iterable[AnyPost], *, target: str | None = None) -> Columns:
    """Read many posts, as `read_post` does each.

    Raises:
        PostDataError: a post cannot be read, or `posts` is no collection of posts.
    """
    if target is not None:
        check_name("target", target)
    given = listed(posts)
    columns = _plain_columns(given, target)
    if columns is None:
        columns = columns_of([read_post(post, target=target, row=row) for row, post in enumerate(given)])
    return columns


def listed(posts: Iterable[AnyPost]) -> list[AnyPost]:
    """Return the posts of a collection, as they are.

    Raises:
        PostDataError: it is no collection of posts.
    """
    if isinstance(posts, str | bytes | Mapping) or not isinstance(posts, Iterable):
        raise PostDataError(f"posts is {shown(posts)}; a collection of posts is needed")
    return list(posts)


def columns_of(rows: Sequence[Row]) -> Columns:
    """Return rows as columns."""
    return Columns(
        [row.id for row in rows], [row.text for row in rows], [row.title for row in rows], [row.page for row in rows],
        [row.type for row in rows], [row.language for row in rows],
        np.array([row.published for row in rows], dtype=np.float64),
        np.array([row.hour for row in rows], dtype=np.int64),
        np.array([row.weekday for row in rows], dtype=np.int64),
        np.array([row.outcome for row in rows], dtype=np.float64),
    )  # fmt: skip


def check_counts(post: Mapping[str, Any], where: str) -> None:  # Any: what a host's row holds
    """Refuse what cannot be under `COUNTS`; `where` names the post for the message.

    Raises:
        PostDataError: one is no count, or there are more reactions or shares than people who saw the post.
    """
    given = [name for name in COUNTS if name in post]
    if not given:
        return
    found = {name: read_count(post[name], f"{where}: {name}") for name in given if post[name] is not None}
    for name in _ONCE:
        if found.get(name, 0.0) > found.get("reach", math.inf):
            raise PostDataError(
                f"{where}: {name} is {shown(post[name])}, more than its reach of {shown(post['reach'])}"
            )


def key_of(target: str) -> str:
    """Return the key under which a mapping holds the outcome of this name."""
    return "outcome" if target == ENGAGEMENT else target


def read_count(value: object, what: str) -> float:
    """Return a count, a finite number from 0 to 1e12, as a float; `what` names it for the message.

    Raises:
        PostDataError: it is none.
    """
    number = math.nan
    if type(value) is not bool and isinstance(value, int | float | Real):  # numpy's numbers are Real, not int
        number = float(value) if value <= MAX_COUNT else math.inf
    if not 0 <= number <= MAX_COUNT:
        raise PostDataError(f"{what} is {shown(value)}; a number from 0 to {MAX_COUNT} is needed")
    return number


def read_stamp(value: object, what: str) -> datetime:
    """Return a stamp that has a zone as it is; `what` names it for the message.

    Raises:
        PostDataError: it has no zone, or is no datetime.
    """
    if not isinstance(value, datetime) or _is_nothing(value) or value.utcoffset() is None:
        raise PostDataError(f"{what} is {shown(value)}; a datetime with a zone is needed")
    return value


def _read_id(where: str, value: object, *, needed: bool) -> Id:
    if value is None and not needed:
        return None
    if type(value) is not bool and isinstance(value, int | Integral):
        return int(value)
    if not isinstance(value, str) or not value:
        raise PostDataError(f"{where}: id is {shown(value)}; a text that is not empty, or an int, is needed")
    return str(value)


def _optional_text(where: str, name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or _is_nothing(value):
        return ""
    if name == "page" and type(value) is not bool and isinstance(value, Integral):
        return str(value)  # a page's number is its name
    raise PostDataError(f"{where}: {name} is {shown(value)}; a text or None is needed")


def _is_nothing(value: object) -> bool:
    """Return whether it is NaN or NaT, which alone of all differ from themselves, or pandas' NA, which says nothing."""
    return type(value).__name__ == "NAType" or (isinstance(value, _FROM_TABLES) and value != value)  # noqa: PLR0124 - that is what tells


def _plain_columns(posts: list[AnyPost], target: str | None) -> Columns | None:
    """Return columns if all rows are plain and nothing is wrong with any, or None: then they are to be read one by one.

    It saves the calls, which cost more than what they do.
    """
    if set(map(type, posts)) != {dict}:
        return None
    rows: list[Any] = posts  # Any: plain dicts, as the line above says
    ids, texts = [row.get("id") for row in rows], [row.get("text") for row in rows]
    stamps = [row.get("published") for row in rows]
    fields = [[row.get(name) for row in rows] for name in _TEXTS]
    # Before any of them is asked whether it is empty, which an array of a table does not answer.
    if not all(set(map(type, column)) <= {str, NoneType} for column in fields):
        return None
    titles, pages, types, languages = ([value or "" for value in column] for column in fields)
    named = {str, int} if target is not None else {str, int, NoneType}
    plain = set(map(type, texts)) == {str} and set(map(type, ids)) <= named and "" not in ids
    if not plain or set(map(type, stamps)) != {datetime} or any("reach" in row for row in rows):
        return None
    if not all(_are_counts([row[name] for row in rows if name in row]) for name in COUNTS):
        return None
    if {stamp.tzinfo for stamp in stamps} != {UTC} and any(stamp.utcoffset() is None for stamp in stamps):
        return None
    outcomes = np.full(len(rows), np.nan)
    if target is not None:
        values = [row.get(key_of(target)) for row in rows]
        if NoneType in map(type, values) or not _are_counts(values):
            return None
        outcomes = np.array(values, dtype=np.float64)
    kinds = {kind: kind.lower() for kind in set(types)}
    tags = {tag: primary(tag) for tag in set(languages)}
    return Columns(
        ids, texts, titles, pages, [kinds[kind] for kind in types], [tags[tag] for tag in languages],
        np.array([stamp.timestamp() for stamp in stamps]),
        np.array([stamp.hour for stamp in stamps], dtype=np.int64),
        np.array([stamp.weekday() for stamp in stamps], dtype=np.int64), outcomes,
    )  # fmt: skip


def _are_counts(values: list[Any]) -> bool:  # Any: what a host's rows hold
    """Return whether all are plain counts, or None."""
    kinds = set(map(type, values))
    return kinds <= {int, float, NoneType} and all(value is None or 0 <= value <= MAX_COUNT for value in values)
