"""The nouns that all parts share: frozen, slotted, validated where they enter.

A `Brief` says what to write; a `Prompt` asks one generator for one variant of it; a `Completion` is the answer;
a `Post` is an answer that kept the brief's facts; `Posts` are those of one brief together with what was rejected;
`Feedback` is what readers did with a post.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, overload

from postopt.errors import BriefError, OutcomeError, shown
from postopt.judgement import Prediction as Prediction  # noqa: PLC0414 - nouns, kept in a file of their own
from postopt.judgement import QualityReport as QualityReport  # noqa: PLC0414
from postopt.trace import Trace as Trace  # noqa: PLC0414 - one of the nouns, kept in a file of its own

TONES = ("professional", "urgent", "technical", "creative", "friendly", "playful")
PLATFORMS = ("facebook", "facebook_ad", "instagram", "x", "linkedin")

# Arbitrary, far above any real brief: they keep one bad line of input from filling the memory.
MAX_TEXT = 10_000
MAX_ITEMS = 100
MAX_COUNT = 10**12

# Unicode's control characters (general category Cc) but tab and line ends, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Facts(Mapping[str, str]):
    """An immutable, hashable mapping from a fact's name to its value, in the order given."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> str:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What to write about, for whom and within which limits.

    Every text is data: braces, markup, quotes, newlines and right-to-left text reach the post as they are.
    Lists are stored as tuples, so that a brief can be hashed and shared.

    Attributes:
        topic: what the post is about, a phrase or a sentence.
        audience: whom it addresses, as a noun phrase ("owners of small shops"); may be empty.
        tone: one of `TONES`.
        language: a lower-case language tag, such as "en" or "es-MX".
        platform: one of `PLATFORMS`.
        call_to_action: what the reader should do, or None for no call at all.
        keywords: words the post may use as hashtags.
        facts: name -> value; every value appears in every post, unchanged to the code point.
        brand: who is speaking, or None.
        forbidden: words or claims that never appear as whole words, whatever their case.
        max_length: most characters (code points) a post may have, or None.
        priority: queue lane, 0 (first) to 7 (last).
        budget: most US dollars to spend on this brief, or None for no limit of its own.

    Raises:
        BriefError: a field holds a value that is not allowed; the error names field, value and what is allowed.
    """

    topic: str
    audience: str = ""
    tone: str = "professional"
    language: str = "en"
    platform: str = "facebook"
    call_to_action: str | None = None
    keywords: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=lambda: Facts({}))
    brand: str | None = None
    forbidden: tuple[str, ...] = ()
    max_length: int | None = None
    priority: int = 4
    budget: float | None = None

    def __post_init__(self) -> None:
        _check_text("topic", self.topic)
        _check_text("audience", self.audience, may_be_blank=True)
        for name in ("call_to_action", "brand"):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        _check_choice("tone", self.tone, TONES)
        _check_choice("platform", self.platform, PLATFORMS)
        _check_language(self.language)
        object.__setattr__(self, "keywords", _texts("keywords", self.keywords))
        object.__setattr__(self, "forbidden", _texts("forbidden", self.forbidden))
        object.__setattr__(self, "facts", _facts(self.facts))
        _check_int("priority", self.priority, 0, 7)
        if self.max_length is not None:
            _check_int("max_length", self.max_length, 1, 100_000)
        _check_budget(self.budget)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Brief:
        """Build a brief from decoded JSON, refusing names that no field has.

        Raises:
            BriefError: `data` is no mapping, lacks a topic, or holds an unknown or unallowed value.
        """
        names = tuple(f.name for f in fields(cls))
        if not isinstance(data, Mapping):
            raise BriefError("*", data, f"an object with the fields {', '.join(names)}")
        for name in data:
            if name not in names:
                raise BriefError(str(name), data[name], f"one of the fields {', '.join(names)}")
        if "topic" not in data:
            raise BriefError("topic", None, "a non-blank text")
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the brief as plain JSON types, so that `Brief.from_mapping` gives an equal brief back."""
        data: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**data, "keywords": list(self.keywords), "forbidden": list(self.forbidden), "facts": dict(self.facts)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One request to one generator: the brief it was made from and how to sample the answer.

    Attributes:
        brief: what to write.
        variant: which of several answers to the same brief this is, from 0; part of every cache key.
        text: the rendered instruction for a language model; empty for generators that read the brief itself.
        system: the system instruction, if any.
        tenant: on whose behalf; tenants never share cached answers.
        model: which model to ask, where a generator has several.
        seed: makes a generator that samples repeatable, where it can.
        temperature: sampling temperature, or None for the generator's own.
        top_p: nucleus sampling mass, or None.
        max_tokens: most tokens to generate, or None.
        stop: texts at which generation ends.
    """

    brief: Brief
    variant: int = 0
    text: str = ""
    system: str = ""
    tenant: str = ""
    model: str | None = None
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.variant < 0:
            raise ValueError(f"variant is {self.variant}; it counts from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens a call used; `input_tokens` includes `cached_input_tokens`; `estimated` if nobody counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A generator's answer to one prompt; `text` is never empty.

    `index` and `seed` reproduce the text where the generator can: the place in a template language, say.
    """

    text: str
    generator: str
    trace: Trace
    finish_reason: str = "stop"
    usage: Usage = Usage()
    index: int = 0
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A text that keeps its brief: every fact unchanged, nothing forbidden, not too long.

    `id` depends on brief, generator, seed, index, text and decisions only, so that the same run gives the same ids.
    `report` and `prediction` are what a writer with a scorer and a predictor says of it, else None.
    """

    id: str
    text: str
    brief: Brief
    generator: str
    seed: int | None
    index: int
    trace: Trace
    report: QualityReport | None = None
    prediction: Prediction | None = None

    @property
    def model(self) -> str:
        """Which model, or grammar, wrote it."""
        return self.trace.model

    @property
    def arm(self) -> str:
        """Which version of the prompt it was written with, or "" where none are compared."""
        return self.trace.arm

    @property
    def propensity(self) -> float:
        """With what probability prompt and model were chosen."""
        return self.trace.propensity

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons for prompt and model."""
        return self.trace.why


