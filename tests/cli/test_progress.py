"""The bar: what it says, how a rate is counted, and that it moves with every answer of a slow server."""

import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fault_server import FaultServer
from scripted import World, add_import, unlike_any, world
from terminal import CTRL_C, Terminal, terminal
from waiting import until

from sdc.cli import progress
from sdc.pipelines import tasks
from sdc.pipelines.engines.budget import Budget, Prices
from sdc.pipelines.progress import Step, part


class Clock:
    """A clock that goes on when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time, "monotonic", found)
    return found


def test_without_a_terminal_it_is_a_line_a_minute(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    bar = progress.CommandBar()
    for done, now_s in enumerate([0.0, 30.0, 61.0, 62.0, 200.0]):
        clock.now_s = 1000 + now_s
        bar(Step(what="gen te/topic", done=done, total=5, unit="call"))
    assert capsys.readouterr().err.splitlines() == [
        "gen te/topic: 2 of 5 calls, 1:32 left, 30.5 s a call",
        "gen te/topic: 4 of 5 calls, 2:18 left, 138 s a call",
    ]


def test_what_was_there_is_no_part_of_a_rate(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    bar = progress.CommandBar()
    for done, now_s in ((900, 0), (900, 58), (901, 60), (902, 62)):  # 58 s of loading are none either
        clock.now_s = 1000.0 + now_s
        bar(Step(what="judge te/topic", done=done, total=1000, unit="call", found=900))
    assert capsys.readouterr().err == "judge te/topic: 901 of 1,000 calls, 3:18 left, 2.0 s a call\n"


def test_a_pipe_has_a_count_and_a_rate_and_no_end(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    bar = progress.CommandBar()
    bar(Step(what="predict", done=0, total=0, unit="row"))
    for done in (32, 64):
        clock.now_s += 60
        bar(Step(what="predict", done=done, total=0, unit="row"))
    assert capsys.readouterr().err.splitlines()[-1] == "predict: 64 rows, 1.9 s a row"


def test_the_time_left_is_that_of_all_cells_and_parts(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    bar = progress.CommandBar()
    bar.cell(1, 4)
    of_run = part(bar, 0, 2, unit="run")
    for done, now_s in ((0, 0), (5, 65)):
        clock.now_s = 1000.0 + now_s
        of_run(Step(what="train te/topic finetune", done=done, total=10))
    said = capsys.readouterr().err  # a sixteenth of all in 65 s, and eleven are left
    assert said == "train te/topic finetune, run 1 of 2 (2 of 4): 5 of 10 steps, 11:55 left, 13.0 s a step\n"


def test_tokens_and_money_are_those_of_the_budget(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    budget = Budget(prices=Prices(currency="EUR"))
    bar = progress.CommandBar(budget)
    bar(Step(what="icl te/topic", done=0, total=2, unit="call"))
    budget.add(1, 12_345, 0.5)
    clock.now_s += 61
    bar(Step(what="icl te/topic", done=1, total=2, unit="call"))
    assert capsys.readouterr().err.endswith(", 0.50 EUR, 12.3k tokens\n")


@pytest.fixture
def slow() -> Iterator[FaultServer]:
    """A server that takes half a second for an answer."""

    def say(prompt: str, seed: int) -> str:
        server.closing.wait(0.5)
        return f"1. one text {seed % 1000} of many\n2. another text {seed % 997} beside it\n"

    with FaultServer() as server:
        server.say = say
        yield server


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path / "store", task=tasks.load("sentiment"))


def _is_drawn(screen: Terminal, pattern: str) -> bool:
    return re.search(pattern, screen.drawn) is not None


@pytest.mark.slow  # starts the program
@pytest.mark.parametrize(
    "command",
    [
        ("gen", "--quota", "40", "--num-texts", "2", "--num-seeds", "2", "--no-gates"),
        ("judge", "--no-gates"),
        ("icl", "--shots", "0", "--decoding", "generate"),
    ],
    ids=lambda command: command[0],
)
def test_the_bar_moves_with_every_answer(command: tuple[str, ...], slow: FaultServer, small: World) -> None:
    add_import(small.store, small.cell, [(unlike_any(i), i % 2) for i in range(12)])
    cell = ("--lang", "en", "--task", "sentiment", "--store", str(small.store.path))
    asked = ("--server", slow.url, "--model", "api:tiny", "--engine-arg", "concurrency=1")
    with terminal([sys.executable, "-m", "sdc", *command, *cell, *asked], folder=small.root) as screen:
        for seen in (r"\b1 of \d+ calls", r"\b2 of \d+ calls"):
            until(partial(_is_drawn, screen, seen), screen.process, shown=lambda: len(slow.journal))
        assert len(slow.journal) <= 6  # of dozens: it did not wait for all
        screen.press(CTRL_C)
        assert screen.ended() == 130
    assert re.search(r"\d s a call|\d calls/s", screen.drawn)
    assert screen.drawn.rindex("\x1b[?25h") > screen.drawn.rindex("\x1b[?25l")  # the cursor is there again
