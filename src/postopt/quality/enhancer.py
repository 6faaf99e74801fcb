"""Repairs a text, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from postopt._checks import check_amount, check_count, check_share
from postopt.errors import GenerationError, shown
from postopt.generation.base import Generator
from postopt.judgement import QualityReport
from postopt.quality import platform
from postopt.quality.correctness import spoken_in
from postopt.quality.mending.edits import Draft, edits
from postopt.quality.mending.keeping import kept
from postopt.quality.mending.rewriting import bare, request, why_not
from postopt.quality.mending.verdicts import EditDecision, Judged, Ranker, Verdict, of_edit, of_rewrite
from postopt.quality.scorer import QualityScorer, read
from postopt.quality.spans import MOST_READ
from postopt.types import Brief, Post

REWRITE: Final = "rewrite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enhanced:
    """A text after its repair.

    Attributes:
        text: as it is now.
        changed: whether that is another one than before.
        decisions: what was proposed, whether it stays, and why, in order; never empty.
        before: what was said of the text as it came.
        after: what is said of it now.
        cost_usd: what the generator's answers cost, and may have cost.
    """

    text: str
    changed: bool
    decisions: tuple[EditDecision, ...]
    before: QualityReport
    after: QualityReport
    cost_usd: float = 0.0

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules whose findings were removed, and "rewrite" if a generator wrote it anew; no word of the text."""
        return tuple(dict.fromkeys(decision.rule for decision in self.decisions if decision.kept))

    @property
    def left(self) -> tuple[str, ...]:
        """The rules whose findings still forbid publishing the text."""
        return tuple(dict.fromkeys(finding.rule for finding in self.after.hard_failures))


