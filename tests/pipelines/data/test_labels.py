"""Labels: names before ids, numbers that are ids beyond doubt or not at all, what `--label-map` says."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines import data, tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.data import labels as data_labels
from sdc.pipelines.data.labels import Labels
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import Task, languages


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _task(*names: str, aliases: tuple[str, ...] = ()) -> Task:
    labels = [{"name": name, "aliases": [alias]} for name, alias in zip(names, aliases, strict=False)]
    labels = labels or [{"name": name} for name in names]
    return tasks.from_mapping({"name": "own", "instruction": "{options}", "labels": labels}, where="test")


def _add(context: Context, folder: Path, labels: list[Any], task: Task, **config: Any) -> list[tuple[Any, ...]]:
    """Returns label name, status and reason of each row of a JSONL file with these labels."""
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {i}", "label": v}) + "\n" for i, v in enumerate(labels)))
    cell = Cell(language=languages.load("en"), task=task)
    outcome = data.add(context, cell, path, DataConfig(**config))
    sql = "select label_name, status, reason from examples where key = ? order by idx"
    return context.store.query(sql, [outcome.key])


TOPIC, SENTIMENT = tasks.load("topic"), tasks.load("sentiment")


@pytest.mark.parametrize(
    ("labels", "task", "said"),
    [
        ([1, 2, 3, 4, 5, 6, 7], TOPIC, r"the labels are numbers, 1 \(1x\), 2 \(1x\),.* 7 \(1x\), that may be no ids"),
        ([1, 2, 3], TOPIC, "numbers, 1"),
        (["1", "2"], SENTIMENT, "numbers, 1"),
        ([1.0, 2.0], SENTIMENT, "numbers, 1"),
        (["1.0"] * 3, SENTIMENT, r"numbers, 1 \(3x\)"),
        ([-1, 0, 1], SENTIMENT, r"numbers, -1 \(1x\), 0 \(1x\), 1 \(1x\)"),
        ([-1.0, 0.0, 1.0], SENTIMENT, "numbers, -1"),
        ([0, 1, 2], SENTIMENT, r"2 \(1x\), that may be no ids \(0 to 1\)"),
        ([0] * 999 + [7], TOPIC, "7 .1x."),
        ([0, 4], SENTIMENT, "4 .1x."),
        (["negative", 1], SENTIMENT, "numbers, 1"),
    ],
)
def test_numbers_that_may_be_no_ids_are_refused(
    context: Context, tmp_path: Path, labels: list[Any], task: Task, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        _add(context, tmp_path, labels, task)
    assert "--label-map" in caught.value.fix and task.labels[-1].name in caught.value.fix
    assert not context.store.path.exists()


@pytest.mark.parametrize("labels", [[0, 1, 2, 6], ["0", "1", "2", "6"], [0.0, 1.0, 2.0, 6.0], ["0.0", "1.0", 2, "6"]])
def test_numbers_from_0_are_ids(context: Context, tmp_path: Path, labels: list[Any]) -> None:
    found = [name for name, _, _ in _add(context, tmp_path, labels, TOPIC)]
    assert found == ["science and technology", "travel", "politics", "geography"]


def test_the_map_says_what_numbers_mean(context: Context, tmp_path: Path) -> None:
    found = _add(
        context, tmp_path, [1, -1, 0, "-1", 1.0, 2], SENTIMENT,
        label_map=("1=positive,-1=negative", "0=skip"), most_unusable=0.5,
    )  # fmt: skip
    assert [name for name, _, _ in found] == ["positive", "negative", None, "negative", "positive", None]
    assert found[2][1:] == ("skipped", "label '0' is left out by --label-map")
    assert found[5][1:] == ("unlabelled", "unknown label '2'")


def test_a_map_of_words_leaves_ids_alone(context: Context, tmp_path: Path) -> None:
    found = _add(context, tmp_path, [0, 1, "Pos", True], SENTIMENT, label_map=("pos=positive,true=positive",))
    assert [name for name, _, _ in found] == ["negative", "positive", "positive", "positive"]


def test_skipped_rows_do_not_count_as_unusable(context: Context, tmp_path: Path) -> None:
    found = _add(context, tmp_path, ["neutral"] * 9 + ["positive"], SENTIMENT, label_map=("neutral=",))
    assert [status for _, status, _ in found] == ["skipped"] * 9 + ["ok"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["positive"], "is not VALUE=LABEL"), (["=positive"], "is not VALUE=LABEL"), (["1=good"], "no label 'good'"),
        (["1=positive,1.0=negative"], "mapped twice"), (["1=7"], "has no label '7'"),
    ],
)  # fmt: skip
def test_maps_that_say_nothing(entries: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        data_labels.parse_map(entries, SENTIMENT)


def test_a_map_takes_ids_aliases_and_values_with_commas() -> None:
    assert data_labels.parse_map(["1=0,2=1"], SENTIMENT) == {"1": 0, "2": 1}
    assert data_labels.parse_map(["a, b=science/technology,c=Travel"], TOPIC) == {"a, b": 0, "c": 1}
    own = _task("skip", "keep")
    assert data_labels.parse_map(["0=skip,1="], own) == {"0": 0, "1": None}


# -- names that are numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, "3", 3.0, "3.0", " 3 "])
def test_a_name_that_is_a_number_wins_over_ids(context: Context, tmp_path: Path, value: object) -> None:
    stars = _task("1", "2", "3", "4", "5")
    assert [row[0] for row in _add(context, tmp_path, [value, 1, "5"], stars)] == ["3", "1", "5"]


def test_where_names_are_numbers_no_number_is_an_id(context: Context, tmp_path: Path) -> None:
    assert _task("1", "2", "3", "4", "5").label_id(0) is None
    assert _task("positive", "negative", aliases=("1", "-1")).label_id(0) is None


@pytest.mark.parametrize(("labels", "said"), [([0, 1, 2, 3, 4], "label is called 0"), ([1] * 99 + [7, -1], "-1 or 7")])
def test_numbers_that_are_no_names_beside_some_that_are_are_refused(
    context: Context, tmp_path: Path, labels: list[Any], said: str
) -> None:
    """Five stars counted from 0: four rows of five came in with the label of the next one."""
    stars = _task("1", "2", "3", "4", "5")
    with pytest.raises(DataError, match=said) as caught:
        _add(context, tmp_path, labels, stars)
    assert "--label-map" in caught.value.fix and not context.store.path.exists()
    mapping = ("0=skip", "7=skip", "-1=")
    assert {row[0] for row in _add(context, tmp_path, labels, stars, label_map=mapping)} <= {None, "1", "2", "3", "4"}


def test_signs_count(context: Context, tmp_path: Path) -> None:
    three = _task("bad", "so so", "good", aliases=("-1", "0", "1"))
    found = _add(context, tmp_path, [-1, 0, 1, "-1.0", "+1", "\N{MINUS SIGN}1"], three)
    assert [row[0] for row in found] == ["bad", "so so", "good", "bad", "good", "bad"]
    assert [_task("+", "-").label_id(value) for value in ("+", "-", "", "--", None)] == [0, 1, None, None, None]


# -- nothing there -------------------------------------------------------------------------------------------------


def test_nothing_is_no_label_even_where_a_label_is_called_like_it(context: Context, tmp_path: Path) -> None:
    task = _task("None", "-", "nan", "null")
    found = _add(context, tmp_path, [None, "", " ", float("nan"), "None", "-", "nan"], task, most_unusable=0.9)
    assert [row[0] for row in found] == [None, None, None, None, "None", "-", "nan"]
    assert {row[2] for row in found[:4]} == {"no label"}


def test_an_empty_csv_cell_is_no_label(context: Context, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text,label\na,-\nb,\nc,none\n")
    cell = Cell(language=languages.load("en"), task=_task("None", "-"))
    outcome = data.add(context, cell, tmp_path / "x.csv", DataConfig(most_unusable=0.5))
    assert context.store.query("select label_name from examples where key = ? order by idx", [outcome.key]) == [
        ("-",), (None,), ("None",),
    ]  # fmt: skip


# -- several labels ------------------------------------------------------------------------------------------------


def test_lists_with_several_labels_are_refused_with_the_count(context: Context, tmp_path: Path) -> None:
    labels = [["negative"], ["negative", "positive"], ["positive", "negative"], []]
    with pytest.raises(
        UsageError, match=r"2 of 4 rows have several labels in column 'label' \(2 with 2\).*--first-label"
    ):
        _add(context, tmp_path, labels, SENTIMENT)
    found = _add(context, tmp_path, labels, SENTIMENT, first_label=True, most_unusable=0.3)
    assert [row[0] for row in found] == ["negative", "negative", "positive", None]
    assert found[3][2] == "no label"


def test_one_label_in_a_list_is_that_label(context: Context, tmp_path: Path) -> None:
    assert [row[0] for row in _add(context, tmp_path, [[0], ["positive"]], SENTIMENT)] == ["negative", "positive"]


def test_several_labels_in_a_text(context: Context, tmp_path: Path) -> None:
    labels = ["negative"] * 9 + ["negative,positive"]
    assert _add(context, tmp_path, labels, SENTIMENT)[9][1:] == ("unlabelled", "2 labels (negative, positive)")
    with pytest.raises(DataError, match=r"2 have several labels .*--first-label"):
        _add(context, tmp_path, ["0|1", "1;0", "0"], SENTIMENT)
    first = _add(context, tmp_path, ["0|1", "1;0", "0"], SENTIMENT, first_label=True)
    assert [row[0] for row in first] == ["negative", "positive", "negative"]
    lists = _add(context, tmp_path, [[0, 1], [1]], SENTIMENT, first_label=True)
    assert [row[0] for row in lists] == ["negative", "positive"]


# -- names beside numbers ------------------------------------------------------------------------------------------


def _csv(context: Context, folder: Path, text: str) -> list[tuple[Any, ...]]:
    (folder / "y.csv").write_text(text)
    outcome = data.add(context, Cell(language=languages.load("en"), task=TOPIC), folder / "y.csv", DataConfig())
    return context.store.query("select label, status from examples where key = ? order by idx", [outcome.key])


def test_names_prove_that_numbers_are_ids(context: Context, tmp_path: Path) -> None:
    assert _csv(context, tmp_path, "text,intent,label\na,travel,1\nb,sports,3\n") == [(1, "ok"), (3, "ok")]


def test_names_win_over_numbers_that_count_otherwise(context: Context, tmp_path: Path) -> None:
    rows = "text,label,category\na,1,science/technology\nb,2,travel\nc,4,sports\n"
    assert _csv(context, tmp_path, rows) == [(0, "ok"), (1, "ok"), (3, "ok")]


@pytest.mark.parametrize("value", ["0.5", "1e3", "inf", "01", "1_0", "9" * 40, "0x1"])
def test_other_numbers_are_unknown_names(value: str) -> None:
    assert Labels(TOPIC).id(value) is None and TOPIC.label_id(value) is None
    Labels(TOPIC).check_numbers([value], where="x")


def test_what_people_sent(context: Context, tmp_path: Path) -> None:
    """Seven topics numbered from 1: every label was shifted, and one row in seven had none."""
    with pytest.raises(SdcError, match="may be no ids"):
        _add(context, tmp_path, [1, 2, 3, 4, 5, 6, 7] * 2, TOPIC)
    mapped = ",".join(f"{i}={name}" for i, name in enumerate(TOPIC.label_names, start=1))
    found = _add(context, tmp_path, [1, 7], TOPIC, label_map=(mapped,))
    assert [row[0] for row in found] == ["science and technology", "geography"]
