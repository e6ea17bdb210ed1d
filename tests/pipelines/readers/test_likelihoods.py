"""Readers of label likelihoods: calibrated over the test, and per token."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines import readers, tasks
from sdc.pipelines.readers import calibrated, per_token, scores

TOPIC, SENTIMENT = tasks.load("topic"), tasks.load("sentiment")
numbers = st.floats(-60, 0)
tables = st.lists(st.lists(numbers, min_size=7, max_size=7), min_size=1, max_size=12)


def as_in_the_paper(rows: list[list[float]]) -> list[list[float]]:
    """log p(y|x) - log of its mean over the batch, with p a softmax over labels, written down once more with numpy."""
    import numpy as np

    table_BL = np.array(rows)
    logp_BL = table_BL - np.logaddexp.reduce(table_BL, axis=1, keepdims=True)
    shifted_BL: list[list[float]] = (logp_BL - np.log(np.exp(logp_BL).mean(0))).tolist()
    return shifted_BL


def test_a_preference_of_the_prompt_is_taken_off() -> None:
    texts = [[-1.0, -1.2], [-1.0, -3.0], [-1.0, -1.3], [-1.0, -4.0]]  # always label 0, though not equally sure
    assert [scores.read(row, SENTIMENT) for row in texts] == [0, 0, 0, 0]
    assert calibrated.read(texts, SENTIMENT) == [1, 0, 1, 0]


@given(tables)
def test_it_is_what_the_paper_says(rows: list[list[float]]) -> None:
    expected = as_in_the_paper(rows)
    for found, row in zip(calibrated.read(rows, TOPIC), expected, strict=True):
        assert found is not None
        assert row[found] == pytest.approx(max(row), abs=1e-9)


@given(tables, st.lists(numbers, min_size=12, max_size=12))
def test_only_differences_between_labels_count(rows: list[list[float]], shifts: list[float]) -> None:
    shifted = [[value + shift for value in row] for row, shift in zip(rows, shifts, strict=False)]
    expected = as_in_the_paper(rows)
    for one, other, row in zip(calibrated.read(rows, TOPIC), calibrated.read(shifted, TOPIC), expected, strict=True):
        assert one is not None
        assert other is not None
        assert row[one] == pytest.approx(row[other], abs=1e-6)


def test_rows_that_are_not_whole_take_no_part() -> None:
    nan, inf = float("nan"), math.inf
    whole = [[-1.0, -1.2], [-1.0, -3.0]]
    broken = [None, [nan, -1.0], [-inf, -2.0], [nan, nan], [-1.0]]
    found = [None, None, 1, None, None]
    assert calibrated.read([*whole, *broken], SENTIMENT) == [*calibrated.read(whole, SENTIMENT), *found]
    assert calibrated.read(broken, SENTIMENT) == found
    assert calibrated.read([], SENTIMENT) == []


def test_a_label_that_is_never_likely_is_no_error() -> None:
    assert calibrated.read([[0.0, -5000.0], [-1.0, -6000.0]], SENTIMENT) == [0, 0]


@pytest.mark.parametrize(("tokens", "label"), [([1, 1], 0), ([1, 3], 1), ([2, 3], 0), ([], None), ([1, 2, 3], None)])
def test_likelihoods_per_token(tokens: list[int], label: int | None) -> None:
    assert per_token.read([-2.0, -4.0], SENTIMENT, tokens) == label


def test_words_among_scores_are_read_strictly_by_all_of_them() -> None:
    for reader in readers.SCORE_READERS:
        found = readers.read(
            reader,
            SENTIMENT,
            replies=[None, "positive", "no idea", None],
            all_scores=[[-1.0, -3.0], None, None, [-3.0, -1.0]],
            label_tokens=[1, 1],
        )
        assert found == [0, 1, None, 1]


@pytest.mark.parametrize("name", readers.SCORE_READERS)
def test_a_student_without_likelihoods_is_read_as_it_always_was(name: str) -> None:
    assert readers.resolve(name, has_scores=True) == "scores"
    assert readers.resolve(name, has_scores=True, is_likelihood=True) == name
    assert readers.resolve(name, has_scores=False, is_likelihood=True) is None
