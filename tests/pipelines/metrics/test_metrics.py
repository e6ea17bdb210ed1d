"""Metrics against scikit-learn, scipy and cases checked by hand."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.pipelines import metrics
from sdc.pipelines.metrics.interval import mean_interval, wilson

Case = tuple[int, list[int], list[int | None]]


@st.composite
def answers(draw: st.DrawFn) -> Case:
    num_labels = draw(st.integers(2, 6))
    labels = st.integers(0, num_labels - 1)
    pairs = draw(st.lists(st.tuples(labels, labels | st.none()), min_size=1, max_size=40))
    return num_labels, [gold for gold, _ in pairs], [read for _, read in pairs]


@given(answers())
@settings(max_examples=60, deadline=None)
def test_equal_to_scikit_learn(case: Case) -> None:
    from sklearn.metrics import accuracy_score, f1_score

    num_labels, gold, read = case
    found = metrics.measure(gold, read, num_labels=num_labels, reader="paper-code")
    theirs = [-1 if label is None else label for label in read]
    assert found["accuracy"].value == pytest.approx(accuracy_score(gold, theirs))
    expected = f1_score(gold, theirs, labels=range(num_labels), average="macro", zero_division=math.nan)
    assert found["macro_f1"].value == pytest.approx(expected, abs=1e-6)
    as_script = f1_score(gold, theirs, average="macro", zero_division=0)
    assert found["macro_f1_paper_code"].value == pytest.approx(as_script, abs=1e-6)


@given(answers())
@settings(max_examples=60, deadline=None)
def test_ranges_and_intervals(case: Case) -> None:
    num_labels, gold, read = case
    found = metrics.measure(gold, read, num_labels=num_labels, reader="strict")
    for name, estimate in found.items():
        assert 0 <= estimate.value <= 1, name
        if (
            estimate.low is not None and estimate.high is not None and name != "macro_f1"
        ):  # a bootstrap of few rows may miss its own value
            assert estimate.low <= estimate.value + 1e-9 and estimate.value <= estimate.high + 1e-9, name
    constant: list[int | None] = [max(set(gold), key=gold.count)] * len(gold)
    of_constant = metrics.measure(gold, constant, num_labels=num_labels, reader="strict")
    assert of_constant["accuracy"].value == pytest.approx(found["majority_rate"].value)
    assert of_constant["macro_f1"].value == pytest.approx(found["majority_macro_f1"].value, abs=1e-6)


@given(answers())
@settings(max_examples=60, deadline=None)
def test_arrays_measure_as_lists_do(case: Case) -> None:
    num_labels, gold, read = case
    arrays = (
        np.array(gold, dtype=np.int32),
        np.array([-1 if label is None else label for label in read], dtype=np.int16),
    )
    found = metrics.measure(*arrays, num_labels=num_labels, reader="paper-code")
    assert found == metrics.measure(gold, read, num_labels=num_labels, reader="paper-code")
    assert all(type(estimate.value) is float for estimate in found.values())


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 30), st.integers(0, 9), st.randoms(use_true_random=False))
def test_many_runs_measure_as_each_by_itself(num_labels: int, num_rows: int, num_runs: int, random: Random) -> None:
    gold = np.array([random.randrange(num_labels) for _ in range(num_rows)])
    runs = [np.array([random.randrange(-1, num_labels) for _ in range(num_rows)]) for _ in range(num_runs)]
    found = metrics.measure_many(gold, runs, num_labels=num_labels, reader="paper-code")
    assert found == [metrics.measure(gold, run, num_labels=num_labels, reader="paper-code") for run in runs]


def test_labels_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="1 labels were read in 3 rows"):
        metrics.METRICS["accuracy"]([0, 0, 0], np.array([0]), num_labels=2)


def test_bootstrap_interval_is_fixed_and_near_the_normal_one() -> None:
    gold = [i % 2 for i in range(400)]
    read = [label if i % 5 else 1 - label for i, label in enumerate(gold)]  # 80 % right, both labels alike
    one, two = (metrics.measure(gold, read, num_labels=2, reader="scores")["macro_f1"] for _ in range(2))
    assert one == two
    assert one.value == pytest.approx(0.8)
    # F1 and accuracy agree here, so Wilson's interval is a check.
    assert (one.low, one.high) == pytest.approx(wilson(320, 400), abs=0.01)


def test_wilson_and_student_equal_scipy() -> None:
    from scipy.stats import binomtest, t

    for hits, total in ((0, 1), (1, 1), (3, 7), (122, 204), (565, 565)):
        exact = binomtest(hits, total).proportion_ci(0.95, method="wilson")
        assert wilson(hits, total) == pytest.approx((exact.low, exact.high), abs=1e-9)
    for n in (2, 3, 20, 31, 32, 60, 400):
        values = [0.5 + 0.01 * (i % 7) for i in range(n)]
        mean = sum(values) / n
        std = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
        half = t.ppf(0.975, n - 1) * std / math.sqrt(n)
        assert mean_interval(values) == pytest.approx((mean - half, mean + half), abs=1e-5)
    assert mean_interval([0.5]) is None
    assert mean_interval([0.0, 1.0]) == (0.0, 1.0)


def test_failed_run_is_strictly_below_chance() -> None:
    gold = [0, 1, 2, 3]
    cases: list[list[int | None]] = [[None] * 4, [0, 0, 0, 0], [1, 0, 3, 2]]
    flags = [metrics.measure(gold, read, num_labels=4, reader="strict")["failed_run"].value for read in cases]
    assert flags == [1.0, 0.0, 1.0]


def test_wilson_refuses_what_is_no_share() -> None:
    with pytest.raises(ValueError, match="total"):
        wilson(1, 0)
