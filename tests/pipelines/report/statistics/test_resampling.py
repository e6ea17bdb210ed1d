"""Replicates of scores: over which rows and runs, how they are paired, and how wide they are."""

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdc.pipelines.metrics import HEADLINES, METRICS
from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.metrics.macro_f1 import macro_f1 as metric
from sdc.pipelines.report.statistics.resampling import (
    OF_METRIC,
    ROWS,
    RUNS_AND_ROWS,
    SOME_RUNS,
    Replicates,
    Scores,
    accuracy,
    macro_f1,
    replicates,
    resample,
)


def _bernoulli(num_runs: int, num_rows: int, share: float = 0.7, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).random((num_runs, num_rows)) < share


def test_rows_of_parallel_tests_are_drawn_once_for_all_languages() -> None:
    """The reference: clustered SE .2394, .1909 if languages are taken as independent, both with n - 1."""
    right = {"te": np.array([[1, 0, 1, 1]]), "sw": np.array([[1, 0, 1, 0]])}
    together = resample(dict.fromkeys(right, range(4)), test="topic", seed=4, num=50_000)
    apart = {cell: resample({cell: range(4)}, test=cell, seed=4, num=50_000)[cell] for cell in right}
    for times, expected in ((together, 0.2394), (apart, 0.1909)):
        found = replicates({cell: accuracy(right[cell], times[cell]) for cell in right}, seed=0)
        assert found.values_B.std() * math.sqrt(4 / 3) == pytest.approx(expected, abs=0.002)
        assert found.covers == ROWS


def test_rows_of_one_sentence_are_drawn_together_and_each_as_often() -> None:
    sentences = {"te": ["a", "a", "b"], "sw": ["b", "c", "a"], "en": ["a", "b", "c"]}
    times = resample(sentences, test="topic", seed=1, num=200)
    assert (times["te"][:, 0] == times["te"][:, 1]).all()
    assert (times["te"][:, 2] == times["sw"][:, 0]).all()
    assert (times["te"][:, [0, 2]] == times["en"][:, [0, 1]]).all()
    assert (times["sw"].sum(axis=1) == 3).all()
    assert times["sw"].std() > 0


@pytest.mark.parametrize(("correlation", "factor"), [(0.36, 1.67), (0.50, 1.87)])
def test_a_mean_over_six_parallel_tests_is_as_uncertain_as_their_rows_correlate(
    correlation: float, factor: float
) -> None:
    """Rows correlate by .36 (topic) and .50 (intent): taken as independent, the error is so many times too small."""
    rng = np.random.default_rng(0)
    shared_N = rng.random(4000) < 0.7
    rows = {
        lang: np.where(rng.random(4000) < math.sqrt(correlation), shared_N, rng.random(4000) < 0.7)[None]
        for lang in "abcdef"
    }
    together = resample(dict.fromkeys(rows, range(4000)), test="topic", seed=0)
    found = replicates({lang: accuracy(right, together[lang]) for lang, right in rows.items()}, seed=0)
    independent = math.sqrt(sum(right.var() / 4000 for right in rows.values())) / 6
    assert found.values_B.std() / independent == pytest.approx(factor, rel=0.05)


