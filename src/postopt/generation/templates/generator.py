"""The embedded generator: posts from hand-written clauses, without a model, a key or a network."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from postopt.errors import PostRejectedError
from postopt.generation.templates import address as addresses
from postopt.generation.templates.bank import LANGUAGES, Bank, builtin
from postopt.generation.templates.clause import ADDRESSES
from postopt.generation.templates.language import PostLanguage
from postopt.types import TONES, Brief, Completion, Prompt, Trace

_KEPT = 64  # compiled briefs, the least recently used goes first; about 100 KB each


class TemplateGenerator:
    """A `Generator` that composes posts from clause banks in English and Spanish, in six tones.

    The post for a prompt depends on seed, bank, brief and `prompt.variant` only. Variants of one brief are never
    equal. Each is the best of `best_of` consecutive posts of the brief's language (see `PostLanguage`) by the rules
    of `ranking`, or of fewer where the language is small.

    Args:
        seed: chooses among equally good posts; the same seed writes the same posts.
        banks: the host's own banks; each replaces the built-in one of its language and tone.
        best_of: how many posts are compared for each one written.
        address: how Spanish posts speak to the reader: "tu", "usted", "vosotros", "ustedes", "neutral" (not at all),
            or "auto" to follow the brief's own wording.

    Raises:
        ValueError: `best_of` is below 1 or `address` unknown.
    """

    name = "templates"

    def __init__(self, *, seed: int = 0, banks: Iterable[Bank] = (), best_of: int = 16, address: str = "auto") -> None:
        if best_of < 1:
            raise ValueError(f"best_of is {best_of}; it must be 1 or more")
        if address not in (*ADDRESSES, "auto", "neutral"):
            raise ValueError(f"address is {address!r}; allowed: {', '.join(ADDRESSES)}, neutral, auto")
        self.seed = seed
        self.best_of = best_of
        self.address = address
        self._banks = {(bank.language, bank.tone): bank for bank in banks}
        self._compiled = lru_cache(maxsize=_KEPT)(self._compile)

    keeps_deadline = True

    def max_cost(self, prompt: Prompt) -> float:  # noqa: ARG002 - the same for all
        """Return 0: a template costs nothing."""
        return 0.0

    async def generate(self, prompt: Prompt) -> Completion:
        """Write variant `prompt.variant` of the prompt's brief.

        Raises:
            PostRejectedError: no post can keep the brief, or it has fewer variants; the reasons say which.
        """
        return self.compose(prompt.brief, prompt.variant)

    def compose(self, brief: Brief, variant: int = 0) -> Completion:
        """Write one post without awaiting; same result and errors as `generate`."""
        language = self.language(brief)
        variants = language.size // language.width
        if variant >= variants:
            raise PostRejectedError(
                (f"Variant {variant} was asked for; this brief allows {variants} different posts.",)
            )
        reasons: tuple[str, ...] = ()
        for text in language.best(variant):
            reasons = language.violations(text)
            if not reasons:
                trace = Trace(tier="template", model=language.grammar, notes=language.notes())
                return Completion(text=text, generator=self.name, trace=trace, index=variant, seed=self.seed)
        raise PostRejectedError(reasons)

    def language(self, brief: Brief) -> PostLanguage:
        """Return all posts for a brief, compiled once and kept for the next variant.

        Raises:
            PostRejectedError: there is no bank for its language, or no post can keep the brief.
        """
        return self._compiled(brief)

    def capacity(self, brief: Brief) -> int:
        """Return how many different variants `generate` can write for a brief.

        Raises:
            PostRejectedError: as for `language`.
        """
        language = self.language(brief)
        return language.size // language.width

    def _compile(self, brief: Brief) -> PostLanguage:
        bank = self._bank(brief)
        return PostLanguage(bank, brief, seed=self.seed, address=self._address(brief, bank), best_of=self.best_of)

    def _bank(self, brief: Brief) -> Bank:
        primary = brief.language.split("-")[0]
        bank = self._banks.get((primary, brief.tone))
        if bank is not None:
            return bank
        if primary not in LANGUAGES or brief.tone not in TONES:
            raise PostRejectedError(
                (f"There is no clause bank for the language {primary!r}, only for {', '.join(LANGUAGES)}.",)
            )
        return builtin(primary, brief.tone)

    def _address(self, brief: Brief, bank: Bank) -> int | None:
        if bank.language != "es" or self.address == "neutral":
            return None
        return addresses.infer(brief) if self.address == "auto" else ADDRESSES.index(self.address)
