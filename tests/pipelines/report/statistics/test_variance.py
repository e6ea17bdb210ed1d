"""The variance split: reference values, and what is said where there is nothing to split."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.pipelines.report.statistics.variance import split

GRID = np.array([[70, 72, 71, 75], [60, 63, 61, 64], [66, 65, 69, 68]])


def test_the_reference_grid() -> None:
    """REML, which is the same on a balanced grid without negative estimates, has 24.4444, 1.5556 and 2.2222."""
    parts = split(GRID, seed=0)
    assert [part.name for part in parts] == ["draw", "init", "rest"]
    assert [part.variance for part in parts] == pytest.approx([24.4444, 1.5556, 2.2222], abs=0.00005)
    assert [100 * part.share.estimate for part in parts] == pytest.approx([86.6, 5.5, 7.9], abs=0.05)
    draw, init, rest = (part.variance for part in parts)
    mean_squares = (rest + 4 * draw, rest + 3 * init, rest)
    assert mean_squares == pytest.approx((100, 6.889, 2.222), abs=0.0005)
    assert not any(part.negative for part in parts)
    assert {part.share.covers for part in parts} == {"3 draws, 4 inits"}


def test_a_negative_estimate_is_zero_and_said() -> None:
    parts = split(np.array([[1.0, 2.0], [2.0, 1.0]]), seed=0)  # all is in the combination of the two
    assert [(part.variance, part.negative) for part in parts] == [(0, True), (0, True), (1, False)]
    assert parts[-1].share.estimate == 1


def test_three_factors_and_their_pairs() -> None:
    rng = np.random.default_rng(0)
    draw, init, shots = (math.sqrt(v) * rng.standard_normal(60) for v in (8, 4, 2))
    pair = math.sqrt(3) * rng.standard_normal((60, 1, 60))
    noise = rng.standard_normal((60, 60, 60))
    parts = split(draw[:, None, None] + init[None, :, None] + shots + pair + noise, seed=0)
    expected = {"draw": 8, "init": 4, "shots": 2, "draw x init": 0, "draw x shots": 3, "init x shots": 0, "rest": 1}
    assert [part.name for part in parts] == list(expected)
    for part in parts:
        assert part.variance == pytest.approx(expected[part.name], rel=0.3, abs=0.05)
        assert part.share.low - 0.005 <= expected[part.name] / 18 <= part.share.high + 0.005


def test_a_larger_grid_tells_more() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for size in (5, 40):
        grid = rng.standard_normal((size, 1)) + rng.standard_normal((1, size)) + rng.standard_normal((size, size))
        share = split(grid, seed=0)[0].share
        widths.append(share.high - share.low)
    assert widths[1] < 0.35 < 0.6 < widths[0]


def test_equal_scores_have_no_shares() -> None:
    parts = split(np.full((3, 3), 0.7), seed=0)
    assert [part.variance for part in parts] == pytest.approx([0, 0, 0], abs=1e-25)
    exact = split(np.full((2, 4), 0.5), seed=0)
    assert all(math.isnan(part.share.estimate) for part in exact)


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((1, 3)), np.array([[0, 1], [math.nan, 1]])])
def test_what_is_no_whole_grid_is_refused(scores: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        split(scores, seed=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 5))
def test_shares_are_those_of_a_whole_and_a_seed_reproduces_them(seed: int, draws: int, inits: int) -> None:
    scores = np.random.default_rng(seed).random((draws, inits))
    parts = split(scores, seed=seed, num=200)
    assert sum(part.share.estimate for part in parts) == pytest.approx(1)
    assert all(0 <= part.share.low <= part.share.estimate <= part.share.high <= 1 for part in parts)
    assert split(scores, seed=seed, num=200) == parts
    # Shares do not depend on the unit, nor on which axis is which.
    assert [p.share.estimate for p in split(100 * scores, seed=0)] == pytest.approx([p.share.estimate for p in parts])
    turned = split(scores.T, seed=0)
    assert turned[0].variance == pytest.approx(parts[1].variance)
