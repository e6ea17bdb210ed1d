"""Synthetic against human rows: the share of the gap that is closed, and their worth."""

import math

import numpy as np
import pytest

from sdc.pipelines.report.statistics.gap import gap_closed, worth_human_rows
from sdc.pipelines.report.statistics.resampling import ROWS, Scores


def _runs(mean: float, *, spread: float = 0.01, seed: int = 0) -> dict[str, Scores]:
    """Returns one run whose score on resampled rows is normal."""
    resampled = mean + spread * np.random.default_rng(seed).standard_normal((1, 1000))
    return {"te": Scores(of_runs_R=np.array([mean]), resampled_RB=resampled, repeats_R=(0,))}


def test_a_share_of_the_gap() -> None:
    found = gap_closed(_runs(0.7, seed=1), human=_runs(0.8, seed=2), reference=_runs(0.6, seed=3), seed=0)
    assert found is not None
    assert found.estimate == pytest.approx(0.5)
    # delta method: sqrt(1 + .25 + .25) * .01 / .2, times 1.96
    assert (found.low, found.high) == pytest.approx((0.38, 0.62), abs=0.02)
    assert found.covers == ROWS


def test_a_share_is_the_ratio_of_the_two_in_every_replicate() -> None:
    synthetic, human, reference = (_runs(score, seed=seed) for seed, score in enumerate((0.7, 0.8, 0.6)))
    found = gap_closed(synthetic, human=human, reference=reference, seed=0)
    s, h, g = (scores["te"].resampled_RB[0] for scores in (synthetic, human, reference))
    ratio = np.sort((s - g) / (h - g))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((ratio[24], ratio[974]))


def test_what_all_scores_share_is_in_no_share() -> None:
    found = gap_closed(_runs(0.7), human=_runs(0.8), reference=_runs(0.6), seed=0)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_more_than_all_and_less_than_nothing() -> None:
    better, worse = (gap_closed(_runs(s), human=_runs(0.8), reference=_runs(0.6), seed=0) for s in (0.9, 0.5))
    assert better is not None
    assert worse is not None
    assert (better.estimate, worse.estimate) == pytest.approx((1.5, -0.5))


def test_without_a_gap_there_is_no_share() -> None:
    assert gap_closed(_runs(0.7), human=_runs(0.6), reference=_runs(0.6), seed=0) is None
    assert gap_closed(_runs(0.7), human=_runs(0.5), reference=_runs(0.6), seed=0) is None


def test_a_gap_that_might_be_none_leaves_the_share_open() -> None:
    found = gap_closed(_runs(0.605, seed=1), human=_runs(0.61, seed=2), reference=_runs(0.6, seed=3), seed=0)
    assert found is not None
    assert found.estimate == pytest.approx(0.5)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_worth_as_many_human_rows() -> None:
    people = [_runs(score, seed=10 + place) for place, score in enumerate((0.5, 0.6, 0.7, 0.75))]
    found = worth_human_rows(_runs(0.65), [10, 20, 50, 100], people, seed=0)
    assert found.rows == pytest.approx(math.sqrt(20 * 50))
    assert 20 < found.low < found.rows < found.high < 50
    assert found.words(found.rows) == "32"
    assert found.covers == ROWS


def test_worth_is_open_at_both_ends_of_the_curve() -> None:
    people = [_runs(score, seed=10 + place) for place, score in enumerate((0.5, 0.6, 0.7, 0.75))]
    less, more = (worth_human_rows(_runs(score), [10, 20, 50, 100], people, seed=0) for score in (0.45, 0.8))
    assert less.words(less.rows) == less.words(less.low) == "at most 10"
    assert more.words(more.rows) == more.words(more.high) == "more than 100"
    one = worth_human_rows(_runs(0.45), [10], people[:1], seed=0)
    assert one.words(one.rows) == "at most 10"


def test_the_two_are_on_the_same_cells_and_a_reference_may_have_several_runs() -> None:
    with pytest.raises(ValueError, match="same cells"):
        gap_closed(_runs(0.7), human=_runs(0.8), reference={}, seed=0)
    with pytest.raises(ValueError, match="same cells"):
        worth_human_rows(_runs(0.7), [10], [{}], seed=0)
    two = Scores(of_runs_R=np.array([0.6, 0.7]), resampled_RB=np.full((2, 1000), 0.6), repeats_R=(0, 1))
    found = gap_closed(_runs(0.7), human=_runs(0.8), reference={"te": two}, seed=0)  # from a mean of 0.65
    assert found is not None
    assert found.estimate == pytest.approx(1 / 3)
    assert found.low < found.estimate < found.high  # the two runs differ


def test_runs_on_synthetic_and_on_human_rows_have_luck_of_their_own() -> None:
    values = np.array([0.64, 0.70, 0.76])
    runs = {"te": Scores(of_runs_R=values, resampled_RB=np.tile(values[:, None], 1000), repeats_R=(0, 1, 2))}
    higher = {
        "te": Scores(of_runs_R=values + 0.1, resampled_RB=np.tile(values[:, None] + 0.1, 1000), repeats_R=(0, 1, 2))
    }
    found = gap_closed(runs, human=higher, reference=_runs(0.3, spread=0), seed=0)
    assert found is not None
    assert found.high - found.low > 0.2  # 0.8, and 0.06 if the luck of a number were one
