"""`report gap`: human minus synthetic rows, from a store that was filled by hand and from a simulated one."""

from dataclasses import replace
from pathlib import Path

import paper_claims
import paper_store
import pytest
from report_store import EVERY, evaluate, fill

from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, gap


def test_a_store_that_was_filled_by_hand(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    records = gap.run(report.find(context, ReportConfig()), ("task",))
    (topic,) = [record for record in records if record["task"] == "topic"]
    # Of ten rows the generator has 6 right, the student on synthetic rows 6 and 7, on human ones 8.
    assert (topic["method"], topic["size"], topic["human_minus_synthetic"]) == ("linear", "all", 15)
    assert (topic["human_rows"], topic["synthetic_rows"]) == (60, 60)
    assert topic["closed"] == 25
    assert topic["worth"] == "at most 60"  # there is no smaller human draw
    assert (topic["runs"], topic["cells"]) == (8, 2)
    assert topic["low"] < 15 < topic["high"]


@pytest.mark.parametrize(("broken", "low", "high"), [((), 7, 12), (("C9",), -2.5, 2.5)])
def test_the_gap_that_was_built_in(tmp_path: Path, broken: tuple[str, ...], low: float, high: float) -> None:
    cells = (("te", "topic"), ("te", "sentiment"))
    grid = replace(paper_store.SMALL, cells=cells, broken=broken, repeats=3, models=(paper_claims.XLM_R,))
    found = report.find(paper_store.fill(tmp_path / "s.duckdb", grid), ReportConfig())
    records = {record["size"]: record for record in gap.run(found)}
    assert low < records["400"]["human_minus_synthetic"] < high  # 10 points from 400 rows on
    assert records["1000"]["cells"] == 1
    if not broken:
        assert int(records["1000"]["worth"]) < 450


def test_every_kind_of_rows_that_are_not_human_has_its_share_of_the_gap(tmp_path: Path) -> None:
    """Seeds beside synthetic rows are held against plain synthetic ones; those themselves have no share."""
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    found = report.find(context, ReportConfig())
    more = [
        replace(point, source="seeds+synthetic", strategy="coverage", seed_weight="3")
        for point in found.points
        if point.source == "synthetic"
    ]
    seeds = [replace(point, source="seeds") for point in more]  # people wrote them: there is no gap to human rows
    records = gap.run(replace(found, points=[*found.points, *more, *seeds]), ("task",))
    assert {one["source"] for one in records} == {"synthetic", "seeds+synthetic"}
    by_kind = {(one["source"], one["strategy"], one["seed_weight"]): one for one in records if one["task"] == "topic"}
    plain = by_kind["synthetic", "balanced", None]
    recipe = by_kind["seeds+synthetic", "coverage", "3"]
    assert plain["gap_closed"] is None
    assert recipe["gap_closed"] == 0  # they are the same runs here
    assert recipe["human_minus_synthetic"] == plain["human_minus_synthetic"]
    assert recipe["worth"] == plain["worth"]
