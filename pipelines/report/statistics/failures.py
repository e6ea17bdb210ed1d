"""Failed runs: how many broke off, were below chance or collapsed, and whether one method's fail more often.

Here: three counts with their rates, and the tests of two rates. Not here: why a run broke off.

Array legend: R runs, N test rows, L labels; of Barnard's test R rates, M and N failures of the first and second set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.pipelines.metrics.interval import wilson
from sdc.pipelines.report.statistics.resampling import Interval

#: A run has collapsed if it gives this share of all test rows one label.
COLLAPSED = 0.95
#: Rates at which Barnard's test looks for the worst: all over, then closer around the worst so far, so many times.
_RATES, _TIMES = 400, 3


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Failed runs of one kind, counted in three ways; a run can be both below chance and collapsed.

    Args:
        runs: All that were started.
        broke_off: Without answers.
        below_chance: Accuracy below one over the number of labels, as the paper has it; with skewed labels a run that
            says one label only can be far above.
        collapsed: One label for at least 95 % of the test rows.
        failed: Any of the three, each run once.
    """

    runs: int
    broke_off: int
    below_chance: int
    collapsed: int
    failed: int

    def rate(self, count: int) -> Interval:
        """Returns the share of all runs that one of the counts is, with Wilson's interval."""
        low, high = wilson(count, self.runs)
        return Interval(estimate=count / self.runs, low=low, high=high, covers="runs")


@dataclass(frozen=True, kw_only=True)
class RateComparison:
    """Two failure rates: the first minus the second, and two exact p values, of which Barnard's has more power."""

    difference: float
    barnard: float
    fisher: float


def flags(gold_N: NDArray[Any], read_RN: NDArray[Any], *, num_labels: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns which runs are below chance and which have collapsed, two of (R) bool, for means with and without them.

    Args:
        gold_N: Gold label ids.
        read_RN: Read label ids; -1 is unparsed: wrong, and not a label to collapse to.
        num_labels: Labels of the task.

    Degenerate case: exactly chance is not below it. Where 95 % of the gold labels are one, a perfect run collapses.

    Source: the paper, section 4.1 (below chance); own (collapsed).

    >>> below, collapsed = flags(np.array([0, 1, 1]), np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]]), num_labels=2)
    >>> below.tolist(), collapsed.tolist()
    ([True, False, False], [True, False, True])
    """
    right_R = (read_RN == gold_N).sum(axis=1)
    most_R = np.max([(read_RN == label).sum(axis=1) for label in range(num_labels)], axis=0)
    return right_R * num_labels < len(gold_N), most_R >= COLLAPSED * len(gold_N)


def failures(below_R: NDArray[Any], collapsed_R: NDArray[Any], *, broke_off: int) -> Failures:
    """Returns the three counts.

    Args:
        below_R: From `flags`, for the runs that have answers.
        collapsed_R: From `flags`.
        broke_off: Runs that have none.

    >>> found = failures(np.array([True, False, False]), np.array([True, True, False]), broke_off=1)
    >>> found.runs, found.below_chance, found.collapsed, found.failed, found.rate(found.failed).estimate
    (4, 1, 2, 3, 0.75)
    """
    return Failures(
        runs=len(below_R) + broke_off,
        broke_off=broke_off,
        below_chance=int(below_R.sum()),
        collapsed=int(collapsed_R.sum()),
        failed=int((below_R | collapsed_R).sum()) + broke_off,
    )


def compare_rates(first: tuple[int, int], second: tuple[int, int]) -> RateComparison:
    """Returns whether failures are more frequent in one of two sets of runs, as the paper says of synthetic rows.

    Args:
        first: Failures and runs, such as those on synthetic rows.
        second: Failures and runs, such as those on human rows.

    Degenerate case: both p values are 1 if no run failed or all did.

    Raises:
        ValueError: A set has no runs, or more failures than runs.

    Source: G. Barnard (1945), A new test for 2 x 2 tables, Nature 156; R. Fisher (1922), JRSS 85. The paper has the
    claim, in section 4.3, without a test.

    >>> found = compare_rates((9, 20), (2, 20))
    >>> round(found.difference, 2), round(found.barnard, 4), round(found.fisher, 4)
    (0.35, 0.0167, 0.031)
    """
    if not all(0 <= failed <= runs and runs for failed, runs in (first, second)):
        raise ValueError(f"{first} and {second} are no failures among runs")
    difference = first[0] / first[1] - second[0] / second[1]
    if first[0] + second[0] in (0, first[1] + second[1]):
        return RateComparison(difference=difference, barnard=1.0, fisher=1.0)
    from scipy.stats import fisher_exact

    table = [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]]
    return RateComparison(
        difference=difference, barnard=_barnard(first, second), fisher=float(fisher_exact(table).pvalue)
    )


def _barnard(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Returns Barnard's p, two-sided, of the pooled statistic: the worst over all rates that both sets could share.

    `scipy.stats.barnard_exact` has all tables of two sets in memory: gigabytes beyond some hundred runs. Here each
    number of failures of the first set has two ends, beyond which the second is as far from it as what was seen.
    """
    (_, m), (_, n) = first, second
    seen = abs(float(_pooled(np.array(first[0]), np.array(second[0]), m, n))) * (1 - 1e-9)
    a_M = np.arange(m + 1)
    least_M = _first(a_M, n, lambda b_M: _pooled(a_M, b_M, m, n) <= -seen)  # so many and more are as far
    below_M = _first(a_M, n, lambda b_M: _pooled(a_M, b_M, m, n) < seen)  # fewer than so many are as far
    ways_M, ways_N = _log_ways(m), _log_ways(n)
    angles = np.linspace(0, np.pi / 2, _RATES + 1)[1:-1]  # in which a rate is equally well known everywhere
    worst = 0.0
    for _ in range(1 + _TIMES):
        p_R = np.array([_as_far(np.sin(angle) ** 2, ways_M, ways_N, least_M, below_M) for angle in angles])
        worst, at, step = max(worst, float(p_R.max())), angles[p_R.argmax()], angles[1] - angles[0]
        angles = np.linspace(max(at - step, step / 2), min(at + step, (np.pi - step) / 2), 21)
    return min(worst, 1.0)


