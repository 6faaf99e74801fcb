"""Builds a catalogue of evidence from past tests: the same tests give the same bytes.

    python -m postopt.engagement.advising.cataloguing TESTS.csv.gz CATALOGUE.json

The shipped catalogue is built so from the exploratory part of the Upworthy Research Archive. It is a module and no
script beside the benchmarks, so that whoever has tests of their own can build a catalogue, and check the shipped one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from postopt.engagement.advising.estimates import EARLIER, estimates
from postopt.engagement.advising.record import Origin, records_of
from postopt.engagement.evidence import EvidenceCatalogue
from postopt.experiments.contrasts import contrasts, read_groups
from postopt.experiments.effects import usual_spread
from postopt.experiments.records import Group
from postopt.experiments.replaytests import PastTest, read_tests

# The column in which headlines have to be alike, so that they were shown under one picture.
_PICTURE = "eyecatcher_id"

UPWORTHY = Origin(
    outcome="clicks",
    kind="randomised",
    source="Upworthy Research Archive, exploratory part (Matias, Munger, Aubin Le Quere, Scientific Data 2021)",
    years=(2013, 2015),
    language="en",
    publisher="Upworthy",
)


def build(tests: Iterable[PastTest], origin: Origin = UPWORTHY) -> EvidenceCatalogue:
    """Return what these tests say of every trait.

    Tests whose assignment may have been faulty are left out. Those that share a text, directly or through others, stand
    together; ordered by time, the first three fifths of them are looked at, and the rest confirms. Lift and interval
    are from all, pulled towards 0 as far as effects are usually small.

    Raises:
        OutcomeError: counts cannot be.
    """
    earlier, later = sides(tests)
    first, second = (estimates(side, language=origin.language) for side in (earlier, later))
    together = estimates([*earlier, *later], language=origin.language)
    # Six digits, as in the records: what is beyond depends on the order in which a machine adds.
    spread = float(f"{usual_spread([estimate.effect for estimate in together.values()]):.5e}")
    return EvidenceCatalogue(records_of(together, first, second, origin, spread), spread=spread)


def sides(tests: Iterable[PastTest]) -> tuple[Sequence[Group], Sequence[Group]]:
    """Return the contrasts of earlier and of later tests; none of the later shares a text with an earlier one."""
    sound = [test for test in tests if not test.risk]
    sound = [test for test in sound if read_groups([test.arms])]  # those that compare anything
    groups = [read_groups([test.arms])[0] for test in sound]
    order = sorted(range(len(groups)), key=lambda index: groups[index])
    component = contrasts([groups[index] for index in order]).component
    parts: dict[int, list[int]] = {}
    for index, part in zip(order, component.tolist(), strict=True):
        parts.setdefault(part, []).append(index)
    in_time = sorted(parts.values(), key=lambda part: (min(sound[i].period for i in part), groups[part[0]]))
    cut = round(len(in_time) * EARLIER)
    first, second = ([groups[i] for part in side for i in part] for side in (in_time[:cut], in_time[cut:]))
    return first, second


def main(arguments: Sequence[str]) -> None:
    """Build a catalogue: the tests' file, then the catalogue's."""
    if len(arguments) != 2:
        raise SystemExit("usage: python -m postopt.engagement.advising.cataloguing TESTS.csv.gz CATALOGUE.json")
    build(read_tests(arguments[0], alike=_PICTURE)).save(arguments[1])


if __name__ == "__main__":
    main(sys.argv[1:])
