"""The catalogue of evidence on edits: shipped with the library, updated by the host's own experiments."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from postopt._checks import check_amount, check_items, check_name, check_path
from postopt._files import write_whole
from postopt.backends.json import canonical
from postopt.engagement.advising.estimates import ALPHA, Estimate, estimates
from postopt.engagement.advising.record import Evidence as Evidence  # noqa: PLC0414 - what a catalogue holds, in its own file
from postopt.engagement.advising.record import Origin, evidence_of, rounded
from postopt.engagement.advising.traits import TRAITS
from postopt.errors import ModelFileError, NewerModelError, shown
from postopt.experiments.effects import Effect, discoveries, pooled
from postopt.experiments.records import Group
from postopt.quality.lexicon import primary

FORMAT: Final = "postopt-evidence"
VERSION: Final = 1

_SHIPPED = Path(__file__).with_name("catalogue.json")

_Key = tuple[str, str, str, str]


@runtime_checkable
class HasPast(Protocol):
    """Whoever knows the host's past experiments; `ExperimentStore` does."""

    def past(self) -> Iterable[Group]:
        """Return (text, n, successes) of the arms of each."""
        ...


class EvidenceCatalogue:
    """Evidence by trait, outcome, language and kind; a catalogue is never changed, so any number of threads may use it.

    Args:
        records: the evidence, in any order; of several on one trait, outcome, language and kind the last one counts. It
            is kept as evidence on having the trait, whichever edit it was about.
        spread: standard deviation of true effects over traits, in log-odds: by it estimates are pulled towards 0, and
            by it other publishers are taken to differ from the one that was measured. Nothing in one publisher's data
            says how far others differ; that they do so as much as traits do among each other is an assumption.

    Raises:
        ValueError: `spread` is no amount, or a record is none.
    """

    def __init__(self, records: Iterable[Evidence], *, spread: float) -> None:
        self.spread = check_amount("spread", spread, "log-odds")
        given = check_items("records", records, "Evidence")
        for record in given:
            if not isinstance(record, Evidence):
                raise ValueError(f"records has {shown(record)}; Evidence is needed")  # noqa: TRY004 - as all others
            for name, value in zip(("trait", "outcome", "language", "kind"), _key(record), strict=True):
                if not isinstance(value, str):
                    raise ValueError(f"records has one on {name} {shown(value)}; a text is needed")  # noqa: TRY004 - as all others
        by_key = {_key(record): record if record.wanted else record.reversed() for record in given}
        self.records: tuple[Evidence, ...] = tuple(by_key[key] for key in sorted(by_key))
        self._standing = {language: self._stand(language) for language in {primary(r.language) for r in self.records}}

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EvidenceCatalogue):
            return NotImplemented
        return (self.spread, self.records) == (other.spread, other.records)

    def __hash__(self) -> int:
        return hash((self.spread, self.records))

    @classmethod
    def default(cls) -> EvidenceCatalogue:
        """Return the catalogue that is shipped: clicks on English headlines of one publisher, 2013 to 2015."""
        return _shipped()

    def about(self, edit: str, *, outcome: str = "clicks", language: str = "en") -> Evidence | None:
        """Return the evidence on an edit ("question", "without_question"), the randomised if there is any, or None.

        Raises:
            ValueError: `edit` or `outcome` is no name, or `language` no tag.
        """
        wanted = not check_name("edit", edit).startswith("without_")
        key = (edit.removeprefix("without_"), check_name("outcome", outcome), primary(language))
        about = [r for r in self.records if (r.trait, r.outcome, primary(r.language)) == key]
        if not about:
            return None
        record = max(about, key=lambda record: record.kind == "randomised")
        return record if wanted else record.reversed()

    def standing(self, language: str) -> tuple[Evidence, ...]:
        """Return what may be suggested for texts in a language, each as evidence on an edit that lifts.

        What stands and is not denied: the randomised first, then the surest, by the end of the interval that is nearer
        to no effect. An association is left out where randomised evidence on its trait says the opposite.

        Raises:
            ValueError: `language` is no tag.
        """
        return self._standing.get(primary(language), ())

    def _stand(self, language: str) -> tuple[Evidence, ...]:
        helping = [
            record if record.lift > 0 else record.reversed()
            for record in self.records
            if primary(record.language) == language and record.stands and not record.denied
        ]
        proven = {(record.trait, record.wanted) for record in helping if record.kind == "randomised"}
        helping = [
            record
            for record in helping
            if record.kind == "randomised" or (record.trait, not record.wanted) not in proven
        ]
        return tuple(sorted(helping, key=lambda r: (r.kind != "randomised", -r.interval.low, r.edit)))

    def including(self, records: Iterable[Evidence]) -> EvidenceCatalogue:
        """Return a catalogue with further records, in place of those on the same trait, outcome, language and kind."""
        return EvidenceCatalogue([*self.records, *check_items("records", records, "Evidence")], spread=self.spread)

    def with_experiments(
        self,
        experiments: HasPast | Iterable[Group],
        *,
        outcome: str = "clicks",
        language: str = "en",
        publisher: str = "the host",
        source: str = "the host's own experiments",
        years: tuple[int, int] | None = None,
    ) -> EvidenceCatalogue:
        """Return a catalogue that has learned from the host's randomised experiments.

        A record of the same trait, outcome and language is the prior, its variance widened by `spread`^2 unless it is
        the same publisher's; the experiments are the data; both are taken as normal, so that the posterior is their
        mean weighted by precision (A. Gelman and others, Bayesian Data Analysis, 3rd ed. 2013, section 2.5). It speaks
        of the host's readers from then on. Where there is no such record, effects are taken to lie around 0 as `spread`
        says, and wait for a second call with other experiments to be confirmed.

        Confirmed is what the new experiments show on their own (95 %) with the sign of the record, no longer confirmed
        what they show with the other sign. Traits in which they vary in fewer than 20 contrasts stay as they are.

        Args:
            experiments: a store, or the (text, n, successes) of each experiment. Each counts once: experiments that an
                earlier call had are not to be given again.
            outcome: what the successes are.
            language: of the texts, a tag of which the first part counts; "" if they have several.
            publisher: the host's name for whoever's readers these were.
            source: where the data come from, in words.
            years: first and last, if that is known.

        Raises:
            OutcomeError: there are no groups at all, a row is no `(text, n, successes)`, or its counts cannot be.
            ValueError: a name is empty, `language` is no tag, or `years` are no two years.
        """
        for name, value in (("outcome", outcome), ("publisher", publisher), ("source", source)):
            check_name(name, value)
        language, years = primary(language), _years(years)
        origin = Origin(outcome, "randomised", source, years, language, publisher)
        groups = experiments.past() if isinstance(experiments, HasPast) else experiments
        known = {r.trait: r for r in self.records if _key(r)[1:] == (outcome, language, "randomised")}
        new = [
            self._updated(known[trait], estimate, origin)
            if trait in known
            else evidence_of(trait, estimate, origin, spread=self.spread, found=False, confirmed=None)
            for trait, estimate in estimates(groups, language=language or None).items()
        ]
        found = discoveries([record.effect.p_value for record in new], ALPHA)
        return self.including([replace(record, found=yes) for record, yes in zip(new, found, strict=True)])

    def _updated(self, record: Evidence, estimate: Estimate, origin: Origin) -> Evidence:
        own = record.publisher == origin.publisher
        prior = record.effect if own else widened(record.effect, self.spread)
        confirmed = record.confirmed
        if estimate.significant:
            confirmed = (estimate.effect.log_odds > 0) == (record.effect.log_odds > 0)
        return replace(
            record,
            effect=rounded(pooled([(prior, 1.0), (estimate.effect, 1.0)])),
            measured=rounded(estimate.effect).log_odds,
            pairs=record.pairs + estimate.pairs,
            tests=record.tests + estimate.tests,
            impressions=record.impressions + round(estimate.shown),
            source=record.source if own else f"{record.source}; {origin.source}",
            years=_together(record.years, origin.years),
            publisher=origin.publisher,
            confirmed=confirmed,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the catalogue as JSON: whole or not at all, equal catalogues to equal bytes.

        Raises:
            OSError: the file cannot be written; what was there before stays.
            ValueError: `path` is no path.
        """
        path = check_path("path", path)
        body = {"spread": self.spread, "records": [record.state() for record in self.records]}
        written = {"format": FORMAT, "version": VERSION, "sha256": _checksum(body), "catalogue": body}
        # Indented, so that a change shows in a diff; sorted, so that it shows alone.
        text = json.dumps(written, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
        write_whole(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> EvidenceCatalogue:
        """Return the catalogue in a file.

        Raises:
            ModelFileError: it cannot be read, or is truncated, damaged or foreign.
            NewerModelError: it was written by a newer version, or is about traits that this one does not know.
            ValueError: `path` is no path.
        """
        path = check_path("path", path)
        name = path.name
        try:
            body = _body(name, json.loads(path.read_bytes()))
            return cls((Evidence.from_state(record) for record in body["records"]), spread=body["spread"])
        except NewerModelError:
            raise
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ModelFileError(
                f"{name} is no catalogue of evidence that can be read: {error}", hint="build or save it again"
            ) from error


def _body(name: str, written: Any) -> Any:  # Any: JSON, looked at here
    """Return the part of a file that the checksum covers; what is wrong raises."""
    if written["format"] != FORMAT:
        raise ValueError(f"the format is {shown(written['format'])}")
    version, body = written["version"], written["catalogue"]
    if type(version) is not int or version < VERSION:
        raise ValueError(f"the version is {shown(version)}")
    if version > VERSION:
        raise NewerModelError(f"{name} has version {version}; this postopt reads up to {VERSION}")
    if written["sha256"] != _checksum(body):
        raise ValueError("the checksum does not fit")
    unknown = sorted({str(record["trait"]) for record in body["records"]} - set(TRAITS))
    if unknown:
        raise NewerModelError(f"{name} is about {shown(unknown)}, which this postopt cannot look for")
    return body


def widened(effect: Effect, spread: float) -> Effect:
    """Return what an effect says of readers who differ from those it was measured on, by `spread`."""
    return effect._replace(error=math.hypot(effect.error, spread))


@lru_cache(maxsize=1)
def _shipped() -> EvidenceCatalogue:
    return EvidenceCatalogue.load(_SHIPPED)


def _key(record: Evidence) -> _Key:
    return record.trait, record.outcome, record.language, record.kind


def _years(years: object) -> tuple[int, int] | None:
    if years is None:
        return None
    if isinstance(years, tuple | list) and len(years) == 2 and all(type(year) is int for year in years):
        first, last = years
        if first <= last:
            return first, last
    raise ValueError(f"years is {shown(years)}; the first and the last year, or None, is needed")


def _together(years: tuple[int, int] | None, others: tuple[int, int] | None) -> tuple[int, int] | None:
    if years is None or others is None:
        return years or others
    return min(years[0], others[0]), max(years[1], others[1])


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(body)).hexdigest()
