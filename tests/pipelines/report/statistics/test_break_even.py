"""Break-even: where curves cross zero, what is said where they do not, and when a student has paid off."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from sdc.pipelines.report.statistics.break_even import break_even, crossing, monotone, texts_to_pay_off
from sdc.pipelines.report.statistics.resampling import Replicates

ROWS = np.array([10, 20, 50, 100])


def _curve(means: Sequence[float], *, spread: float = 1.0, num: int = 1000) -> list[Replicates]:
    rng = np.random.default_rng(0)
    return [
        Replicates(estimate=mean, values_B=mean + spread * rng.standard_normal(num), covers="test rows")
        for mean in means
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-10, -2, 4, 6], 27.144),
        ([-10, 2, -1, 6], 19.351),
        ([-4, -3, -2, -1], math.inf),
        ([1, 2, 3, 4], 10),
        ([0, 0, 0, 0], 10),
        ([-1, 0, 0, 1], 20),
    ],
)
def test_where_a_curve_crosses_zero(values: list[float], expected: float) -> None:
    assert crossing(ROWS, np.array(values)) == pytest.approx(expected, abs=0.0005)


def test_a_lucky_seed_at_the_end_or_in_the_middle_counts_by_its_runs() -> None:
    assert monotone(np.array([-10, 2, -1, 6])).tolist() == [-10, 0.5, 0.5, 6]
    assert monotone(np.array([-10, 2, -1, 6]), [1, 1, 3, 1]).tolist() == [-10, -0.25, -0.25, 6]
    assert monotone(np.array([3, 2, 1])).tolist() == [2, 2, 2]


def test_of_one_size_only_at_most_or_not_reached_can_be_said() -> None:
    for value, words in ((0.5, "at most 10"), (-0.5, "not reached by 10")):
        found = break_even([10], _curve([value], spread=0))
        assert found.words(found.even) == found.words(found.low) == found.words(found.high) == words


def test_even_sure_and_strict() -> None:
    found = break_even(ROWS, _curve([-10, -2, 4, 6]), stds=[1, 1, 3, 7])
    assert found.even == pytest.approx(27.144, abs=0.0005)
    assert found.low < found.even < found.high < 50
    assert found.even < found.sure < 50  # lower ends -4 and 2
    assert found.strict is not None
    # PAVA of -11, -3, 1, -1 is -11, -3, 0, 0
    assert found.strict == pytest.approx(50)
    assert found.covers == "test rows"
    assert break_even(ROWS, _curve([-10, -2, 4, 6])).strict is None


def test_the_upper_end_is_open_if_enough_replicates_never_cross() -> None:
    found = break_even(ROWS, _curve([-3, -2, -1, 0.5]))
    assert 50 < found.even < 100
    assert found.words(found.high) == "not reached by 100"
    assert found.sure == math.inf
    assert found.low < found.even
    never = [np.full(1000, -1.0), np.where(np.arange(1000) < 24, -1.0, 1.0)]
    curve = [Replicates(estimate=float(np.median(v)), values_B=v, covers="") for v in never]
    assert break_even([10, 100], curve).high < 100


def test_the_lower_end_is_at_most_the_first_size() -> None:
    found = break_even(ROWS, _curve([-0.5, 3, 4, 5]))
    assert found.words(found.low) == "at most 10"
    assert 10 < found.even < found.high < 100


def test_when_a_student_has_paid_off() -> None:
    assert float(texts_to_pay_off(12, generator=0.002, student=0.0001)) == pytest.approx(6315.8, abs=0.05)
    assert float(texts_to_pay_off(12, generator=0.1, student=0.1)) == math.inf
    assert float(texts_to_pay_off(12, generator=0.1, student=0.2)) == math.inf
    assert float(texts_to_pay_off(0, generator=0.2, student=0.1)) == 0
    spread = np.random.default_rng(0).normal(0.002, 0.0002, 1000)
    found = Replicates(
        estimate=6315.8, values_B=texts_to_pay_off(12, generator=spread, student=0.0001), covers="throughput"
    ).interval()
    assert 4500 < found.low < 6315.8 < found.high < 9000


_VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=12)


@given(_VALUES)
def test_a_monotone_curve_rises_keeps_the_mean_and_is_its_own_fit(values: list[float]) -> None:
    rising = monotone(np.array(values))
    assert (np.diff(rising) >= -1e-12).all()
    assert rising.mean() == pytest.approx(np.mean(values), abs=1e-9)
    assert monotone(rising) == pytest.approx(rising)


@given(_VALUES, st.floats(0, 1))
def test_a_better_curve_never_crosses_later(values: list[float], gain: float) -> None:
    rows = 10.0 * np.arange(1, len(values) + 1)
    before, after = crossing(rows, np.array(values)), crossing(rows, np.array(values) + gain)
    assert after <= before * (1 + 1e-9)
    assert before == math.inf or rows[0] <= before <= rows[-1] * (1 + 1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.floats(0, 1))
def test_an_interval_holds_its_break_even(means: list[float], spread: float) -> None:
    found = break_even(10.0 * np.arange(1, len(means) + 1), _curve(means, spread=spread, num=50))
    assert found.low <= found.even <= found.high


@given(
    st.integers(1, 12).flatmap(
        lambda size: st.tuples(
            st.lists(st.lists(st.floats(-1, 1), min_size=size, max_size=size), min_size=1, max_size=4),
            st.lists(st.floats(0.5, 20), min_size=size, max_size=size),
        )
    )
)
def test_many_curves_are_fitted_as_scipy_fits_one(drawn: tuple[list[list[float]], list[float]]) -> None:
    curves, weights = drawn
    for own in (None, weights):
        expected = [isotonic_regression(curve, weights=own).x for curve in curves]
        assert monotone(np.array(curves), own) == pytest.approx(np.array(expected), abs=1e-12)
