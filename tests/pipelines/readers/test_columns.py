"""Readers of whole columns say what readers of rows say."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.pipelines import readers, tasks
from sdc.pipelines.readers.columns import read_columns

TASK = tasks.load("topic")
NUM_LABELS = len(TASK.labels)

_NUMBERS = st.sampled_from([0.0, -0.0, 0.5, -1.5, -1e30, 3e38, math.inf, -math.inf, math.nan]) | st.floats(width=32)
_SCORES = (
    st.none()
    | st.lists(_NUMBERS, min_size=NUM_LABELS, max_size=NUM_LABELS)
    | st.lists(_NUMBERS, max_size=NUM_LABELS + 2)
    | st.floats(width=32).map(lambda score: [score] * NUM_LABELS)
)
_REPLIES = st.sampled_from([None, "", "politics", "3", "Label: 2) travel", "7) health", "99", "politics?!", "no idea"])
_ROWS = st.lists(st.tuples(_REPLIES, _SCORES), max_size=20)


def _columns(rows: list[tuple[str | None, list[float] | None]]) -> dict[str, Any]:
    return {
        "replies": pa.array([reply for reply, _ in rows], pa.string()),
        "scores": pa.array([scores for _, scores in rows], pa.list_(pa.float32())),
    }


@pytest.mark.parametrize("reader", [*readers.REPLY_READERS, *readers.SCORE_READERS])
@given(rows=_ROWS, label_tokens=st.lists(st.integers(1, 9), min_size=NUM_LABELS, max_size=NUM_LABELS) | st.just([1]))
@settings(max_examples=200, deadline=None)
def test_columns_are_read_as_rows_are(
    reader: str, rows: list[tuple[str | None, list[float] | None]], label_tokens: list[int]
) -> None:
    columns = _columns(rows)
    found = read_columns(reader, TASK, **columns, label_tokens=label_tokens)
    expected = readers.read(
        reader,
        TASK,
        replies=columns["replies"].to_pylist(),
        all_scores=columns["scores"].to_pylist(),
        label_tokens=label_tokens,
    )
    assert [None if label == -1 else label for label in found.tolist()] == expected


def test_a_part_of_a_column_is_read_as_that_part() -> None:
    scores = [float(label == 4) for label in range(NUM_LABELS)]
    rows: list[tuple[str | None, list[float] | None]] = [("politics", None), (None, scores), ("3", [1.0]), (None, None)]
    columns = {name: column.slice(1, 3) for name, column in _columns(rows).items()}
    assert read_columns("scores", TASK, **columns).tolist() == [4, -1, -1]
    assert read_columns("strict", TASK, **columns).tolist() == [-1, 2, -1]


def test_a_score_that_is_null_loses() -> None:
    scores = pa.array([[None, -3.0, *[None] * (NUM_LABELS - 2)], [None] * NUM_LABELS], pa.list_(pa.float32()))
    replies = pa.nulls(2, pa.string())
    expected = readers.read("scores", TASK, replies=[None] * 2, all_scores=scores.to_pylist())
    assert expected == [1, None]
    assert read_columns("scores", TASK, replies=replies, scores=scores).tolist() == [1, -1]
