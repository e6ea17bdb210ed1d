"""Simulated stores of a part of the paper's grid: three languages, four sizes, three repeats."""

from collections.abc import Callable
from pathlib import Path

import paper_store
import pytest

from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.stage import Context

LANGS = ("te", "he", "en")
Simulated = Callable[..., tuple[Context, Found]]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Returns the store in which some claims were built not to hold, each made once."""
    made: dict[tuple[str, ...], tuple[Context, Found]] = {}

    def store(*broken: str) -> tuple[Context, Found]:
        if broken not in made:
            cells = tuple((lang, task) for lang, task in paper_store.CELLS if lang in LANGS)
            grid = paper_store.PaperGrid(repeats=3, sizes=(10, 50, 150, 400), cells=cells, broken=broken)
            context = paper_store.fill(Path(tmp_path_factory.mktemp("paper")) / "s.duckdb", grid)
            made[broken] = context, report.find(context, ReportConfig())
        return made[broken]

    return store
