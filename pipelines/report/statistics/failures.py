"""Failed runs: how many broke off, were below chance or collapsed, and whether one method's fail more often.

Here: three counts with their rates, and the tests of two rates. Not here: why a run broke off.

Array legend: R runs, N test rows, L labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.pipelines.metrics.interval import wilson
from sdc.pipelines.report.statistics.resampling import Interval

#: A run has collapsed if it gives this share of all test rows one label.
COLLAPSED = 0.95
_MOST_BARNARD = 300


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
    """Two failure rates: the first minus the second, and two exact p values, of which Barnard's has more power.

    Beyond 300 runs in a set Barnard's takes gigabytes and is None: Fisher's is then hardly different.
    """

    difference: float
    barnard: float | None
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
    >>> round(found.difference, 2), round(found.barnard or 0, 4), round(found.fisher, 4)
    (0.35, 0.0167, 0.031)
    """
    if not all(0 <= failed <= runs and runs for failed, runs in (first, second)):
        raise ValueError(f"{first} and {second} are no failures among runs")
    difference = first[0] / first[1] - second[0] / second[1]
    if first[0] + second[0] in (0, first[1] + second[1]):
        return RateComparison(difference=difference, barnard=1.0, fisher=1.0)
    from scipy.stats import barnard_exact, fisher_exact

    # scipy takes the columns as the two sets; the other way round it answers another question.
    table = [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]]
    small = max(first[1], second[1]) <= _MOST_BARNARD
    return RateComparison(
        difference=difference,
        barnard=float(barnard_exact(table).pvalue) if small else None,
        fisher=float(fisher_exact(table).pvalue),
    )
