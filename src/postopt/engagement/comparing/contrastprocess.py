"""A Gaussian process within contrasts: what makes one text better than another for the same readers.

The log-odds of text i of group g are taken to be

    y_i = m_g + f(x_i) + u_i + e_i

with any mean m_g of the group, f a Gaussian process with a kernel over texts, u_i what no kernel sees (variance
`unexplained`) and e_i the noise of counting, whose variance is known. Within each group an orthonormal basis of the
contrasts, scaled by the roots of the weights w_i = 1 / (Var e_i + unexplained), gives values z = By whose noise is
white and that the mean does not reach, so that z ~ N(0, BKB' + I), and everything follows from one inverse:

- the mean of f at x is k(x)'B'S z with S = (BKB' + I)^-1;
- what would have been predicted for some contrasts b had they been left out is z_b - S_bb^-1 (S z)_b, exactly and for
  every part of the data at once;
- the evidence is the density of the contrasts (a restricted likelihood).

Sources: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, MIT Press 2006, sections 2.2
and 5.4; H. D. Patterson and R. Thompson, Biometrika 58(3), 1971, 545-554.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from postopt.experiments.contrasts import Contrasts, Vector

Matrix: TypeAlias = NDArray[np.float32]


class Fit(NamedTuple):
    """What a process learned.

    Attributes:
        dual: one number a text: the mean of f is their sum times the kernel.
        held_out: f of each text above its group, as predicted without the groups of its component.
        evidence: log density of the contrasts, but for a constant.
    """

    dual: Vector
    held_out: Vector
    evidence: float


def fit(data: Contrasts, kernel: Matrix, unexplained: float) -> Fit:
    """Return what the process with this kernel (one row and column a text) learns from the contrasts.

    Takes the memory of some four matrices like the kernel and time of the order of the cube of its size.
    """
    weights = 1 / (data.variance + unexplained)
    bases = _bases(data, weights)
    z = np.concatenate([basis @ data.effect[rows] for rows, basis in bases])
    matrix = _between(bases, kernel)
    matrix[np.diag_indices_from(matrix)] += 1
    logdet = 2 * float(np.sum(np.log(np.diag(np.linalg.cholesky(matrix)))))
    inverse = np.linalg.inv(matrix)
    solved = np.asarray(inverse @ z.astype(np.float32), dtype=np.float64)
    dual = np.zeros(len(data.texts))
    start = _starts(bases)
    for (rows, basis), first in zip(bases, start, strict=True):
        dual[rows] = basis.T @ solved[first : first + len(basis)]
    volume = float(np.sum(np.log(data.sums(weights))) - np.sum(np.log(weights)))
    evidence = -0.5 * (float(z @ solved) + logdet + volume)
    return Fit(dual, _held_out(data, weights, bases, inverse, z, solved), evidence)


def _bases(data: Contrasts, weights: Vector) -> list[tuple[slice, Vector]]:
    """Return for each group its rows and a basis of its contrasts (one row each) with noise of variance 1."""
    bases = []
    ends = [*data.start[1:].tolist(), len(data.texts)]
    for first, end in zip(data.start.tolist(), ends, strict=True):
        root = np.sqrt(weights[first:end])
        # Householder's reflection takes the direction of the mean to the first axis; the other axes are the contrasts.
        mirror = root / np.linalg.norm(root)
        mirror[0] += 1
        reflection = np.eye(len(root)) - 2 * np.outer(mirror, mirror) / (mirror @ mirror)
        bases.append((slice(first, end), reflection[1:] * root))
    return bases


def _starts(bases: list[tuple[slice, Vector]]) -> list[int]:
    sizes = np.array([len(basis) for _, basis in bases], dtype=np.int64)
    starts: list[int] = (np.cumsum(sizes) - sizes).tolist()
    return starts


def _between(bases: list[tuple[slice, Vector]], kernel: Matrix) -> Matrix:
    """Return BKB'."""
    half = np.concatenate([basis.astype(np.float32) @ kernel[rows] for rows, basis in bases])
    return np.concatenate([basis.astype(np.float32) @ half.T[rows] for rows, basis in bases])


def _held_out(
    data: Contrasts, weights: Vector, bases: list[tuple[slice, Vector]], inverse: Matrix, z: Vector, solved: Vector
) -> Vector:
    """Return what is predicted of each text when its component is left out, less the weighted mean of its group."""
    predicted = np.zeros(len(data.texts))
    start = _starts(bases)
    parts: dict[int, list[int]] = {}
    for group, component in enumerate(data.component.tolist()):
        parts.setdefault(component, []).append(group)
    for groups in parts.values():
        places = np.concatenate([np.arange(start[g], start[g] + len(bases[g][1])) for g in groups])
        block = inverse[np.ix_(places, places)].astype(np.float64)
        without = z[places] - np.linalg.solve(block, solved[places])
        for group in groups:
            rows, basis = bases[group]
            without, mine = without[len(basis) :], without[: len(basis)]
            predicted[rows] = (basis.T @ mine) / weights[rows]
    return predicted
