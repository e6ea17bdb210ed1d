"""Variance split: how much of what runs differ by comes from the draw, the initialisation and the choice of shots.

Here: variance components of a small grid in which every draw meets every initialisation (and every choice of shots).
Not here: such a grid's runs. Repeats that change draw and initialisation together cannot be split.

Array legend: D draws, I initialisations, K choices of shots, B replicates.
"""

from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP
from sdc.pipelines.report.statistics.resampling import Interval, Replicates

FACTORS = ("draw", "init", "shots")
_MANY = ("draws", "inits", "choices of shots")


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of the variance of scores on one test.

    Args:
        name: `draw`, `init`, `shots`, two of them for what only their combination brings, or `rest` for what no other
            component has: the last combination and all noise.
        variance: In squares of the score's unit, at least 0.
        negative: The estimate was below 0 and is given as 0: there is nothing that could be told from noise.
        share: Of the sum of all components, 0 to 1.
    """

    name: str
    variance: float
    negative: bool
    share: Interval


def split(scores: NDArray[Any], *, seed: int, num: int = NUM_BOOTSTRAP) -> list[Component]:
    """Returns the variance components of a crossed grid, single factors first, `rest` last.

    Args:
        scores: One per run, (D, I) or (D, I, K), at least two along each axis, none missing.
        seed: Seed of the intervals.
        num: Replicates of the intervals.

    All factors are random effects; the estimates are those of the method of moments, which on such a grid are those of
    REML unless one is negative. The intervals are generalised confidence intervals: each mean square times its degrees
    of freedom over a draw of chi-squared.

    Degenerate case: of equal scores all variances are 0, and shares are not a number.

    Raises:
        ValueError: The grid has another shape or a missing score.

    Source: S. Searle, G. Casella and C. McCulloch (1992), Variance components, chapter 4; S. Weerahandi (1993),
    Generalized confidence intervals, JASA 88.

    >>> grid = np.array([[70, 72, 71, 75], [60, 63, 61, 64], [66, 65, 69, 68]])
    >>> [(part.name, round(part.variance, 3), round(part.share.estimate, 3)) for part in split(grid, seed=0)]
    [('draw', 24.444, 0.866), ('init', 1.556, 0.055), ('rest', 2.222, 0.079)]
    """
    if scores.ndim not in (2, 3) or min(scores.shape) < 2 or not np.isfinite(scores).all():
        raise ValueError(f"a crossed grid of {scores.shape} runs, of which none may be missing, cannot be split")
    factors = range(scores.ndim)
    effects = [chosen for size in range(1, scores.ndim + 1) for chosen in combinations(factors, size)]
    squares = {chosen: _mean_square(scores, chosen) for chosen in effects}
    rng = np.random.default_rng(derive_seed(seed, "statistics", "components"))
    degrees = {chosen: prod(scores.shape[axis] - 1 for axis in chosen) for chosen in effects}
    drawn_B = {chosen: squares[chosen] * degrees[chosen] / rng.chisquare(degrees[chosen], num) for chosen in effects}
    estimates = np.array([[_component(squares, chosen, scores.shape)] for chosen in effects], dtype=np.float64)
    shares_1, shares_B = _shares(estimates), _shares(np.array([_component(drawn_B, c, scores.shape) for c in effects]))
    names = [" x ".join(FACTORS[axis] for axis in chosen) for chosen in effects[:-1]]
    covers = ", ".join(f"{size} {_MANY[axis]}" for axis, size in enumerate(scores.shape))
    return [
        Component(
            name=name,
            variance=max(0.0, float(estimate[0])),
            negative=bool(estimate[0] < 0),
            share=Replicates(estimate=float(share[0]), values_B=share_B, covers=covers).interval(),
        )
        for name, estimate, share, share_B in zip([*names, "rest"], estimates, shares_1, shares_B, strict=True)
    ]


def _mean_square(scores: NDArray[Any], chosen: tuple[int, ...]) -> float:
    """Returns the mean square of the effect of some factors together."""
    effect = np.zeros(())
    for size in range(len(chosen) + 1):
        for kept in combinations(chosen, size):
            others = tuple(axis for axis in range(scores.ndim) if axis not in kept)
            effect = effect + (-1) ** (len(chosen) - size) * scores.mean(axis=others, keepdims=True)
    squares = np.broadcast_to(effect**2, scores.shape).sum()
    return float(squares / prod(scores.shape[axis] - 1 for axis in chosen))


def _component(squares: dict[tuple[int, ...], Any], chosen: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Returns the variance whose expectation the mean squares of these and more factors have; it can be negative."""
    wider = [other for other in squares if set(chosen) <= set(other)]
    found = sum((-1) ** (len(other) - len(chosen)) * squares[other] for other in wider)
    return found / prod(size for axis, size in enumerate(shape) if axis not in chosen)


def _shares(components: NDArray[Any]) -> NDArray[Any]:
    kept = np.maximum(0, components)
    total = kept.sum(axis=0)
    return np.asarray(np.divide(kept, total, out=np.full(kept.shape, np.nan), where=total > 0))
