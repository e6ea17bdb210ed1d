"""`report variance`: grids in which every draw meets every initialisation are found, and split."""

from pathlib import Path

from report_store import CROSSED, Shelf, evaluate, put, put_crossed, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, variance
from sdc.pipelines.stage import Context


def _grid(tmp_path: Path, without: tuple[tuple[int, int], ...] = ()) -> tuple[Context, report.Found]:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", "gen", "te", "topic", {"model": "teacher"})
    draws = put_sample(shelf, "te", "topic", "synthetic", written, {"10": 14})
    right = {place: share for place, share in CROSSED.items() if place not in without}
    put_crossed(shelf, test, "te", "topic", draws, right)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    return context, report.find(context, ReportConfig())


def test_a_crossed_grid_is_split(tmp_path: Path) -> None:
    context, found = _grid(tmp_path)
    draw, init, rest = variance.run(context.store, found)
    assert [part["component"] for part in (draw, init, rest)] == ["draw", "init", "rest"]
    assert (draw["draws"], draw["inits"], draw["mean"]) == (2, 3, 53.3)
    # Rows are 70 80 70 and 30 40 30: draws 2400, initialisations 66.7, the rest 0; components 800 and 33.3.
    assert (draw["share"], init["share"], rest["share"]) == (96, 4, 0)
    assert (draw["std"], init["std"]) == (28.28, 5.77)
    assert draw["covers"] == "2 draws, 3 inits"


def test_a_draw_that_lacks_an_initialisation_is_left_out(tmp_path: Path) -> None:
    context, found = _grid(tmp_path, without=((1, 3),))
    assert variance.run(context.store, found) == []


def test_repeats_that_change_both_cannot_be_split(tmp_path: Path) -> None:
    context, found = _grid(tmp_path, without=((0, 2), (0, 3), (1, 1), (1, 3)))
    assert variance.run(context.store, found) == []
