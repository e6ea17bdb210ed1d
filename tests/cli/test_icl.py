"""`sdc icl`: draws, test data and shots on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, obliging, world

from sdc.pipelines import tasks

CELL = ("--lang", "en", "--task", "sentiment")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path / "store", task=tasks.load("sentiment"))


def test_zero_shot_needs_no_sample(small: World, invoke: Callable[..., Any]) -> None:
    result = invoke("icl", *CELL, "--shots", "0", "--model", small.model)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == small.store.find("icl")[0].short + "\n"


def test_one_run_per_draw_of_the_chosen_sizes(small: World, invoke: Callable[..., Any]) -> None:
    drawn = invoke("sample", small.train.key, "--sizes", "4,all", "--repeats", "2").stdout
    result = invoke("icl", "-", "--sizes", "4", "--model", small.model, "--shots", "1", stdin=drawn)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.split()) == 2
    row, *_ = invoke(
        "icl", "-", "--dry-run", "--json", "--model", small.model, "--shots", "1", stdin=drawn
    ).stdout.splitlines()
    told = json.loads(row)
    assert (told["cached"], told["calls"], told["source"], told["size"]) == (True, 0, "human", "4")


def test_the_number_of_shots_can_be_chosen(small: World, invoke: Callable[..., Any]) -> None:
    drawn = invoke("sample", small.train.key, "--sizes", "all", "--repeats", "1").stdout
    result = invoke("icl", "-", "--select", "1,0", "--model", small.model, "--json", stdin=drawn)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert [row["shots"] for row in found["selection"]] == [0, 1]
    assert found["selected"] in (0, 1)
    assert "chosen shots" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((*CELL,), 5, "no synthetic sample of en/sentiment"),
        ((*CELL, "--shots", "0", "--decoding", "x"), 2, "unknown decoding"),
        ((*CELL, "--shots", "1", "--select", "0,2"), 2, "drop one of them"),
        ((*CELL, "--select", "0,two"), 2, "no numbers of shots"),
        ((*CELL, "--shots", "1", "--shot-strategy", "best"), 2, "unknown strategy"),
        ((*CELL, "--option-order", "shuffled", "--decoding", "generate"), 2, "--decoding scores"),
        ((*CELL, "--shots", "0", "--test", "{other}"), 2, "is of de/sentiment, not of en/sentiment"),
        ((*CELL, "--source", "human", "--sizes", "77"), 5, "no draw of size 77"),
        (("--lang", "sw", "--task", "sentiment", "--shots", "0"), 5, "no human test examples of sw/sentiment"),
    ],
)
def test_bad_input_is_an_exit_code_and_a_line(
    small: World, invoke: Callable[..., Any], arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    from scripted import add_data

    from sdc.pipelines.cells import Cell
    from sdc.pipelines.tasks import languages

    german = Cell(language=languages.load("de"), task=small.cell.task)
    other = add_data(small.store, german, [("gut", 1)], split="test")
    invoke("sample", small.train.key, "--sizes", "2", "--repeats", "1")
    result = invoke("icl", *(argument.format(other=other.key) for argument in arguments), "--model", small.model)
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert message in result.stderr
