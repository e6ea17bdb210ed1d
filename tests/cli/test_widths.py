"""Tables of several commands on the golden store, as terminals of several widths show them."""

import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.cli import demo
from sdc.cli.terminal import shown_width
from sdc.pipelines import cells, report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.stage import Context

_GOLDEN = Path(__file__).parent.parent / "golden"
_SQL = "select method, model, source, num_rows, metric, value from results where metric = 'accuracy' order by all"
_COMMANDS = (("data", "ls"), ("store", "ls"), ("store", "sql", _SQL))


@pytest.fixture
def golden(store: Store) -> Context:
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(lzma.decompress((_GOLDEN / "store.duckdb.xz").read_bytes()))
    return Context(store=store, say=lambda line: None)


def test_golden(
    golden: Context, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = cells.expand(golden.store, ["te"], ["intent"])
    rows = report.run(golden, ReportConfig(everything=True))
    shown = []
    for width in (80, 100, 120, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        found = [("sdc " + " ".join(command[:2]), invoke(*command).stdout) for command in _COMMANDS]
        demo._show(cell, rows)
        said = capsys.readouterr()
        for name, text in (*found, ("sdc demo", said.out + said.err)):
            lines = [line.rstrip() for line in text.splitlines()]
            assert max(map(shown_width, lines)) <= width, name
            shown += [f"{name}, {width} columns", *lines]
    text = "\n".join(shown) + "\n"
    path = _GOLDEN / "tables.txt"
    if os.environ.get("SDC_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), "set SDC_UPDATE_GOLDEN=1 to accept the new tables"
