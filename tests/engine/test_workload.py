"""What a cell of the race calls, for the backends that are always there."""

from __future__ import annotations

import pytest

from postopt.engine.catalog import CATALOG, CELLS, contenders, load
from postopt.engine.payloads import complete
from postopt.engine.records import Cell
from postopt.engine.workload import work

PAYLOADS = complete({})


def first(cell):
    return load(contenders(cell, CATALOG)[0].target)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_every_cell_can_be_run(cell):
    found = work(cell, first(cell), PAYLOADS)
    found.run()
    assert found.payloads == (1 if cell.role == "scoring" else len(PAYLOADS[cell.size].objects))


@pytest.mark.parametrize(
    "cell", [cell for cell in CELLS if cell.role == "compression"], ids=lambda cell: str(cell.size)
)
def test_bytes_are_counted_by_payload(cell):
    backend = first(cell)
    sizes = [len(backend.compress(blob)) for blob in PAYLOADS[cell.size].encoded]
    assert work(cell, backend, PAYLOADS).bytes_out == round(sum(sizes) / len(sizes)) < cell.size


def test_a_role_without_cells_has_nothing_to_measure():
    with pytest.raises(ValueError, match="loop"):
        work(Cell("loop", "", 0), object(), PAYLOADS)
