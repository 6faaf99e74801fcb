"""What each part of the default eviction policy is worth.

    python benchmarks/test_cache_eviction.py [FOLDER OF TRACES]

Replays the traces beside the checkout with the policy as it is, and with one part changed or taken out, at room for 1 %
and 10 % of the keys. Shown is the mean over the traces of the share of the hits that whoever knows the future has. It
takes some ten minutes; the trace of a million requests is left out.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

from postopt.caching.eviction import S3FIFO, Density, density, frequency, reuse
from postopt.caching.replay.compare import replay
from postopt.caching.replay.optimum import most_hits
from postopt.caching.replay.trace import read_trace

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
NAMES = ("web07", "apache_web", "lirs_multi3", "adaptsize_cdn", "cloudphysics_sample", "mooncake_conv_blocks")
SIZES = (0.01, 0.1)


def changed(place, **values):
    return [patch.object(place, name, value) for name, value in values.items()]


PARTS = {
    "as it is": [],
    "8 + 8 candidates": changed(density, DRAWN=8),
    "64 + 8 candidates": changed(density, DRAWN=64),
    "no candidates carried over": changed(density, CARRIED=0),
    "keys that are gone are not watched": changed(density, WATCHED=1),
    "keys that are gone are forgotten": changed(frequency.FrequencySketch, count=lambda *_: 0),
    "both": [*changed(density, WATCHED=1), *changed(frequency.FrequencySketch, count=lambda *_: 0)],
    "halved every 8 sizes": changed(density, HALVED_EVERY=8),
    "never halved": changed(density, HALVED_EVERY=10**9),
    "a prior of 4 entries and 1 reuse": changed(reuse, _PRIOR_ENTRIES=4.0, _PRIOR_REUSES=1.0),
    "a prior of 1,000 entries, 100 reuses": changed(reuse, _PRIOR_ENTRIES=1000.0, _PRIOR_REUSES=100.0),
    "no guard": changed(Density, _guard=lambda _: None),
    "S3-FIFO": None,
}


def test_what_each_part_is_worth():
    folder = Path(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else TRACES
    traces = [read_trace(path) for name in NAMES for path in folder.rglob(f"{name}.csv*")]
    rooms = [[max(1, int(size * len(trace.weights))) for size in SIZES] for trace in traces]
    best = [[most_hits(trace, room) for room in row] for trace, row in zip(traces, rooms, strict=True)]
    print(f"\n{len(traces)} traces, share of the optimum\n{'':38}" + "".join(f"{size:>8.0%}" for size in SIZES))
    for name, patches in PARTS.items():
        with ExitStack() as stack:
            for one in patches or ():
                stack.enter_context(one)
            shares = [
                [
                    replay(trace, room, S3FIFO() if patches is None else Density())[0] / most
                    for room, most in zip(*at, strict=True)
                ]
                for trace, *at in zip(traces, rooms, best, strict=True)
            ]
        print(f"{name:38}" + "".join(f"{fmean(column):8.3f}" for column in zip(*shares, strict=True)), flush=True)


if __name__ == "__main__":
    test_what_each_part_is_worth()
