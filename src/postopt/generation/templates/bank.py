"""Banks: the hand-written clauses of one language and tone, as TOML data.

A bank holds six lists: `hook` (an opening line), `lead` (with the topic), `audience`, `offer` (introduces the
facts), `close` (a closing line) and `call` (with the call to action), in the notation of `clause`. The package
brings one for each language and tone; a host writes its own in the same form.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from postopt.errors import PostoptError
from postopt.generation.templates.clause import Clause, parse
from postopt.types import TONES

KINDS = ("hook", "lead", "audience", "offer", "close", "call")
LANGUAGES = ("en", "es")

_FILES = Path(__file__).with_name("banks")  # importlib.resources would double the cost of importing this module

_NEEDED = {"lead": "topic", "audience": "audience", "call": "cta"}
_ALLOWED = {
    "hook": {"brand"},
    "lead": {"topic", "brand"},
    "audience": {"audience", "a audience", "de audience"},
    "offer": {"labels", "labels o"},
    "close": {"brand"},
    "call": {"cta", "brand"},
}


class BankError(PostoptError, ValueError):
    """A clause bank cannot be read; the message names file, list and clause."""


@dataclass(frozen=True, slots=True)
class Bank:
    """The clauses of one language and tone.

    Attributes:
        language: primary language tag: "en" or "es".
        tone: one of `postopt.types.TONES`.
        clauses: for each of `KINDS`, its clauses in file order.
        digest: SHA-256 of the content in hexadecimal; names the grammar that wrote a post.
    """

    language: str
    tone: str
    clauses: dict[str, tuple[Clause, ...]]
    digest: str

    @classmethod
    def load(cls, path: str | Path) -> Bank:
        """Read a bank from a TOML file.

        Raises:
            BankError: the file is no TOML, lacks a list, or a clause is malformed or ambiguous.
            OSError: the file cannot be read.
        """
        return cls.parse(Path(path).read_bytes(), name=str(path))

    @classmethod
    def parse(cls, content: bytes, *, name: str = "bank") -> Bank:
        """Read a bank from TOML; `name` stands for it in messages.

        Raises:
            BankError: as for `load`.
        """
        try:
            data = tomllib.loads(content.decode("utf-8"))
        except ValueError as error:
            raise BankError(f"{name}: not a TOML file in UTF-8: {error}") from error
        for key, allowed in (("language", LANGUAGES), ("tone", TONES)):
            if data.get(key) not in allowed:
                raise BankError(f"{name}: {key} is {data.get(key)!r}; allowed: {', '.join(allowed)}")
        unknown = set(data) - {*KINDS, "language", "tone"}
        if unknown:
            raise BankError(f"{name}: unknown lists {sorted(unknown)}; known: {', '.join(KINDS)}")
        clauses = {kind: _clauses(name, kind, data.get(kind)) for kind in KINDS}
        for source in {f"{hook} {{topic}}." for hook in data["hook"]}.intersection(data["lead"]):
            raise BankError(f"{name}: lead: {source!r} is a hook followed by the topic; leave it to the hook")
        return cls(data["language"], data["tone"], clauses, hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=len(LANGUAGES) * len(TONES))
def builtin(language: str, tone: str) -> Bank:
    """Return the package's own bank for one of `LANGUAGES` and one of `TONES`; read once."""
    return Bank.load(_FILES / language / f"{tone}.toml")


def _clauses(name: str, kind: str, sources: Any) -> tuple[Clause, ...]:
    if not isinstance(sources, list) or not sources or not all(isinstance(source, str) for source in sources):
        raise BankError(f"{name}: {kind} must be a list of one text or more")
    clauses = []
    for source in sources:
        try:
            clause = parse(source)
        except ValueError as error:
            raise BankError(f"{name}: {kind}: {error}") from error
        if clause.slots - _ALLOWED[kind] or (kind in _NEEDED and not clause.slots & _filled_by(kind)):
            raise BankError(f"{name}: {kind}: {source!r} must hold {_expected(kind)}")
        clauses.append(clause)
    _check_unambiguous(name, kind, sources)
    return tuple(clauses)


def _filled_by(kind: str) -> set[str]:
    return {slot for slot in _ALLOWED[kind] if slot.split()[-1] == _NEEDED[kind]}


def _expected(kind: str) -> str:
    slots = " ".join(f"{{{slot}}}" for slot in sorted(_ALLOWED[kind]))
    return f"its {{{_NEEDED[kind]}}} and no slot but {slots}" if kind in _NEEDED else f"no slot but {slots}"


def _check_unambiguous(name: str, kind: str, sources: list[str]) -> None:
    """Refuse a clause that another one begins with: a post must tell which clauses it was made of.

    Lists in which no clause is a prefix of another keep different choices different texts, which is what makes
    counting the language and drawing without repeats correct.
    """
    ordered = sorted(sources)
    for clause, following in pairwise(ordered):
        if following.startswith(clause):
            raise BankError(f"{name}: {kind}: {following!r} begins with {clause!r}; reword one of them")