def test_the_reference_of_a_difference_from_the_generator() -> None:
    """204 rows, 20 runs that share nothing: 9.6 to 12.0 over repeats only, 3.9 to 17.8 over rows and repeats.

    Those ends are of a bootstrap that draws repeats, and rows and repeats: 2.4 and 13.9 wide. Over repeats ours are
    Student's, a little wider; over both a little narrower, since the noise of a run on a row is counted once.
    """
    rng = np.random.default_rng(0)
    generator, right = rng.random(204) < 0.7, rng.random((20, 204)) < 0.75
    times = resample({"te": range(204)}, test="topic", seed=0, num=10_000)["te"]
    scores = accuracy(right, times).minus(accuracy(generator[None], times))
    alone = mean_interval(scores.of_runs_R.tolist())
    assert alone == pytest.approx((0.096, 0.120), abs=0.003)
    found = replicates({"te": scores}, seed=0).interval()
    assert (found.low, found.high) == pytest.approx((0.039, 0.178), abs=0.006)
    drawn_BR = rng.multinomial(20, np.full(20, 1 / 20), 10_000) / 20
    for values_B, width, ours in (
        (drawn_BR @ scores.of_runs_R, 0.024, alone),
        ((drawn_BR * scores.resampled_RB.T).sum(axis=1), 0.139, (found.low, found.high)),
    ):
        low, high = np.quantile(values_B, [0.025, 0.975])
        assert high - low == pytest.approx(width, abs=0.001)
        assert ours is not None
        assert ours[1] - ours[0] == pytest.approx(width, abs=0.005)


def test_over_runs_and_rows_the_interval_is_as_wide_as_rows_make_it() -> None:
    """Twenty runs on 204 rows that they find equally hard: the interval over repeats alone is far too narrow."""
    rng = np.random.default_rng(0)
    hard_N = rng.random(204) < 0.6
    right_RN = np.where(rng.random((20, 204)) < 0.1, ~hard_N, hard_N)
    times = resample({"te": range(204)}, test="topic", seed=0)["te"]
    found = replicates({"te": accuracy(right_RN, times)}, seed=0).interval()
    alone = mean_interval(right_RN.mean(axis=1).tolist())
    assert alone is not None
    assert found.high - found.low > 4 * (alone[1] - alone[0])
    assert found.low < alone[0] < alone[1] < found.high


@pytest.mark.parametrize("num_runs", [2, 3, 5, 20])
def test_without_noise_of_rows_runs_have_the_interval_of_student(num_runs: int) -> None:
    values_R = 0.5 + 0.01 * np.random.default_rng(num_runs).standard_normal(num_runs)
    same = Scores(of_runs_R=values_R, resampled_RB=np.tile(values_R[:, None], 40_000), repeats_R=tuple(range(num_runs)))
    found = replicates({"te": same}, seed=1).interval()
    expected = mean_interval(values_R.tolist())
    assert expected is not None
    assert (found.low - found.estimate) / (expected[0] - values_R.mean()) == pytest.approx(1, abs=0.05)
    assert (found.high - found.estimate) / (expected[1] - values_R.mean()) == pytest.approx(1, abs=0.05)


def test_runs_of_equal_skill_add_nothing_to_what_rows_do() -> None:
    """Each run has its own noise in every row: it is counted once, where a bootstrap of rows and runs has it thrice."""
    times = resample({"te": range(400)}, test="topic", seed=0, num=4000)["te"]
    ratios = []
    for seed in range(20):
        found = replicates({"te": accuracy(_bernoulli(20, 400, 0.5, seed), times)}, seed=seed)
        ratios.append(found.values_B.var() / (0.25 / (20 * 400)))
    assert 0.9 < np.mean(ratios) < 1.5


def test_what_an_interval_covers() -> None:
    times = resample({"te": range(50)}, test="topic", seed=0)["te"]
    several, one = accuracy(_bernoulli(3, 50), times), accuracy(_bernoulli(1, 50), times)
    assert replicates({"te": several}, seed=0).covers == RUNS_AND_ROWS
    assert replicates({"te": one}, seed=0).covers == ROWS
    assert replicates({"te": several, "sw": one}, seed=0).covers == SOME_RUNS
    assert (replicates({"te": one}, seed=0).values_B == one.resampled_RB[0]).all()


def test_all_right_is_an_interval_of_no_width() -> None:
    times = resample({"te": range(50)}, test="topic", seed=0)["te"]
    found = replicates({"te": accuracy(np.ones((5, 50)), times)}, seed=0).interval()
    assert (found.estimate, found.low, found.high) == (1, 1, 1)


