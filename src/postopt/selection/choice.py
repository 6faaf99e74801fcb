"""What was chosen, and why."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape

from postopt.selection.candidate import Candidate
from postopt.selection.context import Reading, cell_words
from postopt.selection.knowledge import Expected
from postopt.selection.memory import Written
from postopt.selection.standing import Standing

FORGOTTEN = (
    "its text was not looked at: the warm start's texts are not in the store; they are known again after warm_start"
)


def new_prefix() -> str:
    """Return what the ids of one selector's choices begin with, which those of no other do."""
    return secrets.token_hex(8)


class Choice:
    """The model that a `ModelSelector` chose, with what it expected and why.

    Attributes:
        id: under which the outcome may be learned; unique.
        index: number of the chosen candidate.
        best: number of the candidate that was thought the best of those that could be chosen.
        propensity: the probability with which it was chosen, exactly: 1.0 where nothing was drawn.
        candidates: that there were.
        reading: what was known of the call.
        expected: of each candidate.
        written: what is needed to learn its outcome.
    """

    __slots__ = ("_standing", "best", "candidates", "expected", "id", "index", "propensity", "reading", "written")

    def __init__(
        self,
        id: str,  # noqa: A002 - as the attribute it becomes
        taken: tuple[int, int, float],
        candidates: tuple[Candidate, ...],
        reading: Reading,
        expected: Expected,
        standing: Standing,
    ) -> None:
        self.id = id
        self.index, self.best, self.propensity = taken
        self.candidates = candidates
        self.reading = reading
        self.expected = expected
        self._standing = standing
        text = expected.text
        self.written = Written(
            reading.cell, candidates[self.index].name, 0.0 if text is None else text.added[self.index]
        )

    @property
    def model(self) -> str:
        """Name of the chosen candidate."""
        return self.candidates[self.index].name

    @property
    def score(self) -> float:
        """Expected quality of the chosen model."""
        return self.expected.scores[self.index]

    @property
    def cost(self) -> float | None:
        """US dollars that the call is estimated to cost, or None if nobody knows."""
        return self._cost(self.index)

    @property
    def scores(self) -> Mapping[str, float]:
        """Each candidate's expected quality for this context, 0 to 1, whatever it costs and whether it answers."""
        names = (candidate.name for candidate in self.candidates)
        return dict(zip(names, self.expected.scores, strict=True))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why this model, in sentences."""
        kind = "the best of what could be chosen" if self.index == self.best else "drawn to learn more"
        said = [f"{self.model} is {kind}: expected quality {self.score:.3f}, from {self._basis()}"]
        if self.expected.forgotten:
            said.append(FORGOTTEN)
        scores = self.expected.scores
        better = scores.index(max(scores))
        if scores[better] > self.score and self.index == self.best and not self._excluded(better):
            said.append(self._against(better))
        weight = self._standing.cost_weight
        if weight and self.cost is not None:
            said.append(f"it costs ${self.cost:.6g}, and a dollar counts {weight:.4g} of quality")
        if self._standing.seconds:
            said.append(f"95 % of its calls end in {self._standing.seconds[self.index]:.3g} s")
        for number, candidate in enumerate(self.candidates):
            if self._excluded(number):
                said.append(f"{candidate.name} could not be chosen: {self._excluded(number)}")
        return tuple(said)

    def summary(self) -> str:
        """Return who was chosen and why on one line."""
        price = "" if self.cost is None else f" | ${self.cost:.6g}"
        return f"{self.model}{price} | propensity {self.propensity:.3g} | {'; '.join(self.reasons)}"

    def __repr__(self) -> str:
        return f"Choice({self.model!r}, propensity={self.propensity:.3g}, id={self.id!r})"

    def _repr_html_(self) -> str:
        rows = []
        for number, candidate in enumerate(self.candidates):
            cost = self._cost(number)
            name = escape(candidate.name) + (" (chosen)" if number == self.index else "")
            price = "unknown" if cost is None else f"${cost:.6g}"
            rows.append(f"<tr><td>{name}</td><td>{self.expected.scores[number]:.3f}</td><td>{price}</td></tr>")
        head = "<tr><th>model</th><th>expected quality</th><th>cost</th></tr>"
        why = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        return f"<table>{head}{''.join(rows)}</table><ul>{why}</ul>"

    def _cost(self, number: int) -> float | None:
        return self.candidates[number].cost(len(self.reading.text), self.reading.answer_tokens)

    def _excluded(self, number: int) -> str:
        return self._standing.excluded[number] if self._standing.excluded else ""

    def _basis(self) -> str:
        n = self.expected.row.counts[self.index]
        where = f"in its cell ({cell_words(self.reading.cell)})" if self.reading.cell else "in all"
        text = " and the texts nearest to this one" if self.expected.text is not None else ""
        return f"{n:g} outcomes {where}{text}"

    def _against(self, better: int) -> str:
        ahead = []
        cost = self._cost(better)
        if self._standing.cost_weight and cost is not None:
            ahead.append(f"costs ${cost:.6g}")
        if self._standing.seconds:
            ahead.append(f"takes up to {self._standing.seconds[better]:.3g} s")
        less = self.expected.scores[better] - self.score
        return f"{self.candidates[better].name} is expected to be {less:.3f} better, but {' and '.join(ahead)}"
