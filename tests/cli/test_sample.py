"""`sdc sample`: sizes and sources on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import World, add_import, unlike_any, world

from sdc.pipelines import tasks

CELL = ("--lang", "en", "--task", "sentiment")


@pytest.fixture
def small(tmp_path: Path) -> World:
    made = world(tmp_path / "store", task=tasks.load("sentiment"))
    add_import(made.store, made.cell, [(unlike_any(i), i % 2) for i in range(8)])
    return made


def test_sizes_sources_and_repeats(small: World, invoke: Callable[..., Any]) -> None:
    arguments = ("--source", "human,synthetic", "--sizes", "2, 4,all", "--repeats", "2", "--json")
    lines = [json.loads(line) for line in invoke("sample", *CELL, *arguments).stdout.splitlines()]
    assert [(line["source"], line["real_sizes"]) for line in lines] == [
        ("human", {"2": 4, "4": 4, "all": 6}),
        ("synthetic", {"2": 4, "4": 4, "all": 8}),
    ]


def test_a_key_of_train_data_means_human(small: World, invoke: Callable[..., Any]) -> None:
    result = invoke("sample", small.train.short, "--sizes", "all", "--repeats", "1", "--json")
    assert json.loads(result.stdout)["source"] == "human"


def test_a_dry_run_makes_nothing(small: World, invoke: Callable[..., Any]) -> None:
    dry = invoke("sample", *CELL, "--dry-run")
    assert (dry.stdout, "1 of 1 artifact to make" in dry.stderr) == ("", True)
    (told,) = map(json.loads, invoke("sample", *CELL, "--dry-run", "--json").stdout.splitlines())
    assert (told["stage"], told["cell"], told["source"], told["cached"]) == (
        "sample",
        "en/sentiment",
        "synthetic",
        False,
    )
    assert small.store.find("sample") == []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((*CELL, "--sizes", "x"), 2, "'x' is no size"),
        ((*CELL, "--sizes", ""), 2, "is no size"),
        ((*CELL, "--strategy", "x"), 2, "unknown strategy"),
        ((*CELL, "--source", "x"), 2, "unknown source"),
        ((*CELL, "--source", "seeds"), 5, "no seeds rows"),
        (("{test}",), 2, "is the test split"),
        (("zzzz",), 2, "is not a key"),
        (("abcdef",), 2, "no artifact abcdef"),
    ],
)
def test_bad_input_is_an_exit_code_and_a_line(
    small: World, invoke: Callable[..., Any], arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    result = invoke("sample", *(argument.format(test=small.test.key) for argument in arguments))
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert message in result.stderr
