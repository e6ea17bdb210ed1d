"""Columns, labels and statuses."""

import hashlib
import json
from typing import Any

import pytest

from sdc.errors import DataError, UsageError
from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import artifact as data_artifact
from sdc.pipelines.data import columns as data_columns
from sdc.pipelines.data import rows as data_rows
from sdc.pipelines.data.columns import Columns
from sdc.pipelines.data.frame import FileRow, Frame
from sdc.pipelines.data.labels import Labels
from sdc.pipelines.data.rows import ExampleColumns
from sdc.pipelines.tasks import languages

TOPIC = tasks.load("topic")


def _frame(*rows: dict[str, Any]) -> Frame:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Frame.of_rows([FileRow(line=i, cells=row) for i, row in enumerate(rows, 2)], where="x.csv", columns=columns)


def _columns(frame: Frame, columns: Columns | None = None) -> ExampleColumns:
    labels = Labels(TOPIC)
    columns = columns or data_columns.choose(frame, labels)
    return data_rows.examples(frame, columns, labels, lang="te", task=TOPIC, source="human", split="train")


def _examples(frame: Frame, columns: Columns | None = None) -> list[dict[str, Any]]:
    found = _columns(frame, columns)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


@pytest.mark.parametrize(
    "value", [0, 0.0, "0", "0.0", " 0 ", "science/technology", "Science and Technology", "science_and-technology"]
)
def test_zero_in_all_its_forms_is_the_first_label(value: object) -> None:
    (row,) = _examples(_frame({"text": "a", "label": value}))
    assert (row["label"], row["label_name"], row["status"]) == (0, "science and technology", "ok")


@pytest.mark.parametrize("value", ["7", "-1", "0.5", "nan", "scienc", "", None, True, float("nan"), []])
def test_what_is_no_label_is_a_row_with_a_reason(value: object) -> None:
    (row,) = _examples(_frame({"text": "a", "label": value}), Columns(text="text", label="label"))
    assert row["label"] is None and row["status"] == "unlabelled"
    assert ("no label" if value in ("", None, []) or value != value else repr(str(value))) in row["reason"]


def test_what_is_equal_in_python_is_not_the_same_label() -> None:
    """Labels are read once each, and to Python 1, 1.0 and True are one."""
    frame = _frame(*({"text": "a", "label": value} for value in (1, True, 1.0, True, 1)))
    columns = Columns(text="text", label="label")
    assert [row["label"] for row in _examples(frame, columns)] == [1, None, 1, None, 1]
    assert data_columns._share(frame, Labels(TOPIC), "label") == 3 / 5
    lists = _frame(*({"text": "a", "label": value} for value in ([1], [2], [])))
    assert [row["label"] for row in _examples(lists, columns)] == [1, 2, None]
    assert data_columns._share(lists, Labels(TOPIC), "label") == 2 / 3


def test_the_key_is_that_of_the_rows_one_by_one() -> None:
    texts = ["a", 'quotes " and \\', "two\nlines\r\n", "\u2028\x85\x0b", "\U0001f600", " "]
    frame = _frame(*({"text": text, "label": i % 3 or "x"} for i, text in enumerate(texts)))
    rows = _examples(frame)
    lines = [[row[name] for name in ("text", "label", "label_name", "status", "reason")] for row in rows]
    written = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    cell = Cell(language=languages.load("te"), task=TOPIC)
    made = data_artifact.planned(_columns(frame), cell, version=1, source="human", split="train")
    assert made.config["digest"] == hashlib.sha256(written.encode()).hexdigest()
    assert data_rows.table(_columns(frame)).to_pylist() == rows


def test_texts_are_kept_as_they_are() -> None:
    texts = [" a ", "e\u0301", "\r", "\u00a0", "x\n"]
    rows = _examples(_frame(*({"text": text, "label": 1} for text in texts)))
    assert [row["text"] for row in rows] == texts
    assert [row["status"] for row in rows] == ["ok", "ok", "empty", "empty", "ok"]
    assert rows[2]["reason"] == "empty text" and rows[2]["label"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [(42, "type int"), (["a"], "type list"), ("a\0b", "NUL"), ("a\ud800", "surrogate"), (b"x", "bytes")],
)
def test_a_text_that_is_none_is_broken_and_can_be_stored(text: object, said: str) -> None:
    (row,) = _examples(_frame({"text": text, "label": 1}))
    assert row["status"] == "broken" and said in row["reason"] and row["label"] is None
    assert "\0" not in row["text"] and row["text"].encode()


