"""A small part of the simulated grid that all tests of figures share, and its points."""

from pathlib import Path

import pytest
from paper_claims import LLAMA, TFIDF, XLM_R
from paper_store import PaperGrid, fill

from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.stage import Context

GRID = PaperGrid(
    repeats=2,
    sizes=(10, 50, 400, 1000),
    cells=(("te", "topic"), ("te", "sentiment"), ("de", "topic"), ("de", "sentiment"), ("en", "sarcasm")),
    models=(XLM_R, LLAMA, TFIDF),
)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return fill(Path(tmp_path_factory.mktemp("figures")) / "s.duckdb", GRID)


@pytest.fixture(scope="session")
def found(small: Context) -> Found:
    return report.find(small, ReportConfig())


@pytest.fixture(scope="session")
def material(found: Found) -> Material:
    return Material(found=found)
