"""Tasks: the built-in ones, a user's own, and what a label may be called."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import small_task

from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines import tasks

OWN = """
name = "fruit"
instruction = "Which fruit? {options}"
[[labels]]
name = "apple"
aliases = ["pomme", "Malus"]
[[labels]]
name = "pear"
description = "not an apple"
"""


@pytest.mark.parametrize(
    ("name", "labels", "quota", "metric", "grid"),
    [
        ("topic", 7, 200, "accuracy", 1400),
        ("intent", 10, 200, "accuracy", 2000),
        ("sentiment", 2, 200, "accuracy", 400),
        ("sarcasm", 2, 100, "macro_f1", 200),
    ],
)
def test_the_tasks_of_the_paper(name: str, labels: int, quota: int, metric: str, grid: int) -> None:
    task = tasks.load(name)
    assert (task.name, len(task.labels), task.quota, task.metric, task.sizes_up_to) == (
        name,
        labels,
        quota,
        metric,
        grid,
    )
    assert [task.label_id(label) for label in task.label_names] == list(range(labels))
    assert task.options.startswith(f"1) {task.label_names[0]}; 2) ")


def test_builtin_names_are_all() -> None:
    assert tasks.builtin_names() == ["intent", "sarcasm", "sentiment", "topic"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("science and technology", 0),
        ("science/technology", 0),
        (" Science  And TECHNOLOGY ", 0),
        ("travel", 1),
        (0, 0),
        ("0", 0),
        ("0.0", 0),
        (0.0, 0),
        (6, 6),
        ("6", 6),
        (7, None),
        (-1, None),
        ("0.5", None),
        (1.5, None),
        (True, None),
        ("False", None),
        (None, None),
        ("nan", None),
        ("inf", None),
        (float("nan"), None),
        ("", None),
        ("1_0", None),
        ("traveller", None),
    ],
)
def test_a_label_is_a_name_an_alias_or_an_id(value: object, expected: int | None) -> None:
    assert tasks.load("topic").label_id(value) == expected


def test_ids_with_underscores_are_no_ids() -> None:
    assert tasks.load("intent").label_id("0_1") is None


def test_the_right_spelling_counts_too() -> None:
    """B2: the released script knows only the misspelt `audio volune down`."""
    intent = tasks.load("intent")
    assert intent.label_id("audio volume down") == intent.label_id("audio_volume_down") == 1
    assert "volune" not in intent.options


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert tasks.normalise(tasks.normalise(text)) == tasks.normalise(text)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()))
def test_any_value_has_an_id_in_range_or_none(value: object) -> None:
    found = small_task(3).label_id(value)
    assert found is None or found in range(3)


def test_an_own_task_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fruit.toml"
    path.write_text(OWN, "utf-8")
    task = tasks.load(str(path))
    assert (task.name, task.label_names, task.label_id("POMME"), task.quota) == ("fruit", ("apple", "pear"), 0, 200)
    assert tasks.from_mapping(asdict(task), where="again") == task  # as the store keeps it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "'name' is missing"),
        ({"instruction": None}, "'instruction' is missing"),
        ({"labels": None}, "'labels' is missing"),
        ({"labels": []}, "at least two labels"),
        ({"labels": [{"name": "a"}]}, "at least two labels"),
        ({"labels": "a, b"}, r"must be \[\[labels\]\] tables"),
        ({"labels": ["a", "b"]}, r"must be \[\[labels\]\] tables"),
        ({"labels": [{"name": "a"}, {}]}, "'name' is missing"),
        ({"labels": [{"name": "a"}, {"name": "b", "colour": 1}]}, "unknown field 'colour'"),
        ({"labels": [{"name": "a"}, {"name": 3}]}, "'name' must be str, not int"),
        ({"labels": [{"name": "a", "id": 1}, {"name": "b", "id": 0}]}, "ids must be 0, 1, 2"),
        ({"labels": [{"name": "a", "id": True}, {"name": "b"}]}, "'id' must be int, not bool"),
        ({"labels": [{"name": "a", "aliases": "x"}, {"name": "b"}]}, "aliases must be a list"),
        ({"labels": [{"name": "a", "aliases": ["B"]}, {"name": "b"}]}, "two labels answer to 'b'"),
        ({"labels": [{"name": "a_b"}, {"name": "A b"}]}, "two labels answer to 'a b'"),
        ({"labels": [{"name": "a"}, {"name": " "}]}, "names must not be empty"),
        ({"instruction": "no options"}, r"lacks \{options\}"),
        ({"metric": "bleu"}, "unknown metric 'bleu'"),
        ({"quota": 0}, "at least 1"),
        ({"quota": "many"}, "'quota' must be int, not str"),
        ({"sizes_up_to": 0}, "at least 1"),
        ({"quotas": 3}, "unknown field 'quotas'"),
        ({"name": " "}, "names must not be empty"),
    ],
)
def test_each_fault_of_a_task_is_named(change: dict[str, Any], message: str) -> None:
    good = {"name": "t", "instruction": "{options}", "labels": [{"name": "a"}, {"name": "b"}]}
    raw = {name: value for name, value in {**good, **change}.items() if value is not None}
    with pytest.raises(UsageError, match=message) as caught:
        tasks.from_mapping(raw, where="own.toml")
    assert str(caught.value).startswith("own.toml")


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"not = = toml", UsageError), (b"\xff\xfe\x00", DataError), (b"", UsageError), (None, DataError)],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes | None, error: type[SdcError]) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error) as caught:
        tasks.load(str(path))
    assert "own.toml" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["nothing", "", "..", "../topic", "a\0b", "a\0b.toml", "x" * 5000, "x" * 5000 + ".toml"]
)
def test_what_is_no_task_is_an_error_and_no_crash(name: str) -> None:
    with pytest.raises(SdcError) as caught:
        tasks.load(name)
    assert len(str(caught.value)) < 400
