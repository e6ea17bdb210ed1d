"""The demo's own words fit a terminal."""

import pytest

from sdc.cli import demo
from sdc.pipelines.cells import Cell
from sdc.pipelines.report.points import Point
from sdc.pipelines.tasks import languages, load


def test_nothing_is_wider_than_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def row(source: str, mean: float, rows: int, method: str = "probe") -> Point:
        about = {"lang": "te", "task": "intent", "method": method, "source": source, "metric": "accuracy"}
        return Point(**about, rows=rows, mean=mean, low=mean - 0.04, high=mean + 0.03, n=1)  # type: ignore[arg-type]

    cell = Cell(language=languages.load("te"), task=load("intent"))
    linear = [row("seeds", 0.4, 30, "linear"), row("seeds+synthetic", 0.6, 312, "linear")]
    demo._show(cell, [*linear, row("seeds", 0.635, 30), row("seeds+synthetic", 0.885, 312)])
    said = capsys.readouterr()
    assert "lift linear from 40.0 to 60.0 %, and probe from 63.5 to 88.5 %." in " ".join(said.err.split())
    assert "\n%" not in said.err
    assert all(len(line.rstrip()) <= 80 for line in (said.out + said.err).splitlines())
