"""`sdc run --status`: once on a pipe and as JSON; on a terminal until all is there, or Ctrl-C."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from experiment_files import small
from terminal import CTRL_C, terminal
from waiting import until

_STATUS = (sys.executable, "-m", "sdc", "run", "mine.toml", "--status", "--store", "store.duckdb")
_HINT = "Ctrl-C ends this view"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(small(lang='"te"', sizes='["10", "20"]', repeats=2), "utf-8")
    (tmp_path / "sites.toml").write_text("[local]\nworkers = 1\nprice_per_hour = 3600.0\n", "utf-8")
    monkeypatch.setenv("SDC_SITES", str(tmp_path / "sites.toml"))
    return tmp_path


def _row(drawn: str) -> list[str]:
    """Returns the cells of all students together, as they were drawn last."""
    (*_, line) = (line for line in drawn.splitlines() if line.lstrip().startswith("all "))
    return line.split()[1:]


@pytest.mark.usefixtures("in_process")
def test_a_terminal_shows_it_until_all_is_there(here: Path, invoke: Callable[..., Any]) -> None:
    with terminal(_STATUS, folder=here) as screen:
        until(lambda: _HINT in screen.drawn, screen.process)
        assert _row(screen.drawn)[:4] == ["2", "0", "2", "0"]
        assert invoke("run", "mine.toml", "--store", "store.duckdb").exit_code == 0
        assert screen.ended() == 0
    runs, there, missing, failed, *rest = _row(screen.drawn)
    assert (runs, there, missing, failed) == ("2", "2", "0", "0")
    hours, cost, hours_left = map(float, rest)
    assert (hours < 0.01, cost > 0.0, hours_left) == (True, True, 0.0)
    assert _HINT not in screen.drawn.rpartition("students")[2]


def test_ctrl_c_ends_the_view_and_says_by_its_exit_code_that_runs_are_missing(here: Path) -> None:
    with terminal(_STATUS, folder=here) as screen:
        until(lambda: _HINT in screen.drawn, screen.process)
        screen.press(CTRL_C)
        assert screen.ended() == 6
    assert "stopped" not in screen.drawn and "Traceback" not in screen.drawn


@pytest.mark.parametrize("more, env", [(["--json"], {}), ([], {"TERM": "dumb"})])
def test_it_is_shown_once_as_json_and_on_a_terminal_that_cannot_redraw(
    here: Path, more: list[str], env: dict[str, str]
) -> None:
    with terminal([*_STATUS, *more], folder=here, env=env) as screen:
        assert screen.ended() == 6
    assert _HINT not in screen.drawn
    if more:
        rows = [json.loads(line) for line in screen.drawn.splitlines()]
        assert [(row["line"], row["missing"], row["cost"]) for row in rows] == [("linear", 2, 0.0), ("all", 2, 0.0)]


def test_it_is_shown_once_on_a_pipe(here: Path, invoke: Callable[..., Any]) -> None:
    shown = invoke("run", "mine.toml", "--status", "--store", "store.duckdb")
    assert (shown.exit_code, _row(shown.stdout)[:4], _HINT in shown.stdout) == (6, ["2", "0", "2", "0"], False)
