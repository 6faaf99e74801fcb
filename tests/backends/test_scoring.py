"""Heads against numbers worked out by hand, and against float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

# Every number is exact in float32.
ROWS = np.array([[1, 2], [-1, 0.5], [3, -4]], np.float32)
LAYERS = [
    (np.array([[1, -1], [2, 0.5]], np.float32), np.array([0, 1], np.float32)),
    (np.array([[1], [2]], np.float32), np.array([-1], np.float32)),
]


def test_linear_by_hand(scoring_backend):
    head = scoring_backend.linear(np.array([0.5, -1], np.float32), 0.25)
    assert head(ROWS).tolist() == [-1.25, -0.75, 5.75]


def test_mlp_by_hand(scoring_backend):
    # hidden layer: (5, 1), (0, 2.25), (-5, -4) and so (0, 0)
    assert scoring_backend.mlp(LAYERS)(ROWS).tolist() == [6, 3.5, -1]


def _network(seed, widths):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(inputs, outputs)).astype(np.float32), rng.normal(size=outputs).astype(np.float32))
        for inputs, outputs in itertools.pairwise(widths)
    ]


def _exact(layers, rows):
    values = rows.astype(np.float64)
    for index, (weights, bias) in enumerate(layers):
        values = values @ weights + bias
        if index < len(layers) - 1:
            values = np.maximum(values, 0)
    return values[:, 0]


@pytest.mark.parametrize("n", [0, 1, 2, 33, 1024])
@pytest.mark.parametrize("widths", [(64, 1), (1, 1), (64, 32, 1), (7, 16, 8, 1)])
def test_agrees_with_float64(scoring_backend, n, widths):
    layers = _network(n, widths)
    rows = np.random.default_rng(1).normal(size=(n, widths[0])).astype(np.float32)
    heads = [scoring_backend.mlp(layers)]
    if len(widths) == 2:
        heads.append(scoring_backend.linear(layers[0][0][:, 0], float(layers[0][1][0])))
    exact = _exact(layers, rows)
    for head in heads:
        scores = head(rows)
        assert scores.dtype == np.float32
        assert scores.shape == (n,)
        assert np.abs(scores - exact).max(initial=0) <= 1e-5 * np.abs(exact).max(initial=1)


def test_keeps_copies_of_its_weights(scoring_backend):
    weights, layers = np.ones(2, np.float32), _network(0, (2, 3, 1))
    linear, mlp = scoring_backend.linear(weights, 0.0), scoring_backend.mlp(layers)
    before = linear(ROWS).tolist(), mlp(ROWS).tolist()
    weights[:] = 9
    for array in (array for layer in layers for array in layer):
        array[:] = 9
    assert (linear(ROWS).tolist(), mlp(ROWS).tolist()) == before


def test_takes_rows_of_any_layout(scoring_backend):
    head = scoring_backend.mlp(LAYERS)
    frozen = ROWS.copy()
    frozen.flags.writeable = False
    for rows in (np.asfortranarray(ROWS), ROWS[::-1][::-1], frozen, np.hstack([ROWS, ROWS])[:, :2]):
        assert head(rows).tolist() == [6, 3.5, -1]


@pytest.mark.parametrize(
    "layers",
    [
        [],
        LAYERS[:1],
        [LAYERS[0], LAYERS[0]],
        [LAYERS[0], (LAYERS[1][0], np.zeros(3))],
        [LAYERS[0], (np.ones((5, 1)), np.zeros(1))],
        [(np.ones(2), np.zeros(1))],
    ],
    ids=["none", "two outputs", "two outputs at last", "bias too long", "widths differ", "weights flat"],
)
def test_layers_that_do_not_fit_raise(scoring_backend, layers):
    with pytest.raises(ValueError):
        scoring_backend.mlp(layers)
