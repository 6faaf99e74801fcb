"""A prompt with named places for a brief, known by its content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from postopt.backends.json import canonical
from postopt.errors import PromptError, shown
from postopt.generation.prompt import RULES, render
from postopt.quality.instructions import MAX_INSTRUCTION
from postopt.types import Brief, Prompt

FIELDS = (
    "topic", "audience", "tone", "language", "platform", "call_to_action", "keywords", "facts", "brand", "forbidden",
    "max_length",
)  # fmt: skip
"""What a template can name of a brief, each in braces; `{brief}` names all of it."""

MAX_CHARACTERS = 20_000  # of text and of system; twice what a brief's text may have, and else arbitrary
MAX_INSTRUCTIONS = 12  # more, and a model follows none of them well; arbitrary
LANGUAGES = ("en", "es")

_FORMAT = "postopt-prompt/1"  # part of what is hashed: another rendering would be another prompt
_SHORT = 12  # hexadecimal digits; 48 bits tell a million versions apart with a chance of 0.2 % that two are alike
_MARK = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}|[{}]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # as in a brief
# "Above" may ask for what readers turned out not to like: an opening with a question, say.
_HEADINGS = {"en": "Keep to this, whatever is said above:", "es": "Atente a esto, diga lo que diga lo anterior:"}
_VARIANTS = {
    "en": "This is version {}, unlike every other version.",
    "es": "Esta es la versión {}, distinta de las demás.",
}
_REMAINDER = {"en": "Brief:", "es": "Encargo:"}
_NONE = {"en": "none", "es": "ninguno"}

# As `generation.prompt` does: a brief's text cannot end the string that it stands in.
_as_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """Words for a language model with places for a brief, and instructions that were learned.

    Laws:
        - Equal content has the equal version, everywhere and whatever is installed; a changed character changes it.
        - What a brief says is data. A value stands as a JSON string, which it cannot end; braces inside of it are
          braces. A place is a name of `FIELDS` in braces and nothing else: no attribute, index, format or conversion.
        - Nothing of a brief gets lost. What the text does not name follows it as a JSON object, facts above all, so
          that every value of `facts` is in every rendered prompt.
        - The rules of `generation.prompt.RULES` come first in every system text; no template can drop them.

    Attributes:
        text: with places such as `{topic}`; `{brief}` stands for the whole brief as the library itself tells it
            (`generation.prompt.render`). `{{` and `}}` are braces.
        system: follows the rules; literal, so that it is the same for all briefs and a provider can cache it.
        instructions: follow the text, a line each; literal.
        language: in which the template itself is written, "en" or "es"; a post is in that of its brief.
        version: SHA-256 of all that, in hexadecimal.

    Raises:
        PromptError: no text, a place that no brief has, a brace without its other half, characters that cannot be
            printed, or more than `MAX_CHARACTERS`, `MAX_INSTRUCTIONS` or `MAX_INSTRUCTION`.
    """

    text: str
    system: str = ""
    instructions: tuple[str, ...] = ()
    language: str = "en"
    version: str = field(init=False)

    def __post_init__(self) -> None:
        _check_text("text", self.text, MAX_CHARACTERS)
        if not self.text.strip():
            raise PromptError("the prompt's text is blank")
        _check_text("system", self.system, MAX_CHARACTERS)
        if self.language not in LANGUAGES:
            raise PromptError(f"the prompt's language is {shown(self.language)}; allowed: {', '.join(LANGUAGES)}")
        object.__setattr__(self, "instructions", _instructions(self.instructions))
        for _ in _parts(self.text):  # so that what cannot be rendered cannot be made
            pass
        content = [_FORMAT, self.language, self.text, self.system, list(self.instructions)]
        object.__setattr__(self, "version", hashlib.sha256(canonical(content)).hexdigest())

    @property
    def short(self) -> str:
        """The beginning of the version, for people."""
        return short(self.version)

    @property
    def fields(self) -> frozenset[str]:
        """The places that the text has."""
        return frozenset(name for _, name in _parts(self.text) if name)

    def render(self, brief: Brief, variant: int = 0) -> tuple[str, str]:
        """Return the system and the user text for one variant of a brief."""
        named = self.fields
        told = "".join(
            before + (self._value(name, brief, variant) if name else "") for before, name in _parts(self.text)
        )
        parts = [told]
        if self.instructions:
            parts.append("\n".join([_HEADINGS[self.language], *(f"- {line}" for line in self.instructions)]))
        if "brief" not in named:
            # Last, because it is what differs from post to post: what is before it can be cached by a provider.
            left = {name: value for name, value in _material(brief).items() if name not in named}
            parts += [f"{_REMAINDER[self.language]}\n{_as_json(left)}"] if left else []
            parts.append(_VARIANTS[self.language].format(variant + 1))
        return f"{RULES}\n{self.system}" if self.system else RULES, "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the template as plain JSON types, so that `from_mapping` gives an equal one back."""
        return {
            "text": self.text,
            "system": self.system,
            "instructions": list(self.instructions),
            "language": self.language,
        }

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> PromptTemplate:
        """Build a template from decoded JSON.

        Raises:
            PromptError: it is none of ours.
        """
        try:
            return cls(data["text"], data["system"], tuple(data["instructions"]), data["language"])
        except (KeyError, TypeError) as error:
            raise PromptError(f"this is no prompt template: {shown(data)}") from error

    def _value(self, name: str, brief: Brief, variant: int) -> str:
        if name == "brief":
            return render(Prompt(brief=brief, variant=variant))[1]
        value = _material(brief).get(name)
        return _NONE[self.language] if value is None else _as_json(value)


