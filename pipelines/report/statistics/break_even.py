"""Break-even: the training rows from which a student reaches its generator, and the texts after which it has paid off.

Here: a monotone curve, where it crosses zero, what that says if it does so before the first size or after the last, and
its interval. Not here: the replicates of a curve (`resampling.py`), what a text costs.

A number of rows is a float: the first size means "at most", infinity "not reached".

Array legend: B replicates, S points of a curve by their rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.pipelines.report.statistics.resampling import Replicates


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """From how many rows a curve of differences is zero or above; the ends of `even`'s interval are 95 %.

    Args:
        smallest, largest: The first and the last size of the curve.
        even: Where the monotone mean crosses zero.
        low, high: The interval of `even`.
        sure: Where the lower end of the difference's interval crosses zero.
        strict: Where the mean minus one standard deviation over runs crosses zero, as the paper has it; None without.
        covers: What chance the interval and `sure` cover.
    """

    smallest: float
    largest: float
    even: float
    low: float
    high: float
    sure: float
    strict: float | None
    covers: str

    def words(self, rows: float) -> str:
        """Returns a number of rows as a report says it, for each of the numbers here.

        >>> curve = [Replicates(estimate=d, values_B=np.array([d]), covers="nothing") for d in (-0.1, 0.1)]
        >>> found = break_even([10, 40], curve)
        >>> found.words(found.even), found.words(10), found.words(math.inf)
        ('20', 'at most 10', 'not reached by 40')
        """
        if rows == math.inf:
            return f"not reached by {self.largest:.0f}"
        return f"at most {rows:.0f}" if rows <= self.smallest else f"{rows:.0f}"


def break_even(
    rows_S: Sequence[float] | NDArray[Any],
    curve: Sequence[Replicates],
    *,
    stds: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
) -> BreakEven:
    """Returns where a curve of differences crosses zero, with the percentile interval of its replicates' crossings.

    Args:
        rows_S: Training rows of each point, at least 1 and rising.
        curve: The difference at each point, all with one seed and the same names of cells.
        stds: Standard deviation over runs at each point, for `strict`.
        weights: Runs at each point, which the monotone fit counts; None counts all alike.

    Degenerate cases: of one size only "at most" or "not reached" can be said; if more than 2.5 % of the replicates
    never cross, the upper end is infinity.

    Source: the paper, section 4.1; R. Barlow et al. (1972), Statistical inference under order restrictions.
    """
    rows = np.asarray(rows_S, dtype=np.float64)
    means_S = np.array([point.estimate for point in curve])
    even = crossings(rows, curve, weights).interval()
    return BreakEven(
        smallest=float(rows[0]),
        largest=float(rows[-1]),
        even=even.estimate,
        low=even.low,
        high=even.high,
        sure=crossing(rows, np.array([point.interval().low for point in curve]), weights),
        strict=None if stds is None else crossing(rows, means_S - np.asarray(stds), weights),
        covers=even.covers,
    )


def crossings(
    rows_S: Sequence[float] | NDArray[Any], curve: Sequence[Replicates], weights: Sequence[float] | None = None
) -> Replicates:
    """Returns where a curve crosses zero, in rows, and where each of its replicates does; arguments as above.

    >>> curve = [Replicates(estimate=d, values_B=np.array([d, d + 1]), covers="nothing") for d in (-0.1, 0.1)]
    >>> found = crossings([10, 40], curve)
    >>> round(found.estimate, 6), found.values_B.round(6).tolist()
    (20.0, [20.0, 10.0])
    """
    rows = np.asarray(rows_S, dtype=np.float64)
    curves_BS = np.column_stack([point.values_B for point in curve])
    return Replicates(
        estimate=crossing(rows, np.array([point.estimate for point in curve]), weights),
        values_B=_crossings(rows, curves_BS, weights),
        covers=curve[0].covers,
    )


def monotone(values_BS: NDArray[Any], weights: Sequence[float] | None = None) -> NDArray[Any]:
    """Returns the rising curves that are nearest to the values in (weighted) squares, float64 of the same shape.

    Degenerate case: values that fall all the way become their mean.

    Args:
        values_BS: Curves; one alone may be (S).
        weights: One per point; None is 1 each.

    Our own although scipy has it: of a thousand replicates at once it takes a thirtieth of the time, by the formula
    that is the largest over starts of the smallest over ends of the means between them.

    Source: R. Barlow et al. (1972), Statistical inference under order restrictions, theorem 1.3 (min-max).

    >>> monotone(np.array([-10, 2, -1, 6])).tolist()
    [-10.0, 0.5, 0.5, 6.0]
    """
    curves_BS = np.atleast_2d(np.asarray(values_BS, dtype=np.float64))
    num = curves_BS.shape[1]
    weights_S = np.ones(num) if weights is None else np.asarray(weights, dtype=np.float64)
    sums_BT = np.zeros((len(curves_BS), num + 1))
    np.cumsum(curves_BS * weights_S, axis=1, out=sums_BT[:, 1:])
    weight_T = np.concatenate([[0.0], np.cumsum(weights_S)])
    rising_BS = np.full_like(curves_BS, -np.inf)
    for start in range(num):
        means_BE = (sums_BT[:, start + 1 :] - sums_BT[:, start, None]) / (weight_T[start + 1 :] - weight_T[start])
        smallest_BE = np.minimum.accumulate(means_BE[:, ::-1], axis=1)[:, ::-1]  # over ends at or after each point
        np.maximum(rising_BS[:, start:], smallest_BE, out=rising_BS[:, start:])
    return rising_BS.reshape(np.shape(values_BS))


def crossing(rows_S: NDArray[Any], values_S: NDArray[Any], weights: Sequence[float] | None = None) -> float:
    """Returns from how many rows the monotone curve is zero or above, on a straight line over the logarithm of rows.

    Degenerate cases: the first size if the curve starts at zero or above, that is "at most"; infinity if it ends below
    zero. Where it is zero over several sizes, the first of them.

    >>> round(crossing(np.array([10, 20, 50, 100]), np.array([-10, -2, 4, 6])), 3)  # 20 * 2.5 ** (2 / 6)
    27.144
    >>> crossing(np.array([10, 20]), np.array([0, 1])), crossing(np.array([10, 20]), np.array([-2, -1]))
    (10.0, inf)
    """
    return float(_crossings(rows_S, np.asarray(values_S)[None], weights)[0])


def _crossings(rows_S: NDArray[Any], values_BS: NDArray[Any], weights: Sequence[float] | None) -> NDArray[Any]:
    """Returns where each curve crosses zero, (B)."""
    rising_BS = monotone(values_BS, weights)
    # A mean of several values that is zero may come out as one of the last bits.
    reached_BS = rising_BS >= -1e-12
    after_B = reached_BS.argmax(axis=1)
    every = np.arange(len(rising_BS))
    before_B = np.maximum(after_B - 1, 0)
    below_B, above_B = rising_BS[every, before_B], rising_BS[every, after_B]
    logs_S = np.log(np.asarray(rows_S, dtype=np.float64))
    gain_B = np.where(above_B > below_B, above_B - below_B, 1.0)
    found_B = np.exp(logs_S[before_B] + (logs_S[after_B] - logs_S[before_B]) * np.clip(-below_B / gain_B, 0.0, 1.0))
    found_B = np.where(after_B == 0, float(rows_S[0]), found_B)
    return np.where(reached_BS.any(axis=1), found_B, np.inf)


def texts_to_pay_off(fixed: Any, *, generator: Any, student: Any) -> NDArray[Any]:
    """Returns after how many classified texts a student has cost less than its generator would have, float64.

    Numbers or arrays that fit each other, such as bootstrap replicates, whose interval `Replicates` gives; all in one
    unit: money, GPU hours or tokens.

    Args:
        fixed: What writing the rows and training cost, at least 0.
        generator: What the generator costs per text.
        student: What the student costs per text.

    Degenerate case: infinity, never, if a text costs the student as much as the generator or more.

    Source: own; the paper's Table 2 has the hours.

    >>> float(texts_to_pay_off(12, generator=0.002, student=0.0001).round(1))
    6315.8
    >>> texts_to_pay_off(12, generator=np.array([1, 4]), student=1).tolist()
    [inf, 4.0]
    """
    fixed, saved = np.broadcast_arrays(
        np.asarray(fixed, dtype=np.float64), np.asarray(generator, dtype=np.float64) - np.asarray(student)
    )
    return np.asarray(np.divide(fixed, saved, out=np.full(saved.shape, np.inf), where=saved > 0))
