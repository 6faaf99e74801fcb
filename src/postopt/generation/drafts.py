"""What has been written for one brief so far, and the verdict on each further answer. Pure: nothing here awaits."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from postopt.backends.json import canonical
from postopt.errors import GenerationError, PostRejectedError
from postopt.generation.constraints import Constraints
from postopt.types import Brief, Completion, Post, Posts, Rejection


class Drafts:
    """Sorts a generator's answers to one brief into posts and rejections.

    Law: a post keeps the brief and differs from every other post in more than white space.

    Args:
        brief: what was asked for.
        n: how many variants were asked for; those from `n` on stand in for ones that repeated a text.

    Attributes:
        outage: the first error that said nothing about the brief, or None.
    """

    def __init__(self, brief: Brief, n: int) -> None:
        self.brief = brief
        self._n = n
        self.outage: GenerationError | None = None
        self._constraints = Constraints(brief)
        self._digest = hashlib.sha256(canonical(brief.to_dict()))
        self._texts: set[str] = set()
        self._posts: list[Post] = []
        self._rejections: list[Rejection] = []

    def conflicts(self) -> tuple[str, ...]:
        """Return why no post can keep the brief, so that nobody need be asked."""
        return self._constraints.conflicts()

    def repeats(self, completion: Completion) -> bool:
        """Whether this text has been written already."""
        return _unspaced(completion.text) in self._texts

    def accept(self, variant: int, completion: Completion, seconds: float) -> Post | Rejection:
        """Take a new text: a post if it keeps the brief, else a rejection."""
        if reasons := self._constraints.violations(completion.text):
            return self.reject(variant, reasons)
        self._texts.add(_unspaced(completion.text))
        post = Post(
            id=self._id(variant, completion),
            text=completion.text,
            brief=self.brief,
            generator=completion.generator,
            seed=completion.seed,
            index=variant,
            trace=replace(completion.trace, seconds=seconds),
        )
        self._posts.append(post)
        return post

    def fail(self, variant: int, error: GenerationError) -> Rejection:
        """Take an error instead of a text."""
        if isinstance(error, PostRejectedError):
            return self.reject(variant, error.reasons)
        self.outage = self.outage or error
        return self.reject(variant, (f"No text came out: {error}",))

    def reject(self, variant: int, reasons: tuple[str, ...]) -> Rejection:
        """Take note that a variant will not be a post."""
        if variant >= self._n:
            reasons = (*reasons, "It was asked for in place of a variant that repeated another.")
        rejection = Rejection(variant=variant, reasons=reasons)
        self._rejections.append(rejection)
        return rejection

    def posts(self) -> Posts:
        """Return what there is, in the order of variants."""
        return Posts(
            self.brief,
            sorted(self._posts, key=lambda post: post.index),
            sorted(self._rejections, key=lambda rejection: rejection.variant),
        )

    def _id(self, variant: int, completion: Completion) -> str:
        # Numbers as text: a seed may have more digits than JSON holds. 128 bits of the digest are enough to be unique.
        parts = [completion.generator, str(completion.seed), str(variant), completion.text]
        # The same text again, from another decision, is another post: its readers answer another question.
        parts += completion.trace.decisions
        digest = self._digest.copy()
        digest.update(canonical(parts))
        return digest.hexdigest()[:32]


def _unspaced(text: str) -> str:
    return " ".join(text.split())
