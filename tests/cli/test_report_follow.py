"""`sdc report --follow`: drawn on a terminal until all runs of the experiment are evaluated, or Ctrl-C."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from experiment_files import small
from terminal import CTRL_C, terminal
from waiting import until

_SDC = "from sdc.__main__ import main; from sdc.cli import report_follow; report_follow._EVERY_S = 0.5; main()"
_FOLLOW = (sys.executable, "-c", _SDC, "report", "--experiment", "mine.toml", "--follow", "--store", "store.duckdb")
_HINT = "Ctrl-C ends this view"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(small(lang='"te"', sizes='["10", "20"]', repeats=2), "utf-8")
    return tmp_path


@pytest.mark.usefixtures("in_process")
def test_it_is_drawn_until_all_is_evaluated(here: Path, invoke: Callable[..., Any]) -> None:
    with terminal(_FOLLOW, folder=here) as screen:
        until(lambda: "0 of 2 runs are evaluated" in screen.drawn, screen.process)
        assert invoke("run", "mine.toml", "--store", "store.duckdb").exit_code == 0
        assert screen.ended() == 0
    before, _, after = screen.drawn.rpartition("2 of 2 runs are evaluated")
    assert "linear" in before.rpartition("majority")[2]
    assert _HINT not in after


def test_ctrl_c_ends_it(here: Path) -> None:
    with terminal(_FOLLOW, folder=here) as screen:
        until(lambda: _HINT in screen.drawn, screen.process)
        screen.press(CTRL_C)
        assert screen.ended() in (0, 130)
    assert "Traceback" not in screen.drawn


def test_without_an_experiment_or_a_terminal_one_line_says_so(here: Path, invoke: Callable[..., Any]) -> None:
    shown = invoke("report", "--follow")
    assert (shown.exit_code, "name the experiment with --experiment FILE" in shown.stderr) == (2, True)
    shown = invoke("report", "--follow", "--experiment", "mine.toml")
    assert (shown.exit_code, "there is no terminal to draw on" in shown.stderr) == (2, True)