def test_broken_records_keep_their_place() -> None:
    frame = _frame({"text": "a", "label": 1}, {"text": "b", "label": 2})
    broken = FileRow(line=3, cells={}, broken="line 3: 1 cells", raw="a,b")
    rows = _examples(Frame.of_rows([frame.rows[0], broken, frame.rows[1]], where="x", columns=frame.columns))
    assert [(row["idx"], row["status"], row["text"]) for row in rows] == [
        (0, "ok", "a"),
        (1, "broken", "a,b"),
        (2, "ok", "b"),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": 1, "text": "a", "intent": "travel", "label": 1}, Columns(text="text", label="label", check="intent")),
        ({"Sentence": "a", "category": "travel"}, Columns(text="Sentence", label="category")),
        ({"text": "a", "label": 412, "category": "travel"}, Columns(text="text", label="category")),
        ({"utterance": "a", "text": "b", "Topic": 3}, Columns(text="text", label="Topic")),
        ({"text": "a", "label": "foo"}, Columns(text="text", label="label")),
        ({"text": "a", "label": 1, "category": "cat 7"}, Columns(text="text", label="label")),
    ],
)
def test_columns_are_found(row: dict[str, Any], expected: Columns) -> None:
    assert data_columns.choose(_frame(row), Labels(TOPIC)) == expected


def test_named_columns_are_taken_at_their_word() -> None:
    frame = _frame({"text": "a", "label": 1, "Other": "travel", "body": "b"})
    found = data_columns.choose(frame, Labels(TOPIC), text="body", label="other")
    assert found == Columns(text="body", label="Other")


@pytest.mark.parametrize(
    ("row", "flags", "said"),
    [
        ({"text": "a", "label": 1}, {"text": "txt"}, "no column 'txt' among the columns 'text', 'label'"),
        ({"text": "a", "label": 1}, {"label": "lbl"}, "no column 'lbl'"),
        ({"a": "a", "label": 1}, {}, "no text column among the columns 'a', 'label'"),
        ({"text": "a", "b": 1}, {}, "no label column among the columns 'text', 'b'"),
        ({"text": "a", "label": "x", "intent": "y"}, {}, "none of the columns 'label', 'intent'"),
        ({"text;label": "a;1"}, {}, 'add --delimiter ";"'),
    ],
)
def test_what_cannot_be_told_is_asked(row: dict[str, Any], flags: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        data_columns.choose(_frame(row), Labels(TOPIC), **flags)


def test_two_columns_of_one_name_are_refused() -> None:
    row = FileRow(line=2, cells={"text": "a", "label": 1})
    frame = Frame.of_rows([row], where="x", columns=("text", "label", "label"))
    with pytest.raises(UsageError, match="two columns are called 'label'"):
        data_columns.choose(frame, Labels(TOPIC))


def test_id_and_name_that_disagree_leave_a_row_unlabelled() -> None:
    good = [{"text": "a", "intent": "travel", "label": "1"}] * 9
    odd = [{"text": "b", "intent": "sports", "label": "1"}, {"text": "c", "intent": "", "label": "2"}]
    rows = _examples(_frame(*good, *odd))
    assert [row["status"] for row in rows[-2:]] == ["unlabelled", "ok"]
    assert rows[-2]["reason"] == "label is '1' but intent is 'sports'"


def test_too_many_rows_without_a_label() -> None:
    def check(num_bad: int) -> None:
        rows = _columns(
            _frame(*[{"text": "a", "label": 1}] * (10 - num_bad), *[{"text": "a", "label": "foo"}] * num_bad)
        )
        data_rows.check_usable(rows, TOPIC, where="x.csv", most=0.2)

    check(2)
    with pytest.raises(DataError, match=r"3 of 10 rows .*unknown label 'foo'.*science and technology, travel"):
        check(3)


def test_no_usable_row() -> None:
    rows = _columns(_frame({"text": " ", "label": 1}))
    with pytest.raises(DataError, match=r"none of 1 row can be used .empty text"):
        data_rows.check_usable(rows, TOPIC, where="x.csv", most=0.2)
