"""Paired comparisons: reference values, and what each test can and cannot say."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.report.statistics.paired import compare, holm, mcnemar, sign_flip
from sdc.pipelines.report.statistics.resampling import ROWS, RUNS_AND_ROWS, Scores, accuracy, resample

REFERENCE = np.array([2, 1, 3, -1, 2.5, 1.5, 0.5, 2])


def test_sign_flip_is_that_of_scipy() -> None:
    from scipy.stats import permutation_test

    assert sign_flip(REFERENCE, seed=0) == 0.03125
    theirs = permutation_test((REFERENCE,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(REFERENCE, seed=0) == pytest.approx(theirs.pvalue)


def test_tests_that_assume_more_say_the_same_of_the_reference() -> None:
    """Wilcoxon's by all signs: its table for ranks without ties, of which there are two here, has .0391."""
    from scipy.stats import PermutationMethod, ttest_1samp, wilcoxon

    assert wilcoxon(REFERENCE, method=PermutationMethod()).pvalue == 0.03125 == sign_flip(REFERENCE, seed=0)
    assert round(ttest_1samp(REFERENCE, 0).pvalue, 4) == 0.0148


def test_many_repeats_are_drawn_with_the_seed_and_agree_with_all() -> None:
    values = np.random.default_rng(1).normal(0.5, 1, 20)
    exact = sign_flip(values, seed=0)
    drawn = sign_flip(np.append(values, 0.0), seed=0)  # a difference of 0 changes nothing but the way
    assert 0 < exact < 1
    assert drawn == pytest.approx(exact, abs=0.005)
    assert sign_flip(np.append(values, 0.0), seed=0) == drawn != sign_flip(np.append(values, 0.0), seed=1)
    assert sign_flip(np.ones(30), seed=0) == 1 / 100_000  # never 0


def test_sign_flip_where_there_is_nothing_to_see() -> None:
    assert sign_flip(np.zeros(5), seed=0) == 1
    assert sign_flip(np.array([3.0]), seed=0) == 1
    assert sign_flip(np.array([0.1, 0.2, 0.3]), seed=0) == 0.25
    for nonsense in (np.zeros(0), np.array([1, math.nan])):
        with pytest.raises(ValueError, match="differences"):
            sign_flip(nonsense, seed=0)


def test_sums_that_are_equal_on_paper_count_as_equal() -> None:
    """0.1 + 0.2 is not 0.3 in binary: of these eight sums, six reach 0.4."""
    values = [0.1, 0.2, 0.3, -0.2]
    wanted = [sum(s * v for s, v in zip(signs, (1, 2, 3, -2), strict=True)) for signs in product((1, -1), repeat=4)]
    assert sign_flip(np.array(values), seed=0) == np.mean([abs(s) >= 4 for s in wanted])


def test_mcnemar_is_the_binomial_test() -> None:
    from scipy.stats import binomtest

    assert round(mcnemar(12, 4), 4) == 0.0768
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    for pair in ((0, 6), (3, 9), (40, 20)):
        assert mcnemar(*pair) == pytest.approx(binomtest(pair[0], sum(pair)).pvalue)
        assert mcnemar(*pair) == mcnemar(*pair[::-1])
    with pytest.raises(ValueError, match="0 or above"):
        mcnemar(-1, 3)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.9, 0.8]) == [1, 1]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_keeps_the_order_and_is_between_nothing_and_bonferroni(values: list[float]) -> None:
    corrected = holm(values)
    for p, q in zip(values, corrected, strict=True):
        assert p <= q <= min(1, len(values) * p) + 1e-12
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=10))
def test_sign_flip_is_symmetric_and_can_be_no_smaller_than_its_repeats_allow(values: list[float]) -> None:
    p = sign_flip(np.array(values), seed=0)
    assert 2.0 ** (1 - len(values)) <= p <= 1
    assert sign_flip(-np.array(values), seed=0) == p


def test_repeats_say_yes_where_new_texts_say_perhaps() -> None:
    """Twenty repeats with the same small gain on 204 rows: certain for this test, open for new texts."""
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random((1, 204)) < 0.7, 20, axis=0)
    better = right.copy()
    better[:, np.flatnonzero(~right[0])[:10]] = True
    better[:, np.flatnonzero(right[0])[:5]] = False
    times = resample({"te": range(204)}, test="topic", seed=0)["te"]
    found = compare({"te": accuracy(better, times)}, {"te": accuracy(right, times)}, seed=0)
    assert found.difference.estimate == pytest.approx(5 / 204)
    assert found.p_same_test < 1e-5
    assert found.difference.low < 0 < found.difference.high
    assert found.difference.covers == RUNS_AND_ROWS
    assert found.repeats == 20


def test_a_difference_is_paired_by_rows_and_runs() -> None:
    """Luck that two methods share is in neither the difference nor its interval."""
    rng = np.random.default_rng(0)
    right = rng.random((5, 300)) < rng.random((5, 1))
    times = resample({"te": range(300)}, test="topic", seed=0)["te"]
    gain = right.copy()
    gain[:, 0] = True
    found = compare({"te": accuracy(gain, times)}, {"te": accuracy(right, times)}, seed=0).difference
    assert found.high - found.low < 0.03
    with pytest.raises(ValueError, match="same cells"):
        compare({"te": accuracy(right, times)}, {"sw": accuracy(right, times)}, seed=0)


def test_cells_weigh_alike_however_many_runs_they_have() -> None:
    def scores(values: list[float]) -> Scores:
        array = np.array(values)
        return Scores(of_runs_R=array, resampled_RB=np.tile(array[:, None], 50), repeats_R=tuple(range(len(values))))

    zero = {"te": scores([0.0] * 4), "sw": scores([0.0])}
    found = compare({"te": scores([0.1] * 4), "sw": scores([-0.05])}, zero, seed=0)
    assert found.difference.estimate == pytest.approx(0.025)
    assert found.p_same_test == 24 / 32  # four signs of 0.025 and one of 0.05, twice the mean over cells
    assert compare({"sw": scores([0.1])}, {"sw": scores([0.0])}, seed=0).difference.covers == ROWS
