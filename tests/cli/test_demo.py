"""What the demo says of its own results: each source's best with how sure it is, and nothing wider than a terminal."""

import pytest

from sdc.cli import demo
from sdc.pipelines.cells import Cell
from sdc.pipelines.report.points import Point
from sdc.pipelines.tasks import languages, load


def test_the_best_of_each_source_stands_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    def row(source: str, mean: float, rows: int, method: str = "probe") -> Point:
        about = {"lang": "te", "task": "intent", "method": method, "source": source, "rows": rows, "metric": "accuracy"}
        return Point(**about, mean=mean, low=mean - 0.04, high=mean + 0.03, n=1)  # type: ignore[arg-type]

    cell = Cell(language=languages.load("te"), task=load("intent"))
    demo._show(cell, [row("seeds", 0.935, 100), row("seeds", 0.92, 100, "linear"), row("synthetic", 0.885, 278)])
    said = capsys.readouterr().err.splitlines()
    assert said[1:] == [
        "  human seeds alone: 93.5 % (89.5..96.5) by probe, 100 rows",
        "  synthetic rows alone: 88.5 % (84.5..91.5) by probe, 278 rows",
    ]
    assert all(len(line) <= 80 for line in said)
