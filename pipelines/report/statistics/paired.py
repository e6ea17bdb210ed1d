"""Paired comparisons: is one method better than another, on this test and on new texts.

Here: the sign-flip test over repeats, McNemar's test of two runs, the interval of a difference, Holm's correction. Not
here: the replicates (`resampling.py`).

Tests over repeats answer whether a procedure is better on this very test; only the interval over runs and test rows
speaks about new texts. Both are given, the difference first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.cache.key import derive_seed
from sdc.pipelines.report.statistics.resampling import Interval, Scores, replicates

#: The most differences whose signs are all flipped in every way; of more, this many ways are drawn.
_MOST_EXACT, _NUM_DRAWN = 20, 99_999


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far one method is above another, as a share.

    Args:
        difference: With its interval, which speaks about new texts.
        p_same_test: Of the sign-flip test over repeats, about this test alone.
        repeats: Pairs of runs.
    """

    difference: Interval
    p_same_test: float
    repeats: int


def compare(first: Mapping[str, Scores], second: Mapping[str, Scores], *, seed: int) -> Comparison:
    """Returns first minus second, paired by cell and by the number of the draw, in the mean over cells.

    Args:
        first: Cell -> runs.
        second: The same cells; a single run is compared with all.
        seed: Seed of the interval, and of the test where flips are drawn.

    Degenerate case: of one run per cell the interval covers test rows alone; of one pair p is 1.

    Source: E. Miller (2024), Adding error bars to evals, arXiv 2411.00640.

    >>> from sdc.pipelines.report.statistics.resampling import accuracy, resample
    >>> times = resample({"te": range(4)}, test="topic", seed=0)["te"]
    >>> a, b = (accuracy(np.array([[1, 1, 1, last], [1, 1, 0, last]]), times) for last in (1, 0))
    >>> found = compare({"te": a}, {"te": b}, seed=0)
    >>> found.difference.estimate, found.p_same_test, found.repeats
    (0.25, 0.5, 2)
    """
    if first.keys() != second.keys():
        raise ValueError("two methods are compared on the same cells")
    pairs = {cell: scores.minus(second[cell]) for cell, scores in first.items()}
    # Every cell has the same weight, however many runs it has.
    differences_R = np.concatenate([scores.of_runs_R / len(scores.of_runs_R) for scores in pairs.values()])
    return Comparison(
        difference=replicates(pairs, seed=seed).interval(),
        p_same_test=sign_flip(differences_R, seed=seed),
        repeats=len(differences_R),
    )


def sign_flip(differences_R: NDArray[Any], *, seed: int) -> float:
    """Returns the two-sided p of the differences' sum if each could as well have had the other sign, above 0 to 1.

    Args:
        differences_R: Of repeats, in any unit.
        seed: Seed, used for more than 20 differences: then 99,999 ways of signs are drawn, of fewer all are tried.

    Degenerate cases: 1 for no difference at all; with R repeats never below 2 ** (1 - R).

    Source: R. Fisher (1935), The design of experiments, section 21.

    >>> sign_flip(np.array([2, 1, 3, -1, 2.5, 1.5, 0.5, 2]), seed=0)  # 8 of 256 sums are as far from 0 as 11.5
    0.03125
    """
    differences_R = np.asarray(differences_R, dtype=np.float64)
    if not differences_R.size or not np.isfinite(differences_R).all():
        raise ValueError("differences must be numbers, and at least one")
    exact = len(differences_R) <= _MOST_EXACT
    if exact:
        sums = np.zeros(1)
        for difference in differences_R[1:]:  # the other sign of the first gives the same sums once more, negated
            sums = np.concatenate([sums + difference, sums - difference])
        sums += differences_R[0]
    else:
        rng = np.random.default_rng(derive_seed(seed, "statistics", "signs"))
        sums = np.concatenate([_drawn(rng, differences_R, size) for size in _blocks(_NUM_DRAWN)])
    # Sums that are equal on paper differ in the last digits.
    reached = int((np.abs(sums) >= abs(differences_R.sum()) - 1e-9 * np.abs(differences_R).sum()).sum())
    return reached / len(sums) if exact else (reached + 1) / (len(sums) + 1)


def mcnemar(only_first: int, only_second: int) -> float:
    """Returns the exact two-sided p that two runs are equally good, from the rows that only one of them got right.

    Degenerate case: 1 if there is no such row.

    Source: Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions,
    Psychometrika 12.

    >>> round(mcnemar(12, 4), 4)
    0.0768
    """
    from scipy.special import bdtr

    if min(only_first, only_second) < 0:
        raise ValueError("numbers of rows are 0 or above")
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), only_first + only_second, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p values of one family, corrected for their number, in their order.

    Degenerate cases: none gives none; of one nothing is corrected.

    Source: S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics
    6.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, largest = [0.0] * len(p_values), 0.0
    for before, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - before) * p_values[place]))
        corrected[place] = largest
    return corrected


def _blocks(total: int, *, size: int = 10_000) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def _drawn(rng: np.random.Generator, differences_R: NDArray[Any], num: int) -> NDArray[Any]:
    """Returns the sums under so many ways of signs; a sign is one random bit."""
    of_way = -(-len(differences_R) // 8)
    drawn_WB = np.frombuffer(rng.bytes(num * of_way), dtype=np.uint8).reshape(num, of_way)
    kept_WR = np.unpackbits(drawn_WB, axis=1)[:, : len(differences_R)]
    return np.asarray(2.0 * (kept_WR.astype(np.float64) @ differences_R) - differences_R.sum())