@dataclass(frozen=True, slots=True)
class Feedback:
    """What readers did with a post, as one report counts it.

    Attributes:
        id: of the report; a second one with the same id counts as a duplicate.
        post_id: `Post.id`.
        impressions: how often the post was shown.
        clicks: how often it was clicked; at most `impressions`.
        at: when that was counted, in seconds since the epoch.
        reactions: likes and the like, or None if nobody counted them.
        hides: how often a reader hid the post, at most `impressions`, or None if nobody counted them.
        revenue: in US dollars, or None if nobody counted it; a refund is negative.

    Raises:
        OutcomeError: a count is negative, NaN or no number, or there are more clicks or hides than impressions.
    """

    id: str
    post_id: str
    impressions: int
    clicks: int
    at: float
    reactions: int | None = None
    hides: int | None = None
    revenue: float | None = None

    def __post_init__(self) -> None:
        for name in ("id", "post_id"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise OutcomeError(f"{name} is {shown(getattr(self, name))}; a text that is not empty is needed")
        for name in ("impressions", "clicks", "reactions", "hides"):
            _check_reported(name, getattr(self, name), 0, whole=True, optional=name in ("reactions", "hides"))
        for name in ("at", "revenue"):
            _check_reported(name, getattr(self, name), -MAX_COUNT, whole=False, optional=name == "revenue")
        for name in ("clicks", "hides"):
            if (getattr(self, name) or 0) > self.impressions:
                raise OutcomeError(f"{getattr(self, name)} {name} of {self.impressions} impressions cannot be")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A variant that was not emitted, and why."""

    variant: int
    reasons: tuple[str, ...]


class Posts(Sequence[Post]):
    """The posts of one brief, best first where somebody judges them, else by variant; and what was rejected."""

    __slots__ = ("_posts", "brief", "rejections")

    def __init__(self, brief: Brief, posts: Sequence[Post], rejections: Sequence[Rejection] = ()) -> None:
        self.brief = brief
        self.rejections = tuple(rejections)
        self._posts = tuple(posts)

    @overload
    def __getitem__(self, index: int) -> Post: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Post, ...]: ...
    def __getitem__(self, index: int | slice) -> Post | tuple[Post, ...]:
        return self._posts[index]

    def __len__(self) -> int:
        return len(self._posts)

    def __repr__(self) -> str:
        return f"Posts({len(self._posts)} written, {len(self.rejections)} rejected, topic={self.brief.topic!r})"


def _check_reported(name: str, value: Any, least: int, *, whole: bool, optional: bool) -> None:
    if value is None and optional:
        return
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not fits or not least <= value <= MAX_COUNT:
        what = "a whole number" if whole else "a number"
        raise OutcomeError(f"{name} is {shown(value)}; {what} from {least} to {MAX_COUNT} is needed")


def _check_text(name: str, value: object, *, may_be_blank: bool = False) -> None:
    if not isinstance(value, str) or not (may_be_blank or value.strip()):
        raise BriefError(name, value, "a text" if may_be_blank else "a non-blank text")
    if len(value) > MAX_TEXT:
        raise BriefError(name, value, f"at most {MAX_TEXT} characters, got {len(value)}")
    if _UNPRINTABLE.search(value):
        raise BriefError(name, value, "text without control characters or lone surrogates")


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BriefError(name, value, ", ".join(allowed))


def _check_language(value: object) -> None:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise BriefError("language", value, 'a language tag such as "en", "es" or "es-MX"')


def _check_int(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BriefError(name, value, f"a whole number from {low} to {high}")


def _check_budget(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise BriefError("budget", value, "US dollars, zero or more, or None")


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise BriefError(name, values, "a list of texts")
    if len(values) > MAX_ITEMS:
        raise BriefError(name, values, f"at most {MAX_ITEMS} items")
    for index, value in enumerate(values):
        _check_text(f"{name}[{index}]", value)
    return tuple(values)


def _facts(values: object) -> Facts:
    if not isinstance(values, Mapping):
        raise BriefError("facts", values, "an object of name: text")
    if len(values) > MAX_ITEMS:
        raise BriefError("facts", values, f"at most {MAX_ITEMS} items")
    for name, value in values.items():
        _check_text("facts (name)", name)
        _check_text(f"facts[{name!r}]", value)
    return Facts(values)