def short(version: str) -> str:
    """Return the beginning of a version, for people and as the name of an arm."""
    return version[:_SHORT]


def _material(brief: Brief) -> dict[str, object]:
    """Return what a brief says to a model, without what it leaves empty."""
    data = {name: getattr(brief, name) for name in FIELDS}
    data["facts"] = dict(brief.facts)
    return {name: value for name, value in data.items() if value}


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield each literal with the name of the place after it, or "" where there is none."""
    literal, end = "", 0
    for mark in _MARK.finditer(text):
        literal += text[end : mark.start()]
        end = mark.end()
        name = mark.group(1)
        if mark.group() in ("{{", "}}"):
            literal += mark.group()[0]
        elif name in FIELDS or name == "brief":
            yield literal, name
            literal = ""
        else:
            raise PromptError(
                f"the prompt's text has {shown(text[mark.start() : mark.start() + 30])} at character {mark.start()}",
                hint=f"places are {', '.join(f'{{{known}}}' for known in (*FIELDS, 'brief'))}; "
                "a brace of its own is written twice",
            )
    yield literal + text[end:], ""


def _instructions(lines: object) -> tuple[str, ...]:
    if isinstance(lines, str) or not isinstance(lines, list | tuple):
        raise PromptError(f"the prompt's instructions are {shown(lines)}; a list of texts is needed")
    if len(lines) > MAX_INSTRUCTIONS:
        raise PromptError(f"the prompt has {len(lines)} instructions; at most {MAX_INSTRUCTIONS} are allowed")
    for line in lines:
        _check_text("instructions", line, MAX_INSTRUCTION)
        if not line.strip() or "\n" in line or "\r" in line:
            raise PromptError(f"an instruction is {shown(line)}; one line is needed")
    return tuple(lines)


def _check_text(name: str, value: object, most: int) -> None:
    if not isinstance(value, str):
        raise PromptError(f"the prompt's {name} is {shown(value)}; a text is needed")
    if len(value) > most:
        raise PromptError(f"the prompt's {name} has {len(value)} characters; at most {most} are allowed")
    if _UNPRINTABLE.search(value):
        raise PromptError(f"the prompt's {name} holds control characters or lone surrogates")


DEFAULT = PromptTemplate("{brief}")
"""Says what the library says without any template."""