def _as_far(
    rate: float, ways_M: NDArray[Any], ways_N: NDArray[Any], least_M: NDArray[Any], below_M: NDArray[Any]
) -> float:
    """Returns how probable those tables are whose second number is outside of the ends that the first has."""
    of_first_M, of_second_N = _binomial(ways_M, rate), _binomial(ways_N, rate)
    fewer_N = np.concatenate([[0.0], np.cumsum(of_second_N)])
    from_N = np.concatenate([np.cumsum(of_second_N[::-1])[::-1], [0.0]])
    return float(of_first_M @ (fewer_N[below_M] + from_N[least_M]))


def _log_ways(trials: int) -> NDArray[Any]:
    from scipy.special import gammaln

    count = np.arange(trials + 1)
    return np.asarray(gammaln(trials + 1) - gammaln(count + 1) - gammaln(trials - count + 1))


def _binomial(ways: NDArray[Any], rate: float) -> NDArray[Any]:
    count = np.arange(len(ways))
    probability: NDArray[Any] = np.exp(ways + count * np.log(rate) + count[::-1] * np.log1p(-rate))
    return probability


def _pooled(a: NDArray[Any], b: NDArray[Any], m: int, n: int) -> NDArray[Any]:
    """Returns the pooled statistic of a failures of m and b of n; it falls as b rises, and is 0 where all are alike."""
    pooled = (a + b) / (m + n)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    return np.asarray(np.divide(a / m - b / n, spread, out=np.zeros(np.shape(spread)), where=spread > 0))


def _first(a_M: NDArray[Any], n: int, holds: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    """Returns the least number, 0 to n + 1 of (M) int, from which on `holds` is true, by halving."""
    low_M, high_M = np.zeros_like(a_M), np.full_like(a_M, n + 1)
    while (low_M < high_M).any():
        middle_M = (low_M + high_M) // 2
        true_M = holds(np.minimum(middle_M, n)) | (middle_M > n)
        low_M, high_M = np.where(true_M, low_M, middle_M + 1), np.where(true_M, middle_M, high_M)
    return low_M
