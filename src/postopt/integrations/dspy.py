"""DSPy's optimizers of prompts (GEPA, MIPROv2) as proposers of candidates, and what readers did as their data.

An optimizer selects on the data that it searches, so its own score says little about what it found. What comes back
here are candidates: they are checked, tried on readers and checked again like all others (`PromptOptimizer`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from postopt._checks import check_callable, check_name, check_positive
from postopt._optional import needs
from postopt.errors import PromptError, shown
from postopt.generation.constraints import violations
from postopt.prompts.lineage import Evidence, PatternLike, Version
from postopt.prompts.rewriting import cleaned
from postopt.prompts.template import FIELDS, PromptTemplate
from postopt.types import Brief

with needs("dspy"):
    import dspy

_PLACE = re.compile(rf"\{{(?:brief|{'|'.join(FIELDS)})\}}|\{{\{{|\}}\}}|[{{}}]")


class Logged(NamedTuple):
    """One post that readers saw.

    Attributes:
        brief: what it was written for.
        post: its text.
        reward: what it earned, clicks per impression for example.
        propensity: the probability with which it was chosen; 0 < propensity <= 1.
    """

    brief: Brief
    post: str
    reward: float
    propensity: float = 1.0


class Readable(PatternLike, Protocol):
    """A pattern that can be looked for in a text."""

    def matches(self, text: str) -> bool:
        """Whether a text has it."""
        ...


def to_dspy_examples(log: Iterable[Logged]) -> list[dspy.Example]:
    """Return one example for each post: its brief as input; `post`, `reward` and `weight` (1 / propensity) beside it.

    `request` holds the `Brief`, for `as_metric`. Post and reward are no inputs: a program never sees them.

    Raises:
        ValueError: a propensity is not above 0 and at most 1.
    """
    examples = []
    for brief, post, reward, propensity in log:
        if check_positive("propensity", propensity, "a probability") > 1:
            raise ValueError(f"propensity is {shown(propensity)}; a probability is needed")
        _, told = _TELLER.render(brief)
        example = dspy.Example(brief=told, request=brief, post=post, reward=reward, weight=1 / propensity)
        examples.append(example.with_inputs("brief"))
    return examples


def as_metric(scorer: Callable[[str, Brief], float], patterns: Sequence[Readable] = ()) -> Callable[..., Any]:
    """Return a metric for DSPy: a score with feedback in words, which GEPA hands to its reflection.

    A post that breaks its brief scores 0, whatever the scorer says; else the score is the scorer's, cut to 0 to 1. The
    feedback says how the brief is broken and which confirmed patterns the post has or lacks, with lift, interval and n.

    Args:
        scorer: how good a post is for its brief, from 0 to 1.
        patterns: of which the confirmed ones are told.
    """
    check_callable("scorer", scorer, "says how good a post is for its brief")
    confirmed = [(pattern, Evidence.of(pattern).words()) for pattern in patterns if pattern.status == "confirmed"]

    def metric(gold: dspy.Example, pred: dspy.Prediction, *_: object, **__: object) -> dspy.Prediction:
        # DSPy calls with trace, and GEPA with the predictor's name and trace besides; a metric needs neither.
        post = str(getattr(pred, "post", "") or "")
        broken = violations(post, gold.request)
        score = 0.0 if broken else min(1.0, max(0.0, float(scorer(post, gold.request))))
        had = [f"The post {'has' if pattern.matches(post) else 'lacks'} {words}." for pattern, words in confirmed]
        return dspy.Prediction(score=score, feedback=" ".join([f"Score {score:.3f}.", *broken, *had]))

    return metric


class DSPyProposer:
    """A `Proposer` that lets one of DSPy's optimizers search for a better text.

    The prompt's text is the instruction of a one-step program from brief to post, on which the optimizer is compiled.
    Each instruction that it comes back with is a candidate; places that it lost follow it, a line each. Demonstrations
    are not taken over: a template has no room for them.

    The search runs in a thread. A cancelled `propose` returns at once and leaves it to the optimizer's own limits,
    which also bound how often language models are asked (`max_metric_calls`, `num_trials`): `limit` bounds candidates.

    Args:
        optimizer: makes a new one for each search: `lambda: dspy.GEPA(metric=..., max_metric_calls=60, ...)`. With
            `track_stats=True`, GEPA's other candidates are returned after its best.
        trainset: of `to_dspy_examples`; keep those for the screening and for tests of one's own out of it.
        valset: as DSPy takes it.
        lm: writes the posts.
        arguments: of `compile`, beside these.
        name: as the lineage calls it.

    Raises:
        ValueError: `trainset` is empty, or an argument none of its kind.
    """

    def __init__(
        self,
        optimizer: Callable[[], Any],  # DSPy's Teleprompter, which each optimizer types in its own way
        trainset: Sequence[dspy.Example],
        *,
        lm: dspy.BaseLM,
        valset: Sequence[dspy.Example] | None = None,
        arguments: dict[str, Any] | None = None,
        name: str = "dspy",
    ) -> None:
        check_callable("optimizer", optimizer, "makes an optimizer of DSPy")
        if not trainset:
            raise ValueError("trainset is empty; examples of `to_dspy_examples` are needed")
        self.name = check_name("name", name)
        self._optimizer = optimizer
        self._sets = {"trainset": list(trainset), **({} if valset is None else {"valset": list(valset)})}
        self._arguments = dict(arguments or {})
        self._lm = lm

    async def propose(self, present: Version, patterns: Sequence[PatternLike], limit: int) -> Sequence[Version]:
        """Return what the search found, the best by its own score first.

        `patterns` become the candidates' evidence; how they guide the search is the metric's matter (`as_metric`).
        """
        evidence = tuple(Evidence.of(pattern) for pattern in patterns)
        instructions = await asyncio.to_thread(self._search, present.template)
        found: dict[str, Version] = {}
        for instruction in instructions:
            try:
                template = replace(present.template, text=_with_places(cleaned(instruction), present.template))
            except PromptError:  # longer than any template, or unprintable
                continue
            if template.version != present.version:
                found.setdefault(
                    template.version,
                    Version(
                        template=template,
                        parents=(present.version,),
                        edit="the text was searched by DSPy",
                        evidence=evidence,
                        proposer=self.name,
                    ),
                )
        return tuple(found.values())[:limit]

    def _search(self, template: PromptTemplate) -> list[str]:
        # In a context, because DSPy's settings belong to the thread that made them.
        with dspy.context(lm=self._lm):
            student = dspy.Predict(dspy.Signature("brief -> post", template.text))
            compiled = self._optimizer().compile(student, **self._sets, **self._arguments)
        return [_instruction(program) for program in (compiled, *_others(compiled))]


_TELLER = PromptTemplate("{brief}")


def _others(compiled: Any) -> list[Any]:
    """Return the other programs of a search, the best first, where the optimizer keeps them."""
    if (results := getattr(compiled, "detailed_results", None)) is not None:  # GEPA, with track_stats
        scored = zip(results.val_aggregate_scores, results.candidates, strict=True)
        return [program for _, program in sorted(scored, key=lambda pair: -pair[0])]
    tried = getattr(compiled, "candidate_programs", None) or []  # MIPROv2
    return [one["program"] for one in sorted(tried, key=lambda one: -float(one["score"]))]


def _instruction(program: Any) -> str:
    return str(program.predictors()[0].signature.instructions)


def _with_places(instruction: str, template: PromptTemplate) -> str:
    """Return an instruction as a template's text: its own braces doubled, the places that it lost at its end."""
    text = _PLACE.sub(lambda mark: mark.group() if len(mark.group()) > 1 else 2 * mark.group(), instruction)
    if "{brief}" in text:
        return text
    return "\n".join([text, *(f"{{{name}}}" for name in sorted(template.fields) if f"{{{name}}}" not in text)])
