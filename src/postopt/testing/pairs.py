"""Pairs of requests of which is known whether one answer does for both."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two requests that are alike.

    Attributes:
        same: whether they ask for the same, so that an answer to one may be served for the other.
        kind: how they differ: "light", "free", "asked" and "fresh" in words only; "number", "negation", "reversal" and
            others in what the answer must say.
        language: "en", "es", or "en es" for one of each.
        seed: names the sentence, written by hand, that both come from.
        first: one request.
        second: the other.
    """

    same: bool
    kind: str
    language: str
    seed: str
    first: str
    second: str


def near_pairs() -> tuple[NearPair, ...]:
    """Return some 2,500 pairs, in English and Spanish: for tests of a gate, an embedder, or a threshold of your own."""
    lines = files("postopt.testing").joinpath("near_pairs.tsv").read_text("utf-8").splitlines()
    pairs = (line.split("\t") for line in lines[1:])
    return tuple(NearPair(verdict == "same", *fields) for verdict, *fields in pairs)
