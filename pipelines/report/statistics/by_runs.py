"""How much a mean moves because other runs might have been made: the part of its replicates that rows do not have.

Here: what is needed of the runs of one cell, and the moves of a mean over cells. Not here: scores, test rows and the
mean itself (`resampling.py`, which says why runs are not drawn with replacement).

Array legend: B replicates, P points, R runs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.cache.key import derive_seed

#: Between two degrees of freedom of the grid, in their logarithm.
_GRID_STEP = 0.04


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What replicates need of the scores of points of one cell, whose runs have the same numbers of draws.

    Args:
        mean_P: Of the runs, on the whole test.
        by_rows_PB: Mean of the runs on the test rows of each replicate.
        variance_P: Of the runs; 0 of one run.
        noise_P: The part of it that is the chance of single test rows.
        deviations_PR: Of the runs from their mean, over the root of R (R - 1).
        repeats_R: The number of each run's draw.
    """

    mean_P: NDArray[Any]
    by_rows_PB: NDArray[Any]
    variance_P: NDArray[Any]
    noise_P: NDArray[Any]
    deviations_PR: NDArray[Any]
    repeats_R: tuple[int, ...]

    def of(self, point: int) -> "Moments":
        """Returns those of one point: a hundredth of its scores, and no copy."""
        only = slice(point, point + 1)
        return Moments(
            mean_P=self.mean_P[only],
            by_rows_PB=self.by_rows_PB[only],
            variance_P=self.variance_P[only],
            noise_P=self.noise_P[only],
            deviations_PR=self.deviations_PR[only],
            repeats_R=self.repeats_R,
        )


def moments(of_runs_PR: NDArray[Any], resampled_PRB: NDArray[Any], repeats: tuple[int, ...]) -> Moments:
    """Returns the moments of several points.

    Args:
        of_runs_PR: Scores on the whole test.
        resampled_PRB: Scores on the test rows of each replicate.
        repeats: The numbers of the draws of the runs of each.
    """
    num_points, num_runs = of_runs_PR.shape
    mean_P, by_rows_PB = of_runs_PR.mean(axis=1), resampled_PRB.mean(axis=1)
    variance_P, noise_P, deviations_PR = np.zeros(num_points), np.zeros(num_points), np.zeros((num_points, num_runs))
    if num_runs > 1:
        variance_P = of_runs_PR.var(axis=1, ddof=1)
        beyond_PRB = resampled_PRB - by_rows_PB[:, None]
        beyond_PRB -= beyond_PRB.mean(axis=2, keepdims=True)
        # As the mean of `beyond_PRB.var(axis=2)`, without the squares in memory.
        squares_P = np.einsum("prb,prb->p", beyond_PRB, beyond_PRB)
        noise_P = squares_P / beyond_PRB.shape[2] / (num_runs - 1)
        deviations_PR = (of_runs_PR - mean_P[:, None]) / np.sqrt(num_runs * (num_runs - 1))
    return Moments(
        mean_P=mean_P,
        by_rows_PB=by_rows_PB,
        variance_P=variance_P,
        noise_P=noise_P,
        deviations_PR=deviations_PR,
        repeats_R=repeats,
    )


def moved(cells: Mapping[str, Moments], shares: Mapping[str, float], seed: int) -> NDArray[Any]:
    """Returns how much each replicate moves the mean over cells of each point, (P, B).

    Args:
        cells: Of as many points each, with two runs at least.
        shares: What each cell counts in the mean.
        seed: Seed, any whole number.
    """
    num_points, num = next(iter(cells.values())).by_rows_PB.shape
    moved_PB = np.zeros((num_points, num))
    variance_P, noise_P, inverse_degrees_P = np.zeros(num_points), np.zeros(num_points), np.zeros(num_points)
    for name, of_cell in cells.items():
        num_runs = len(of_cell.repeats_R)
        share = shares[name] ** 2 / num_runs
        variance_P += share * of_cell.variance_P
        noise_P += share * of_cell.noise_P
        inverse_degrees_P += (share * of_cell.variance_P) ** 2 / (num_runs - 1)
        ways_RB = _ways(seed, name, max(of_cell.repeats_R) + 1, num)
        every = of_cell.repeats_R == tuple(range(num_runs))
        moved_PB += shares[name] * (of_cell.deviations_PR @ (ways_RB if every else ways_RB[list(of_cell.repeats_R)]))
    equal_P = variance_P == 0
    variance_P[equal_P] = inverse_degrees_P[equal_P] = 1  # their deviations are 0: they do not move
    # Those of one cell are a whole number, less the last bits.
    degrees_P = [round(degrees, 9) for degrees in (variance_P**2 / inverse_degrees_P).tolist()]
    drawn = {degrees: chi_squared(degrees, seed, tuple(sorted(cells)), num) for degrees in set(degrees_P)}
    chi_squared_PB = np.stack([drawn[degrees] for degrees in degrees_P])
    spread_PB = (variance_P * degrees_P)[:, None] / chi_squared_PB - noise_P[:, None]
    return np.asarray(np.sqrt(np.maximum(0, spread_PB) / variance_P[:, None]) * moved_PB)


def stream(seed: int, *purpose: str) -> np.random.Generator:
    """Returns the stream of chance of a purpose."""
    return np.random.default_rng(derive_seed(seed, "statistics", *purpose))


@lru_cache(maxsize=256)  # the points of a curve move alike
def _ways(seed: int, name: str, num_runs: int, num: int) -> NDArray[Any]:
    """Returns how each run of a cell moves in each replicate, (R, B); a stream goes run by run.

    So the runs of a number move alike however many others there are.
    """
    ways_RB = stream(seed, "runs", name).standard_normal((num_runs, num))
    ways_RB.flags.writeable = False
    return ways_RB


def chi_squared(degrees: float, seed: int, cells: tuple[str, ...], num: int) -> NDArray[Any]:
    """Returns draws of chi squared, (B), that rise and fall with the degrees: the same quantiles for all degrees.

    Computing them takes a millisecond, and each point of a curve has its own degrees: between those of a fixed grid
    their logarithm is interpolated by a cubic over the logarithm of degrees, to a millionth of them.

    Args:
        degrees: Of freedom, at least 1; a whole number is computed itself.
        seed: Seed, any whole number.
        cells: Names, which choose the stream of chance.
        num: Draws.
    """
    if degrees == round(degrees):
        return np.asarray(np.exp(_log_chi_squared(degrees, seed, cells, num)))
    place = math.log(degrees) / _GRID_STEP
    first = math.floor(place) - 1
    logs_B = np.zeros(num)
    for node in range(first, first + 4):
        others = [other for other in range(first, first + 4) if other != node]
        weight = math.prod((place - other) / (node - other) for other in others)
        logs_B += weight * _log_chi_squared(math.exp(node * _GRID_STEP), seed, cells, num)
    return np.asarray(np.exp(logs_B))


@lru_cache(maxsize=2048)
def _log_chi_squared(degrees: float, seed: int, cells: tuple[str, ...], num: int) -> NDArray[Any]:
    from scipy.special import chdtri

    logs_B = np.log(chdtri(degrees, stream(seed, "variance", *cells).random(num)))
    logs_B.flags.writeable = False
    return np.asarray(logs_B)
