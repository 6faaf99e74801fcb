"""Posts in a file: CSV with a header or JSON Lines, plain or compressed, whatever its columns are called."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from postopt._textfile import OPENERS, opened
from postopt.errors import PostDataError, shown

KEYS: Final = ("id", "text", "title", "page", "type", "language", "published")

# The csv module refuses fields above 128 KiB; a post of 10 MB is one.
_MOST_FIELD = 2**30


def read_post_file(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    outcome: str | None = None,
    zone: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the posts of a file as the mappings that `EngagementPredictor` and `analyze_many` read.

    Holds one row at a time. A row without an id is called "line-N", N being the number of the line it ends on.

    Args:
        path: CSV if named .csv, else JSON Lines; .gz or .xz behind it says that it is compressed.
        columns: what the file calls the keys of a post, where that differs: `{"text": "message"}`. What it does not
            have is left out.
        outcome: the column of the outcome, or several to be added up: "reactions+comments+shares". None reads
            `outcome` if there is such a column.
        zone: name of the zone of stamps that have none ("America/New_York"); None refuses such stamps.

    Raises:
        PostDataError: the file cannot be read, a column is missing, or a row is malformed; it names line and column.
    """
    path = Path(path)
    names = {key: key for key in KEYS} | dict(columns or {})
    if strange := [key for key in names if key not in KEYS]:
        raise PostDataError(f"columns names {shown(strange[0])}; a post has {', '.join(KEYS)}")
    summed = ("outcome",) if outcome is None else tuple(name.strip() for name in outcome.split("+"))
    needed = {"text": names["text"], **{key: names[key] for key in columns or {}}}
    wanted = [*needed.values(), *(() if outcome is None else summed)]
    default_zone = None if zone is None else _zone(zone)
    for line, row in _rows(path):
        if missing := [name for name in wanted if name not in row]:
            raise PostDataError(f"{path.name}, line {line}: no column {shown(missing[0])}; there are {', '.join(row)}")
        post = {key: row[name] for key, name in names.items() if name in row}
        where = f"{path.name}, line {line}, column"
        if post.get("id") in ("", None):
            post["id"] = f"line-{line}"
        if "published" in post:
            post["published"] = _stamp(post["published"], default_zone, f"{where} {names['published']}")
        counts = [_count(row[name], f"{where} {name}") for name in summed if name in row]
        yield {**post, "outcome": sum(counts)} if counts else post


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each row by column, and the number of the line it ends on."""
    plain = path.with_suffix("") if path.suffix in OPENERS else path
    with opened(path, PostDataError) as file:
        yield from (_csv_rows if plain.suffix == ".csv" else _json_rows)(file, path.name)


def _csv_rows(file: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    while (row := _next(reader)) is not None:
        if None in row or None in row.values():
            raise PostDataError(f"{name}, line {reader.line_num}: not as many fields as the header has columns")
        yield reader.line_num, row


def _next(reader: csv.DictReader[str]) -> dict[str, Any] | None:
    # The limit is the whole process's, so it is lifted for no longer than one row takes.
    before = csv.field_size_limit(_MOST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _json_rows(file: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PostDataError(f"{name}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise PostDataError(f"{name}, line {number}: {shown(row)}; an object is needed")
        yield number, row


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise PostDataError(f"zone is {shown(name)}; a name such as America/New_York is needed") from error


def _stamp(value: object, default: tzinfo | None, where: str) -> datetime | None:
    if value in ("", None):
        return None
    try:
        stamp = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PostDataError(f"{where}: {shown(value)}; a time such as 2016-05-24T18:30:00-04:00 is needed") from error
    if stamp.utcoffset() is None and default is not None:
        stamp = stamp.replace(tzinfo=default)
    if stamp.utcoffset() is None:
        raise PostDataError(f"{where}: {shown(value)} has no zone; say which one the file means")
    return stamp


def _count(value: object, where: str) -> float:
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not math.isfinite(number):  # what is negative is refused by whoever learns from it
        raise PostDataError(f"{where}: {shown(value)}; a count is needed")
    return number
