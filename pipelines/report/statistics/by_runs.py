"""How much a mean moves because other runs might have been made: the part of its replicates that rows do not have.

Here: what is needed of the runs of one cell, and the moves of a mean over cells. Not here: scores, test rows and the
mean itself (`resampling.py`, which says why runs are not drawn with replacement).

Array legend: B replicates, P points, R runs.
"""

import math
from collections.abc import Mapping, Sequence
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
    """What replicates need of the scores of one point in one cell: a hundredth of the scores themselves.

    Args:
        mean: Of the runs, on the whole test.
        by_rows_B: Mean of the runs on the test rows of each replicate.
        variance: Of the runs; 0 of one run.
        noise: The part of it that is the chance of single test rows.
        deviations_R: Of the runs from their mean, over the root of R (R - 1).
        repeats_R: The number of each run's draw.
    """

    mean: float
    by_rows_B: NDArray[Any]
    variance: float
    noise: float
    deviations_R: NDArray[Any]
    repeats_R: tuple[int, ...]


def moments(
    of_runs_PR: NDArray[Any], resampled_PRB: NDArray[Any], repeats_P: Sequence[tuple[int, ...]]
) -> list[Moments]:
    """Returns the moments of several points that have as many runs each: of each as if it were alone.

    Args:
        of_runs_PR: Scores on the whole test.
        resampled_PRB: Scores on the test rows of each replicate.
        repeats_P: The numbers of the draws of each point's runs.
    """
    num_points, num_runs = of_runs_PR.shape
    mean_P, by_rows_PB = of_runs_PR.mean(axis=1), resampled_PRB.mean(axis=1)
    variance_P, noise_P, deviations_PR = np.zeros(num_points), np.zeros(num_points), np.zeros((num_points, num_runs))
    if num_runs > 1:
        beyond_PRB = resampled_PRB - by_rows_PB[:, None]
        variance_P = of_runs_PR.var(axis=1, ddof=1)
        noise_P = beyond_PRB.var(axis=2).mean(axis=1) * num_runs / (num_runs - 1)
        deviations_PR = (of_runs_PR - mean_P[:, None]) / np.sqrt(num_runs * (num_runs - 1))
    return [
        Moments(
            mean=float(mean_P[p]),
            by_rows_B=by_rows_PB[p],
            variance=float(variance_P[p]),
            noise=float(noise_P[p]),
            deviations_R=deviations_PR[p],
            repeats_R=repeats,
        )
        for p, repeats in enumerate(repeats_P)
    ]


def moved(cells: Mapping[str, Moments], shares: Mapping[str, float], seed: int) -> NDArray[Any]:
    """Returns how much each replicate moves the mean, (B); cells have two runs at least, and a share each."""
    moved_B, variance, noise, inverse_degrees = 0.0, 0.0, 0.0, 0.0
    for name, of_cell in cells.items():
        num_runs, num = len(of_cell.repeats_R), len(of_cell.by_rows_B)
        share = shares[name] ** 2 / num_runs
        variance += share * of_cell.variance
        noise += share * of_cell.noise
        inverse_degrees += (share * of_cell.variance) ** 2 / (num_runs - 1)
        ways_RB = _ways(seed, name, max(of_cell.repeats_R) + 1, num)
        every = of_cell.repeats_R == tuple(range(num_runs))
        moved_B = moved_B + shares[name] * (
            of_cell.deviations_R @ (ways_RB if every else ways_RB[list(of_cell.repeats_R)])
        )
    if variance == 0:
        return np.zeros(num)
    degrees = round(variance**2 / inverse_degrees, 9)  # those of one cell are a whole number, less the last bits
    chi_squared_B = chi_squared(degrees, seed, tuple(sorted(cells)), num)
    scale_B = np.sqrt(np.maximum(0, variance * degrees / chi_squared_B - noise) / variance)
    return np.asarray(scale_B * moved_B)


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