class Enhancer:
    """Repairs what rules find in a text, then lets a generator try, and keeps the original unless that is safe.

    It acts on a text that has a hard failure, and on one whose probability of acceptance is below `threshold`. While
    the scorer is uncalibrated there is no such probability, and nothing else is compared with `threshold`: then it acts
    on what rules found, hard or not.

    First come edits by rules, the same each time; then up to `attempts` rewrites, repaired by the same rules, if a hard
    failure is left or if there is a ranker to judge them. What stays is decided in `postopt.quality.mending.verdicts`:
    an edit for a hard failure if that is gone; an edit of the letter (marks, spaces, characters) if its rule finds less
    and no axis is worse; any other edit, and a rewrite that removes no hard failure, only if no axis is worse and the
    lower bound of the ranker's difference is above 0. The score that asked for an edit never judges it.

    No edit leaves half a sentence: a forbidden word or a place to fill in that cannot go so stays, and so does its
    finding. Only a rewrite replaces a model's refusal. A rewrite is refused if it is a refusal itself, far longer than
    what was there, or about something else (`postopt.quality.mending.rewriting`).

    Laws:
        - A fact that stood in the text stands in it afterwards; without a brief, every number, link and account.
        - No rule forbids publishing by more than before.
        - Without a generator, enhancing the result changes nothing more.
        - A text of more than 100,000 characters, which no brief and no platform takes, is left as it is.
        - Nothing is kept between two calls: a cancelled one leaves nothing behind, and any number may run at a time.

    Args:
        generator: who writes anew, or None for edits by rules alone. Its own wrappers bound the price and time of one
            call (`Budgeted`, `Timed`).
        threshold: the probability of acceptance from which a text is good enough.
        scorer: who finds; None for a scorer without a record or recent posts.
        ranker: who judges what no rule asked for, or None; not the scorer, nor what predicts for it.
        attempts: most calls of the generator for one text; arbitrary.
        max_cost_usd: no further call is made once this much, or the brief's own budget, is spent on a text; with 0 none
            is made. The default is arbitrary.

    Raises:
        ValueError: a setting is out of its range or of another type, or the ranker is the scorer's own.
    """

    def __init__(
        self,
        generator: Generator | None = None,
        threshold: float = 0.8,
        *,
        scorer: QualityScorer | None = None,
        ranker: Ranker | None = None,
        attempts: int = 2,
        max_cost_usd: float = 0.05,
    ) -> None:
        if generator is not None and not callable(getattr(generator, "generate", None)):
            raise ValueError(f"generator is {shown(generator)}; something with a method generate(prompt) is needed")
        if scorer is not None and not isinstance(scorer, QualityScorer):
            raise ValueError(f"scorer is {shown(scorer)}; a QualityScorer or None is needed")
        self.threshold = check_share("threshold", threshold)
        self.scorer = QualityScorer() if scorer is None else scorer
        self._generator = generator
        self._ranker = ranker
        self._attempts = check_count("attempts", attempts, least=0)
        self._most_usd = check_amount("max_cost_usd", max_cost_usd, "US dollars")
        _check_ranker(ranker, self.scorer)

    async def enhance(
        self,
        post: Post | Mapping[str, Any] | str,  # Any: fields of a post, each of its own type
        brief: Brief | None = None,
        *,
        language: str | None = None,
    ) -> Enhanced:
        """Return the text repaired, or as it is; a generator that fails is a decision with its reason, no error.

        Args:
            post: a `Post`, which brings its brief, a mapping with `text`, and `brief` and `language` where it has
                them, or any text.
            brief: what the text was to say.
            language: a tag; None for the brief's, or else the one that the words speak for.

        Raises:
            PostDataError: `post` is none of these, `brief` is no brief, or `language` no tag.
        """
        text, brief, language = read(post, brief, language)
        work = _Work(self.scorer, self._ranker, brief, language, text)
        before = work.now.report
        if len(text) > MOST_READ:
            work.note("none", "", "nothing", f"{len(text)} characters are too many to edit: {MOST_READ} at most")
        elif self._good_enough(before):
            work.note(
                "none", "", "nothing", f"likely to be accepted as it is, with probability {before.acceptance:.2f}"
            )
        else:
            work.repair(self._good_enough)
            if self._generator is not None:
                await self._rewrite(self._generator, work)
        if not work.decisions:
            work.note("none", "", "nothing", _nothing_done(before))
        return Enhanced(
            text=work.now.text,
            changed=work.now.text != text,
            decisions=tuple(work.decisions),
            before=before,
            after=work.now.report,
            cost_usd=work.cost_usd,
        )

    async def _rewrite(self, generator: Generator, work: _Work) -> None:
        brief = work.brief
        most = self._most_usd if brief is None or brief.budget is None else min(self._most_usd, brief.budget)
        for attempt in range(self._attempts):
            report = work.now.report
            if self._good_enough(report) or not (report.findings or report.acceptance is not None):
                return
            if self._ranker is None and not report.hard_failures:
                work.note(REWRITE, "", "nothing", "nobody could judge a rewrite: no hard failure is left, no ranker")
                return
            if work.cost_usd >= most:
                work.note(REWRITE, "", "nothing", f"${work.cost_usd:.4f} is spent, of ${most:.4f}")
                return
            prompt = request(work.now.text, report, brief, work.spoken, attempt)
            try:
                answer = await generator.generate(prompt)
            except GenerationError as error:
                cost = error.cost_usd + error.unsettled_usd
                work.note(REWRITE, "", "asked for a rewrite", f"{type(error).__name__}: {error}", cost)
                if not error.retryable:
                    return
                continue
            work.take(answer.text, answer.trace.cost_usd + answer.trace.unsettled_usd)

    def _good_enough(self, report: QualityReport) -> bool:
        return report.fit and report.acceptance is not None and report.acceptance >= self.threshold


def _nothing_done(report: QualityReport) -> str:
    if report.fit:
        return "no rule found anything that an edit could remove"
    rules = ", ".join(dict.fromkeys(finding.rule for finding in report.hard_failures))
    return f"{rules}: no edit removes it and leaves whole sentences with all their facts; a rewrite may"