def test_a_generator_is_taken_from_every_run_on_the_same_rows() -> None:
    times = resample({"te": range(300)}, test="topic", seed=0)["te"]
    right = _bernoulli(1, 300)
    same = accuracy(np.repeat(right, 4, axis=0), times).minus(accuracy(right, times))
    assert not same.resampled_RB.any()
    assert not same.of_runs_R.any()


def test_two_methods_are_paired_by_the_numbers_of_their_runs() -> None:
    times = resample({"te": range(100)}, test="topic", seed=0)["te"]
    right = _bernoulli(3, 100)
    a, b = accuracy(right, times, repeats=[0, 1, 4]), accuracy(right[::-1], times, repeats=[4, 1, 7])
    found = a.minus(b)
    assert found.repeats_R == (1, 4)
    assert not found.of_runs_R.any()
    with pytest.raises(ValueError, match="0 runs"):
        a.minus(accuracy(right[:2], times, repeats=[8, 9]))


def test_points_of_a_curve_move_together_and_cells_apart() -> None:
    values = np.array([0.4, 0.5, 0.7])
    point = Scores(of_runs_R=values, resampled_RB=np.tile(values[:, None], 2000), repeats_R=(0, 1, 2))
    higher = Scores(of_runs_R=values + 0.1, resampled_RB=point.resampled_RB + 0.1, repeats_R=(0, 1, 2))
    first, second, other = (
        replicates({name: scores}, seed=5).values_B for name, scores in (("te", point), ("te", higher), ("sw", point))
    )
    assert second - first == pytest.approx(0.1)
    assert abs(np.corrcoef(np.sign(first - 0.533), np.sign(other - 0.533))[0, 1]) < 0.1


def test_what_may_be_noise_of_the_rows_is_not_taken_for_a_difference_of_runs() -> None:
    """Two runs whose variance is 3.841 times that of their rows' noise: chi-squared is above that in 5 %."""
    noise, values = 0.01, np.array([0.5, 0.5 + 0.01 * math.sqrt(2 * 3.8415)])
    resampled = values[:, None] + noise * np.random.default_rng(0).standard_normal((2, 40_000))
    scores = Scores(of_runs_R=values, resampled_RB=resampled, repeats_R=(0, 1))
    unmoved = replicates({"te": scores}, seed=0).values_B == resampled.mean(axis=0)
    assert unmoved.mean() == pytest.approx(0.05, abs=0.005)


def test_a_difference_of_unpaired_methods_has_the_degrees_of_freedom_of_both() -> None:
    values = np.array([0.4, 0.5, 0.6])
    runs = Scores(of_runs_R=values, resampled_RB=np.tile(values[:, None], 40_000), repeats_R=(0, 1, 2))
    found = replicates({"human": runs, "synthetic": runs}, seed=0, weights={"human": 1, "synthetic": -1}).interval()
    expected = 2.776 * math.sqrt(2 * 0.01 / 3)  # Student's, 4 degrees of freedom
    assert found.estimate == 0
    assert (-found.low / expected, found.high / expected) == pytest.approx((1, 1), abs=0.05)


def test_the_order_of_runs_does_not_matter() -> None:
    values = np.array([0.4, 0.5, 0.7])

    def made(order: list[int]) -> NDArray[Any]:
        scores = Scores(of_runs_R=values[order], resampled_RB=np.tile(values[order, None], 500), repeats_R=tuple(order))
        return replicates({"te": scores}, seed=0).values_B

    assert made([2, 0, 1]) == pytest.approx(made([0, 1, 2]))


def test_a_missing_run_does_not_change_how_the_others_move() -> None:
    rng = np.random.default_rng(3)
    values = rng.random(6)

    def made(kept: list[int]) -> Replicates:
        return replicates(
            {
                "te": Scores(
                    of_runs_R=values[kept], resampled_RB=np.tile(values[kept, None], 3000), repeats_R=tuple(kept)
                )
            },
            seed=2,
        )

    assert np.corrcoef(made([0, 1, 2, 3, 4, 5]).values_B, made([0, 1, 2, 3, 5]).values_B)[0, 1] > 0.7


