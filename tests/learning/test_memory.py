"""However many reports there are, a loop holds a thousand at a time."""

import tracemalloc

import pytest

from postopt.types import Feedback


@pytest.mark.long
def test_memory_does_not_grow_with_the_reports(new_world, tmp_path):
    def peak(n):
        world = new_world(tmp_path / f"{n}").decide(10)
        loop = world.loop([])
        tracemalloc.start()
        try:
            loop.ingest(Feedback(f"f{i}", f"d{i % 11}", 100, i % 7, float(i % 50)) for i in range(n))
            loop.step(100.0)
            loop.step(200.0)
            for _ in loop.log:
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def least(n):
        return min(peak(n) for _ in range(2))  # what grows once, as the interpreter's tables, is in one of them only

    peak(1000)  # what is loaded and compiled at first
    assert least(6_000) < 1.5 * least(1_500)
