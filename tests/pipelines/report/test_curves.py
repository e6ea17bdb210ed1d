"""Curves: means over cells at each size, both bands, what is left out where cells differ, names, break-even."""

from pathlib import Path

import pytest
from report_store import fill_evaluated

from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.report.curves import DIFFERENCE, SCORE, Curve, curves, names


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    context = fill_evaluated(Path(tmp_path_factory.mktemp("curves")) / "s.duckdb")
    return report.find(context, ReportConfig())


def _curves(found: Found, quantity: str, task: str = "topic", *, with_fewer_cells: bool = False) -> dict[str, Curve]:
    points = [point for point in found.points if point.task == task]
    made = curves(points, found.resampled, quantity=quantity, with_fewer_cells=with_fewer_cells)
    return dict(zip(map(" ".join, names(made)), made, strict=True))


def test_a_curve_is_one_student_on_one_kind_of_rows(found: Found) -> None:
    assert sorted(_curves(found, SCORE)) == [
        "finetune m synthetic",
        "icl student & co synthetic",
        "icl teacher_70b (generator)",
        "linear tfidf human",
        "linear tfidf synthetic",
    ]


def test_its_points_are_means_over_cells_by_real_rows(found: Found) -> None:
    small, large = _curves(found, SCORE)["linear tfidf synthetic"].points
    assert (small.sizes, small.rows, small.cells, small.n) == (("10", "20"), 14, ("sw/topic", "te/topic"), 4)
    assert small.mean == pytest.approx(0.45)
    assert small.std_of_runs == pytest.approx(0.0707, abs=1e-4)  # each cell has 0.4 and 0.5
    assert small.std_of_means == pytest.approx(0.0707, abs=1e-4)  # in both cells the same draw is the better one
    assert (large.sizes, large.rows) == (("all",), 60)
    assert small.interval is not None
    assert small.interval.low < 0.45 < small.interval.high


def test_differences_are_to_the_generator_of_each_cell(found: Found) -> None:
    curve = _curves(found, DIFFERENCE)["linear synthetic"]
    assert [round(point.mean, 3) for point in curve.points] == [-0.15, 0.05]
    assert curve.break_even is not None
    assert curve.break_even.even == pytest.approx(14 * (60 / 14) ** 0.75)
    assert curve.break_even.high == float("inf")  # two runs say little


def test_failed_runs_are_counted_and_not_in_the_mean(found: Found) -> None:
    small, large = _curves(found, SCORE)["finetune m synthetic"].points
    assert (small.n, small.below_chance, small.failed) == (4, 2, 0)
    assert (large.n, large.failed) == (3, 1)


def test_sizes_that_some_cells_lack_are_left_out_and_said_or_kept(found: Found) -> None:
    points = [point for point in found.points if point.method == "linear" and point.source == "synthetic"]
    (cut,) = curves(points, found.resampled, quantity=SCORE)
    assert [(point.sizes, len(point.cells)) for point in cut.points] == [(("10",), 3), (("all",), 3)]
    assert cut.is_cut  # of topic, 20 is a size of its own
    (whole,) = curves(points, found.resampled, quantity=SCORE, with_fewer_cells=True)
    assert [(point.sizes, len(point.cells)) for point in whole.points] == [(("10",), 3), (("20",), 2), (("all",), 3)]
    assert not whole.is_cut
