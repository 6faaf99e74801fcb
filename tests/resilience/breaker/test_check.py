"""What comes before a call may ask whether there will be one."""

import pytest

from postopt.errors import CircuitOpenError


def test_it_lets_nothing_through_and_refuses_as_a_call_would(bench):
    it = bench()
    it.breaker.check()
    it.open()
    with pytest.raises(CircuitOpenError, match="is open") as caught:
        it.breaker.check()
    assert caught.value.retry_after == 10.0
    assert it.ends() == {"failure": 3, "rejected": 2}
    it.clock.advance(10)
    for _ in range(3):
        it.breaker.check()  # takes no place of a probe
    assert it.runs()
    assert it.breaker.state == "closed"


def test_it_refuses_while_all_probes_are_under_way(bench):
    it = bench(half_open_probes=2).half_open()
    with it.breaker:
        it.breaker.check()
        with it.breaker:
            with pytest.raises(CircuitOpenError, match="being tried") as caught:
                it.breaker.check()
            assert caught.value.retry_after == 60.0
            it.clock.advance(60)
            it.breaker.check()  # they count as lost


@pytest.mark.parametrize("turn", ["disable", "observe"])
def test_it_goes_by_what_the_host_decides(bench, turn):
    it = bench().open()
    getattr(it.breaker, turn)()
    it.breaker.check()
    it.breaker.force_open()
    with pytest.raises(CircuitOpenError, match="forced open"):
        it.breaker.check()


def test_it_refuses_while_another_process_tries(bench):
    class Others:
        wait = 0.0

        def join(self, circuit):
            return lambda: self.wait

    it = bench(shared=(others := Others())).half_open()
    others.wait = 2.0
    with pytest.raises(CircuitOpenError) as caught:
        it.breaker.check()
    assert caught.value.retry_after == 2.0
    others.wait = 0.0
    with it.breaker:
        it.clock.advance(60)  # its lease is over, but others have theirs
        others.wait = 2.0
        with pytest.raises(CircuitOpenError):
            it.breaker.check()
        assert it.breaker.retry_after == 2.0
        assert not it.runs()
