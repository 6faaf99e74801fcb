"""The choices a post is made of: for one brief, the clauses that fit it, filled in and described."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from postopt.generation.templates import facts as factual
from postopt.generation.templates import spanish
from postopt.generation.templates.bank import Bank
from postopt.generation.templates.clause import Clause, Option
from postopt.generation.templates.facts import Fact, Layout
from postopt.generation.templates.words import count_emoji, ends_sentence, stems
from postopt.types import Brief

MAX_HASHTAGS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """One part of a post and the texts that may fill it; `lengths` are in code points, one for each text."""

    name: str
    options: Sequence[Option]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, name: str, options: Sequence[Option]) -> Axis:
        """Build an axis from options that are rendered already, each text once."""
        unique = tuple({option.text: option for option in options}.values())
        return cls(name, unique, tuple(len(option.text) for option in unique))

    def only(self, keep: Sequence[int]) -> Axis:
        """Return the axis with the options at the given places."""
        options = self.options
        chosen = options.only(keep) if isinstance(options, FactBlocks) else [options[place] for place in keep]
        return Axis(self.name, chosen, tuple(self.lengths[place] for place in keep))


class FactBlocks(Sequence[Option]):
    """Ways to show the facts (layouts x orders), each rendered when it is first asked for.

    Five facts in 120 orders and a dozen layouts are 1,440 blocks, of which a brief with three posts uses a few.
    """

    def __init__(self, ways: Sequence[tuple[Layout, tuple[Fact, ...]]]) -> None:
        self._ways = ways
        self._rendered: dict[int, Option] = {}

    def __len__(self) -> int:
        return len(self._ways)

    def __getitem__(self, place: int) -> Option:  # type: ignore[override]  # no slices: `only` picks places
        option = self._rendered.get(place)
        if option is None:
            layout, order = self._ways[place]
            text = layout.render(order)
            option = Option(text, emoji=factual.emoji_in(layout, order))
            self._rendered[place] = option
        return option

    def only(self, keep: Sequence[int]) -> FactBlocks:
        """Return the blocks at the given places."""
        return FactBlocks([self._ways[place] for place in keep])

    @classmethod
    def axis(cls, name: str, ways: Sequence[Layout], orders: Sequence[tuple[Fact, ...]]) -> Axis:
        """Build the axis of all `ways` and `orders`."""
        shown = {way.render(orders[0]): way for way in ways}  # with one fact, separators make no difference
        # A layout's length does not depend on the order but for one closing full stop: that much is added.
        sizes = [len(text) + way.is_sentence for text, way in shown.items()]
        blocks = cls([(way, order) for order in orders for way in shown.values()])
        return Axis(name, blocks, tuple(sizes) * len(orders))


def axes_of(bank: Bank, brief: Brief, address: int | None, allowed: Callable[[str], bool]) -> dict[str, Axis]:
    """Return the axes that this brief can fill, by name; an axis without a single allowed text is left out.

    Args:
        bank: the clauses.
        brief: what to write.
        address: index into `ADDRESSES`, or None to use only clauses that do not address the reader.
        allowed: says whether a text holds nothing forbidden.
    """
    facts = factual.facts_of(brief.facts)
    data = _data(bank, brief, facts)
    many = len(facts) > 1
    described = {name: stems(text) for name, text in data.items() if not name.startswith("labels")}
    # A lead, a call and a close without a frame. As clauses of the bank they would make one post in two ways.
    plain = {"topic": _plain(data["topic"])}
    if "cta" in data:
        plain["cta"] = _plain(data["cta"])
    if "brand" in data:
        plain["sign"] = Option(f"— {data['brand']}", brands=1)
    axes = [Axis.of(name, [option]) for name, option in plain.items() if allowed(option.text)]
    texts = {option.text for option in plain.values()}
    for kind, clauses in bank.clauses.items():
        options = _options(clauses, data, described, address, many=many, allowed=allowed)
        if kind != "offer" or facts:
            axes.append(Axis.of(kind, [option for option in options if option.text not in texts]))
    if facts:
        icons = bank.tone in {"friendly", "playful"}
        ways = factual.layouts(facts, bank.language, icons=icons)
        orders = factual.orders(facts)
        reordered = FactBlocks.axis("reordered", ways, orders)
        as_given = reordered.only(range(len(reordered.options) // len(orders)))
        axes += [reordered, replace(as_given, name="facts")]
        axes.append(FactBlocks.axis("tight", factual.tight_layouts(facts), orders))
    axes.append(Axis.of("tags", [Option(text) for text in _hashtags(filter(allowed, brief.keywords)) if allowed(text)]))
    return {axis.name: axis for axis in axes if axis.options}


def _data(bank: Bank, brief: Brief, facts: tuple[Fact, ...]) -> dict[str, str]:
    """Return what the brief offers to each slot."""
    data = {"topic": brief.topic.strip(), **dict(factual.labels(facts, bank.language))}
    if brief.audience.strip():
        audience = brief.audience.strip()
        data["audience"] = audience
        for preposition in ("a", "de"):
            data[f"{preposition} audience"] = spanish.contract(preposition, audience)
    if brief.brand is not None:
        data["brand"] = brief.brand.strip()
    if brief.call_to_action is not None:
        data["cta"] = brief.call_to_action.strip()
    return data


def _options(
    clauses: Sequence[Clause],
    data: Mapping[str, str],
    described: Mapping[str, frozenset[str]],
    address: int | None,
    *,
    many: bool,
    allowed: Callable[[str], bool],
) -> Iterator[Option]:
    for clause in clauses:
        if clause.fits(data) and not (clause.addressed and address is None):
            option = clause.fill(data, described, address, many=many)
            if allowed(option.text):
                yield option


def _plain(text: str) -> Option:
    return Option(text if ends_sentence(text) else f"{text}.", stems(text), count_emoji(text))


def _hashtags(keywords: Iterable[str]) -> list[str]:
    """Return the ways to end a post with hashtags: one to three of them, in any order."""
    tags = list(dict.fromkeys(tag for tag in map(_hashtag, keywords) if tag))[:5]
    return [
        " ".join(chosen) for count in range(1, min(MAX_HASHTAGS, len(tags)) + 1) for chosen in permutations(tags, count)
    ]


def _hashtag(keyword: str) -> str:
    """Return a keyword as a hashtag: "master's in law" -> "#MastersInLaw", "iPhone" -> "#iPhone".

    Return "" where none can be made: of digits alone, or of signs that count ("C++" is not "#C").
    """
    keyword = keyword.strip().lstrip("#")
    if not {"+", "#"}.isdisjoint(keyword):
        return ""
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=\w)['’](?=\w)", "", keyword))
    tag = "".join(word.capitalize() if word.islower() else word for word in words)
    return f"#{tag}" if any(c.isalpha() for c in tag) else ""
