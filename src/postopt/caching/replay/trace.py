"""Requests as somebody recorded them."""

from __future__ import annotations

import csv
import gzip
import lzma
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import IO

from postopt.errors import CacheValueError, shown

MOST = 2**32
"""More than that, of tokens, bytes or money, is taken for a mistake; so weights fit into what a store takes."""

_OPENERS = {".xz": lzma.open, ".gz": gzip.open}

TIERS = (1.0, 5.0, 40.0)
TIER_SHARES = (0.70, 0.25, 0.05)
"""What models cost, one against another, and how often each is asked: a made-up mixture, as `with_tokens` says."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests by number of their key, in order.

    Attributes:
        name: of the file, without the endings that say how it is written.
        keys: for each request, from 0 on in the order of their first request.
        weights: bytes of each key.
        costs: of making each key's value again.
    """

    name: str
    keys: Sequence[int]
    weights: Sequence[int]
    costs: Sequence[float]

    @property
    def is_uniform(self) -> bool:
        """Whether all keys weigh and cost the same."""
        return len(set(self.weights)) <= 1 and len(set(self.costs)) <= 1

    def with_tokens(self, tokens: Sequence[tuple[float, float]], *, seed: int = 0) -> Trace:
        """Return the trace with weights and costs as of texts from language models.

        Each key gets one pair of input and output tokens at random, and a model of one of three prices: it costs
        (input + 4 x output) x price, and weighs 500 bytes and 4.5 for each output token.
        """
        draw = Random(seed)  # noqa: S311 - a simulation
        count = len(self.weights)
        drawn = draw.choices(tokens, k=count)
        prices = draw.choices(TIERS, TIER_SHARES, k=count)
        return replace(
            self,
            weights=[500 + round(4.5 * output) for _, output in drawn],
            costs=[(given + 4 * output) * price for (given, output), price in zip(drawn, prices, strict=True)],
        )


def read_trace(path: Path) -> Trace:
    """Read a trace: CSV with a header and a column "key", plain or compressed (.xz, .gz).

    A column "weight" says how many bytes a key's value takes, a column "cost" what it takes to make; of several
    requests for a key the first one counts. Without them all keys weigh and cost 1.

    Raises:
        CacheValueError: the file is no such thing.
        OSError: it cannot be read.
    """
    numbers: dict[str, int] = {}
    keys: list[int] = []
    weights: list[int] = []
    costs: list[float] = []
    for row in _rows(path, ("key",)):
        number = numbers.setdefault(row["key"], len(numbers))
        keys.append(number)
        if number == len(weights):
            weights.append(max(1, round(_number(path, "weight", row.get("weight", "1")))))
            costs.append(_number(path, "cost", row.get("cost", "1")))
    if not keys:
        raise CacheValueError(f"{path} holds no requests")
    return Trace(_bare_name(path), keys, weights, costs)


def read_tokens(path: Path) -> list[tuple[float, float]]:
    """Read pairs of input and output tokens: CSV with the columns "in_tokens" and "out_tokens".

    Raises:
        CacheValueError: the file is no such thing.
        OSError: it cannot be read.
    """
    rows = _rows(path, ("in_tokens", "out_tokens"))
    tokens = [(_number(path, "tokens", row["in_tokens"]), _number(path, "tokens", row["out_tokens"])) for row in rows]
    if not tokens:
        raise CacheValueError(f"{path} holds no tokens")
    return tokens


def _number(path: Path, name: str, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST:
        raise CacheValueError(f"{path} holds {shown(text)} as {name}; a number from 0 to {MOST:,} is needed")
    return number


def _bare_name(path: Path) -> str:
    name = path.name
    for ending in (*_OPENERS, ".csv"):
        name = name.removesuffix(ending)
    return name


def _rows(path: Path, columns: Sequence[str]) -> Iterator[Mapping[str, str]]:
    opener = _OPENERS.get(path.suffix, open)
    file: IO[str]
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:  # type: ignore[operator]  # one of three alike
            reader = csv.DictReader(file)
            absent = set(columns) - set(reader.fieldnames or ())
            if absent:
                raise CacheValueError(f"{path} has no column {', '.join(sorted(absent))}")
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise CacheValueError(f"{path} has too few columns in line {reader.line_num}")
                yield row
    except (UnicodeDecodeError, csv.Error, lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise CacheValueError(f"{path} cannot be read as CSV: {error}") from error
