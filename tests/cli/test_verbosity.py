"""`--quiet`, `--verbose` and SDC_LOG: what a command says, and that the next one says what is usual again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from fault_server import FaultServer
from scripted import ScriptedEngine, World, add_import, obliging, unlike_any, world

from sdc.cli.main import application
from sdc.pipelines import tasks
from sdc.pipelines.progress import NOTE, log

CELL = ("--lang", "en", "--task", "sentiment")
GEN = ("gen", *CELL, "--quota", "3", "--num-texts", "3", "--num-seeds", "2", "--no-gates", "--model")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path / "store", task=tasks.load("sentiment"))


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _leaves(child, f"{path} {name}")


@pytest.mark.parametrize("again", [False, True])  # a group's commands are the same objects the second time
def test_every_command_has_the_flags_once(again: bool) -> None:
    for path, command in _leaves(typer.main.get_command(application()), "sdc"):
        names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
        assert (names.count("--quiet"), names.count("--verbose")) == (1, 1), path


def test_quiet_leaves_keys_and_errors(small: World, invoke: Callable[..., Any]) -> None:
    made = invoke(*GEN, small.model, "--quiet")
    assert (made.stdout, made.stderr) == (small.store.find("gen")[0].short + "\n", "")
    assert log.level == NOTE  # what comes next in this process is heard
    wrong = invoke("gen", "--lang", "en", "--task", "topic", "--model", small.model, "--quiet")
    assert (wrong.exit_code, len(wrong.stderr.splitlines())) == (5, 1)
    assert "already there" in invoke(*GEN, small.model).stderr


def test_verbose_says_what_is_asked_and_what_is_cached(small: World, invoke: Callable[..., Any]) -> None:
    said = invoke(*GEN, small.model, "--verbose").stderr
    assert "gen en/sentiment: 0 of 6 texts: 2 calls of tiny, 0 of them in the cache" in said
    assert "-> stop" not in said
    assert "2 calls of tiny, 2 of them in the cache" in invoke(*GEN, small.model, "--verbose", "--force").stderr
    assert "1 of 1 artifact in the store" in invoke(*GEN, small.model, "--verbose").stderr


def test_verbose_says_what_is_tried_again(small: World, invoke: Callable[..., Any]) -> None:
    add_import(small.store, small.cell, [(unlike_any(i), i % 2) for i in range(2)])
    with FaultServer(script=lambda prompt, nth: "ok" if nth else "500") as server:
        asked = ("--server", server.url, "--model", "api:tiny", "--no-gates")
        said = invoke("judge", *CELL, *asked, "--verbose").stderr
    assert "try 1 of" in said and "again in" in said


def test_the_variable_says_more_and_a_flag_goes_before_it(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDC_LOG", "debug")
    assert "-> stop 'a plain phrase'" in invoke(*GEN, small.model).stderr
    assert invoke(*GEN, small.model, "--quiet").stderr == ""
    monkeypatch.setenv("SDC_LOG", "quiet")
    assert invoke(*GEN, small.model).stderr == ""
    monkeypatch.setenv("SDC_LOG", "loud")
    wrong = invoke(*GEN, small.model)
    assert (wrong.exit_code, wrong.stderr) == (2, "sdc: SDC_LOG: unknown 'loud'; use one of debug, info, quiet\n")
