"""`report failed`: three counts, their rates, and synthetic rows against human ones."""

from dataclasses import replace
from pathlib import Path

import paper_claims
import paper_store
import pytest
from report_store import EVERY, evaluate, fill

from sdc.pipelines import report
from sdc.pipelines.metrics.interval import wilson
from sdc.pipelines.report import ReportConfig, failed


def test_runs_are_counted_once_and_by_kind(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    records = failed.run(report.find(context, ReportConfig()), ("lang",))
    (te,) = [record for record in records if (record["lang"], record["method"]) == ("te", "finetune")]
    assert [te[name] for name in ("runs", "broke_off", "below_chance", "collapsed", "failed")] == [4, 1, 1, 0, 2]
    low, high = wilson(2, 4)
    assert (te["rate"], te["low"], te["high"]) == (50, round(100 * low, 1), round(100 * high, 1))
    assert te["fisher_p"] is None  # there are no human rows


def test_synthetic_rows_fail_more_often_where_that_was_built_in(tmp_path: Path) -> None:
    cells = tuple((lang, task) for lang in ("az", "ro", "sl", "te") for task in ("topic", "sentiment"))
    grid = replace(paper_store.SMALL, cells=cells, repeats=8, sizes=(10, 20, 30), models=(paper_claims.XLM_R,))
    found = report.find(paper_store.fill(tmp_path / "s.duckdb", grid), ReportConfig())
    human, synthetic = failed.run(found)
    assert (human["source"], synthetic["source"]) == ("human", "synthetic")
    assert synthetic["collapsed"] > human["collapsed"]
    assert synthetic["synthetic_more"] == pytest.approx(synthetic["rate"] - human["rate"], abs=0.1)
    assert 0 < synthetic["barnard_p"] <= synthetic["fisher_p"] <= 1
    assert synthetic["barnard_holm"] == synthetic["barnard_p"]  # it is alone
    assert human["barnard_p"] is None
    other = [replace(point, generator="another") for point in found.points if point.source == "synthetic"]
    _, *both = failed.run(replace(found, points=[*found.points, *other]))
    assert [each["runs"] for each in both] == [synthetic["runs"]] * 2
    assert [each["barnard_p"] for each in both] == [synthetic["barnard_p"]] * 2
    assert [each["barnard_holm"] for each in both] == pytest.approx([min(1, 2 * synthetic["barnard_p"])] * 2, abs=1e-4)
