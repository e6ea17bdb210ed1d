"""Almost stochastic order: the reference value, symmetry, and the bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.report.statistics.order import THRESHOLD, bound, violation


def test_the_reference_value() -> None:
    assert violation(np.array([1, 2, 3, 4]), np.array([0, 1.5, 3.5, 3.8])) == pytest.approx(0.25 / 1.54)


def test_samples_of_different_size_are_compared_by_quantiles() -> None:
    assert violation(np.array([1, 2]), np.array([0, 0, 1.5, 1.5, 3, 3])) == pytest.approx(
        # six parts: 1-0, 1-0, 1-1.5, 2-1.5, 2-3, 2-3
        (0.25 + 1 + 1) / (1 + 1 + 0.25 + 0.25 + 1 + 1)
    )
    assert violation(np.array([1, 2, 3]), np.array([1, 1, 2, 2, 3, 3])) == 0.5


def test_the_bound_says_better_only_if_that_is_clear() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(0.6, 0.02, 20), rng.normal(0.65, 0.02, 20)
    assert bound(high, low, seed=0) < THRESHOLD
    assert bound(low, high, seed=0) == 1
    assert bound(low, rng.normal(0.6, 0.02, 20), seed=0) > THRESHOLD
    assert bound(low, low, seed=0) > THRESHOLD
    assert bound(high, low, seed=3) == bound(high, low, seed=3)


_SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=9).map(np.array)


@given(_SCORES, _SCORES)
def test_what_one_has_the_other_lacks(
    first: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
    second: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]",
) -> None:
    assert violation(first, second) + violation(second, first) == pytest.approx(1)
