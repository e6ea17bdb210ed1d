"""The simulated store of the paper's grid says what it is made to say, with the pairing that real runs have."""

from pathlib import Path

import numpy as np
import pytest
from paper_claims import GENERATOR, XLM_R
from paper_store import PaperGrid, fill

from sdc.pipelines import report
from sdc.pipelines.records import readings
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.report.curves import Curve, curves
from sdc.pipelines.stage import Context

LOW = tuple((lang, task) for task in ("topic", "intent", "sentiment") for lang in ("az", "ro", "sl", "te", "cy"))
GRID = PaperGrid(repeats=3, sizes=(50, 400), cells=(*LOW, ("en", "sarcasm")), models=(XLM_R,))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return fill(Path(tmp_path_factory.mktemp("paper")) / "s.duckdb", GRID)


@pytest.fixture(scope="module")
def found(context: Context) -> Found:
    return report.find(context, ReportConfig())


def _curve(found: Found, source: str, group: str = "low") -> Curve:
    points = [point for point in found.points if point.group == group and point.source == source]
    (curve,) = curves(points, found.resampled)
    return curve


def test_it_holds_the_claims_of_the_paper(found: Found) -> None:
    synthetic, human = _curve(found, "synthetic"), _curve(found, "human")
    assert [point.sizes for point in synthetic.points] == [("50",), ("400",), ("all",)]
    assert synthetic.points[-1].mean == pytest.approx(0.13, abs=0.01)  # C4
    assert human.points[1].mean - synthetic.points[1].mean == pytest.approx(0.10, abs=0.01)  # C9
    assert _curve(found, "synthetic", group="high").points[-1].mean == pytest.approx(0.12, abs=0.01)  # C11: macro-F1


def test_a_broken_claim_shows(tmp_path: Path) -> None:
    grid = PaperGrid(repeats=2, sizes=(400,), cells=LOW, models=(XLM_R,), broken=("C4",))
    other = report.find(fill(tmp_path / "s.duckdb", grid), ReportConfig())
    assert _curve(other, "synthetic").points[-1].mean == pytest.approx(0.08, abs=0.015)
    assert _curve(other, "human").points[0].mean - _curve(other, "synthetic").points[0].mean > 0.07  # C9 still holds


def test_runs_are_right_on_the_same_rows_across_runs_languages_and_students(context: Context) -> None:
    def right(sql: str) -> np.ndarray:
        ((key, test),) = context.store.query(
            f"select m.key, r.test_key from metrics m join runs r on r.key = m.run where metric = 'accuracy' and {sql}"
        )
        gold = [
            label for (label,) in context.store.query("select label from examples where key = ? order by idx", [test])
        ]
        return np.asarray(readings.labels_of(context.store, [key])[key] == gold)

    def correlation(one: str, other: str) -> float:
        return float(np.corrcoef(right(one), right(other))[0, 1])

    generator = f"r.task = 'intent' and r.lang = '{{}}' and r.model = '{GENERATOR}' and m.reader = 'strict'"
    student = f"""r.task = 'intent' and r.lang = 'te' and r.model = '{XLM_R}' and r.source = 'human'
        and (r.draw, r.num_rows) in (select draw, num_rows from draws where size = '400' and repeat = {{}})"""
    assert correlation(generator.format("te"), generator.format("cy")) > 0.2
    assert correlation(student.format(0), student.format(1)) > 0.3
    assert correlation(generator.format("te"), student.format(0)) > 0.1
