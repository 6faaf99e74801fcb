"""A fleet with a slow and a failing server, simulated in virtual time: nobody waits, and a seed repeats a run."""

import pytest
from simulated_fleet import balanced, drive, round_robin

from postopt.testing.loop import run_scripted

# The slow server's factor, the load, and the most that the p99 may be of that of taking turns. The first is hardest:
# nothing queues there, and what is heavy in itself is half of the p99.
SCENARIOS = [(2.0, 0.35, 0.70), (4.0, 0.35, 0.05), (2.0, 0.45, 0.30)]


def over_seeds(policy, seeds, **options):
    """Return the p50, the p99, the share of errors and the sends a request, each as the mean over seeds."""
    runs = [run_scripted(drive(policy, seed=seed, **options)) for seed in seeds]
    return tuple(sum(getattr(run, name) for run in runs) / len(runs) for name in ("p50", "p99", "errors", "sends"))


def test_a_hedging_balancer_hides_both():
    options = {"slowness": 4.0, "load": 0.35, "requests": 1500, "seeds": [1, 2]}
    _, p99, errors, _ = over_seeds(round_robin, **options)
    _, balanced_p99, balanced_errors, sends = over_seeds(balanced(hedge=0.05), **options)
    assert errors > 0.08
    assert balanced_errors == 0
    assert balanced_p99 <= 0.65 * p99
    assert sends <= 1.06


def test_a_seed_repeats_a_run():
    def run(seed):
        return run_scripted(drive(balanced(hedge=0.05), slowness=2.0, load=0.35, requests=300, seed=seed))

    assert run(1) == run(1) != run(2)


@pytest.mark.long
@pytest.mark.parametrize(("slowness", "load", "most"), SCENARIOS)
def test_in_every_scenario(slowness, load, most):
    options = {"slowness": slowness, "load": load, "requests": 12_000, "seeds": range(5)}
    p50, p99, errors, _ = over_seeds(round_robin, **options)
    balanced_p50, balanced_p99, balanced_errors, sends = over_seeds(balanced(hedge=0.05), **options)
    assert errors > 0.09
    assert balanced_errors == 0
    assert balanced_p50 < p50
    assert balanced_p99 <= most * p99
    assert sends <= 1.06


def test_ejection_and_a_retry_alone_hide_the_errors():
    options = {"slowness": 2.0, "load": 0.45, "requests": 1500, "seeds": [1, 2]}
    p50, _, _, _ = over_seeds(round_robin, **options)
    balanced_p50, _, errors, sends = over_seeds(balanced(), **options)
    assert errors == 0
    assert balanced_p50 < p50
    assert sends <= 1.02