def test_a_seed_reproduces_every_figure_and_another_does_not() -> None:
    def made(seed: int) -> Replicates:
        times = resample({"te": range(60)}, test="topic", seed=seed)["te"]
        return replicates({"te": accuracy(_bernoulli(4, 60), times)}, seed=seed)

    assert (made(1).values_B == made(1).values_B).all()
    assert (made(1).values_B != made(2).values_B).any()


def test_macro_f1_is_that_of_the_metrics_on_all_rows_and_on_resampled_ones() -> None:
    rng = np.random.default_rng(0)
    gold, read = rng.integers(0, 3, 40), rng.integers(-1, 3, (2, 40))
    times = resample({"en": range(40)}, test="sarcasm", seed=0, num=5)["en"]
    found = macro_f1(gold, read, times, num_labels=3)
    for run in range(2):
        assert found.of_runs_R[run] == metric(gold, read[run], num_labels=3).value
        for b in range(5):
            rows = np.repeat(np.arange(40), times[b].astype(int))
            assert found.resampled_RB[run, b] == pytest.approx(metric(gold[rows], read[run][rows], num_labels=3).value)


def test_all_that_a_report_ranks_by_is_resampled_as_itself() -> None:
    gold, read = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, -1, 2])
    times = resample({"te": range(6)}, test="t", seed=1)["te"]
    assert OF_METRIC.keys() == HEADLINES.keys()
    for name, scores in OF_METRIC.items():
        found = scores(gold, np.stack([read]), times, lambda: 3)
        assert found.of_runs_R == pytest.approx([METRICS[name](gold, read, num_labels=3).value], rel=1e-6)
        again = [METRICS[name](gold.repeat(n), read.repeat(n), num_labels=3).value for n in times[:20].astype(int)]
        assert found.resampled_RB[0, :20] == pytest.approx(again, rel=1e-6)


def test_a_replicate_without_a_row_of_a_cell_has_the_score_of_all() -> None:
    times = np.zeros((2, 4), dtype=np.float32)
    times[0] = 1
    assert accuracy(np.array([[1, 0, 0, 0]]), times).resampled_RB.tolist() == [[0.25, 0.25]]
    found = macro_f1(np.array([0, 0, 1, 1]), np.array([[0, 0, 1, -1]]), times, num_labels=2)
    assert found.resampled_RB[0] == pytest.approx(found.of_runs_R[0])


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="without test rows"):
        resample({"te": []}, test="topic", seed=0)
    with pytest.raises(ValueError, match="0 runs"):
        Scores(of_runs_R=np.zeros(0), resampled_RB=np.zeros((0, 9)), repeats_R=())
    with pytest.raises(ValueError, match="one number"):
        Scores(of_runs_R=np.zeros(2), resampled_RB=np.zeros((2, 9)), repeats_R=(1, 1))
    with pytest.raises(ValueError, match="no cells"):
        replicates({}, seed=0)


def test_thousands_of_runs_are_cheap() -> None:
    began = time.process_time()
    times = resample({"te": range(2000)}, test="topic", seed=0)["te"]
    for _ in range(5):
        replicates({"te": accuracy(_bernoulli(20, 2000), times)}, seed=0).interval()
    assert time.process_time() - began < 5  # some 0.3 s on a core of its own


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 60), st.floats(0, 1), st.integers(0, 10**6))
def test_an_interval_holds_its_estimate_and_no_nonsense(runs: int, rows: int, share: float, seed: int) -> None:
    times = resample({"te": range(rows)}, test="topic", seed=seed, num=100)["te"]
    found = replicates({"te": accuracy(_bernoulli(runs, rows, share, seed), times)}, seed=seed).interval()
    assert found.low <= found.estimate <= found.high
    assert math.isfinite(found.low + found.high)
