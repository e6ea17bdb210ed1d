"""Failed runs: three counts, their rates, and whether one kind of rows has more of them."""

import numpy as np
import pytest

from sdc.pipelines.report.statistics.failures import compare_rates, failures, flags


def test_the_reference_of_two_rates() -> None:
    found = compare_rates((9, 20), (2, 20))
    assert found.difference == pytest.approx(0.35)
    assert found.fisher == pytest.approx(0.0310, abs=0.00005)
    assert found.barnard == pytest.approx(0.0167, abs=0.00005)


def test_barnard_is_the_largest_probability_over_all_common_rates() -> None:
    """By hand: all tables of two times 20 runs whose pooled statistic is as far from 0, at the worst common rate."""
    from scipy.stats import binom

    a, b = np.meshgrid(np.arange(21), np.arange(21), indexing="ij")
    pooled = (a + b) / 40
    spread = np.sqrt(pooled * (1 - pooled) * 2 / 20)
    statistic = np.divide((a - b) / 20, spread, out=np.zeros((21, 21)), where=spread > 0)
    as_far = np.abs(statistic) >= abs(statistic[9, 2]) - 1e-9
    worst = max((binom.pmf(a, 20, rate) * binom.pmf(b, 20, rate))[as_far].sum() for rate in np.linspace(0, 1, 401))
    assert compare_rates((9, 20), (2, 20)).barnard == pytest.approx(worst, abs=1e-5)


def test_barnard_takes_the_two_sets_of_runs_as_given_and_tables_that_are_as_far_on_paper() -> None:
    """`barnard_exact` of a table with a row for each set has .0124: its columns are 9 of 11 and 11 of 29, other rates.

    And of those it leaves out two that are as far on paper and less so in the last bits, by our count with fractions.
    """
    from scipy.stats import barnard_exact, binom

    assert barnard_exact([[9, 11], [2, 18]]).pvalue == pytest.approx(0.0124, abs=0.00005)
    left_out = sum(binom.pmf(a, 11, 0.5) * binom.pmf(b, 29, 0.5) for a, b in ((2, 18), (5, 3)))
    assert compare_rates((9, 11), (11, 29)).barnard == pytest.approx(0.0123924 + left_out, abs=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [((0, 7), (3, 5)), ((12, 12), (9, 13)), ((16, 60), (9, 45)), ((1, 30), (0, 2))]
)
def test_barnard_is_what_scipy_says_of_few_runs(first: tuple[int, int], second: tuple[int, int]) -> None:
    from scipy.stats import barnard_exact

    table = [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]]
    assert compare_rates(first, second).barnard == pytest.approx(barnard_exact(table, n=512).pvalue, abs=2e-4)


def test_barnard_of_as_many_runs_as_the_paper_has() -> None:
    """16 and 9 failures of 400 runs; the reference all 160,801 tables at the worst of 4,001 rates."""
    assert compare_rates((16, 400), (9, 400)).barnard == pytest.approx(0.16394, abs=2e-5)
    assert compare_rates((9, 400), (16, 400)).barnard == pytest.approx(0.16394, abs=2e-5)


def test_rates_that_cannot_differ_and_sets_that_are_none() -> None:
    for first, second in (((0, 5), (0, 9)), ((5, 5), (9, 9))):
        found = compare_rates(first, second)
        assert (found.difference, found.barnard, found.fisher) == (0, 1, 1)
    for nonsense in ((0, 0), (3, 2), (-1, 4)):
        with pytest.raises(ValueError, match="failures among runs"):
            compare_rates(nonsense, (1, 2))


def test_the_reference_of_a_rate() -> None:
    found = failures(np.array([True] * 2 + [False] * 18), np.zeros(20, dtype=bool), broke_off=0)
    rate = found.rate(found.below_chance)
    assert (rate.estimate, round(rate.low, 3), round(rate.high, 3)) == (0.1, 0.028, 0.301)


def test_three_counts() -> None:
    gold = np.array([0, 0, 0, 1, 2] * 20)
    majority = np.zeros(100, dtype=int)  # collapsed, and far above chance
    below = (gold + 1) % 3
    unparsed = np.full(100, -1)  # below chance, and no label to collapse to
    nearly = gold.copy()
    nearly[:94] = 1
    just = gold.copy()
    just[:95] = 1
    reads = np.stack([gold, majority, below, unparsed, nearly, just])
    below_R, collapsed_R = flags(gold, reads, num_labels=3)
    assert below_R.tolist() == [False, False, True, True, True, True]
    assert collapsed_R.tolist() == [False, True, False, False, True, True]  # 94 and two gold ones among the rest
    found = failures(below_R, collapsed_R, broke_off=2)
    assert (found.runs, found.broke_off, found.below_chance, found.collapsed, found.failed) == (8, 2, 4, 3, 7)


def test_exactly_chance_is_not_below_it() -> None:
    gold = np.array([0, 1, 2, 0, 1, 2])
    below, _ = flags(gold, np.array([[0, 0, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]]), num_labels=3)
    assert below.tolist() == [False, True]


def test_where_all_runs_broke_off() -> None:
    found = failures(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), broke_off=3)
    assert (found.runs, found.failed) == (3, 3)
    assert found.rate(found.failed).estimate == 1