def _check_ranker(ranker: object, scorer: QualityScorer) -> None:
    if ranker is None:
        return
    if ranker is scorer or ranker is scorer.response:
        raise ValueError("ranker is the scorer, or predicts for it; another judge is needed, or None")
    if not callable(getattr(ranker, "compare", None)):
        raise ValueError(f"ranker is {shown(ranker)}; something with a method compare(first, second) is needed")  # noqa: TRY004 - as all others


class _Work:
    """One text on its way: what it is now, and what was decided."""

    def __init__(
        self, scorer: QualityScorer, ranker: Ranker | None, brief: Brief | None, language: str | None, text: str
    ) -> None:
        self._scorer = scorer
        self._ranker = ranker
        self._language = language
        self._profile = platform.profile_for(brief, scorer.profile)
        self.brief = brief
        self.now = self._judged(text)
        self.decisions: list[EditDecision] = []
        self.cost_usd = 0.0

    @property
    def spoken(self) -> str:
        """The language of the text as it is now."""
        return spoken_in(self.now.text, self.brief, self._language)

    def repair(self, enough: Callable[[QualityReport], bool]) -> None:
        """Edit by rules until the text is good enough, or no edit may stay.

        It ends: an edit that stays has fewer hard failures, or as many and fewer findings.
        """
        tried: set[tuple[str, str]] = set()
        while not enough(self.now.report) and self._edit_once(tried):
            pass

    def _edit_once(self, tried: set[tuple[str, str]]) -> bool:
        before = self.now
        draft = Draft(before.text, self.brief, self._profile, self._language)
        for edit in edits(draft, before.report):
            if (before.text, edit.text) in tried:
                continue
            tried.add((before.text, edit.text))
            after = self._judged(edit.text)
            verdict = of_edit(edit, before, after, self._ranker)
            self._decide(edit.rule, edit.axis, edit.did, verdict)
            if verdict.keep:
                self.now = after
                return True
        return False

    def take(self, answer: str, cost_usd: float) -> None:
        """Judge a generator's text, once it is repaired itself."""
        text = bare(answer, self.brief, self._language)
        if not text or text == self.now.text:
            self.note(REWRITE, "", "asked for a rewrite", "the answer is the same text, or none", cost_usd)
            return
        if (reason := why_not(text, self.now.text, self.now.report, self.brief)) is not None:
            self.note(REWRITE, "", "asked for a rewrite", reason, cost_usd)
            return
        rewrite = _Work(self._scorer, self._ranker, self.brief, self._language, text)
        rewrite.repair(lambda report: not report.findings)
        if any(finding.rule == "correctness.model_talk" for finding in rewrite.now.report.findings):
            self.note(REWRITE, "", "asked for a rewrite", "the model refuses, or speaks of itself", cost_usd)
            return
        verdict = of_rewrite(self.now, rewrite.now, self._ranker)
        self.cost_usd += cost_usd
        asked = ", ".join(dict.fromkeys(finding.axis for finding in self.now.report.findings))
        self._decide(REWRITE, asked, "wrote it anew", verdict, cost_usd)
        if verdict.keep:
            self.now = rewrite.now

    def note(self, rule: str, axis: str, did: str, reason: str, cost_usd: float = 0.0) -> None:
        """Write down why nothing changed."""
        self.cost_usd += cost_usd
        self._decide(rule, axis, did, Verdict(keep=False, judge="enhancer", reason=reason), cost_usd)

    def _decide(self, rule: str, axis: str, did: str, verdict: Verdict, cost_usd: float = 0.0) -> None:
        self.decisions.append(
            EditDecision(
                rule=rule, axis=axis, did=did, kept=verdict.keep, judge=verdict.judge, reason=verdict.reason,
                cost_usd=cost_usd,
            )
        )  # fmt: skip

    def _judged(self, text: str) -> Judged:
        report = self._scorer.score(text, self.brief, language=self._language)
        return Judged(text, report, kept(text, self.brief))
