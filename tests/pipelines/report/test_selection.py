"""Which points a claim is about: fields, aliases of models, and what `all` means as a size."""

import pytest

from sdc.pipelines.report.points import MAJORITY, Point
from sdc.pipelines.report.selection import PointSelection


def _points(*sizes: str, task: str = "topic", model: str = "xlm-r-large") -> list[Point]:
    rows = [1400 if size == "all" else int(size.split(",")[0]) for size in sizes]
    about = {"lang": "te", "task": task, "method": "finetune", "model": model, "source": "synthetic"}
    return [Point(**about, size=size, rows=number) for size, number in zip(sizes, rows, strict=True)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        (("10", "400", "all"), ["all"]),
        (("10", "1000,1250", "1400,all"), ["1400,all"]),
        (("10", "400", "1250"), ["1250"]),  # as in the preset `paper`, which has no size of that name
        (("10", "400"), []),  # far from all 1400 rows of the paper's topics
        (("10,20",), []),
    ],
)
def test_all_is_that_size_or_nearly_all_of_the_papers(sizes: tuple[str, ...], chosen: list[str]) -> None:
    assert [point.size for point in PointSelection(size=("all",)).of(_points(*sizes))] == chosen


def test_of_a_task_that_the_paper_lacks_only_that_size_is_all() -> None:
    assert PointSelection(size=("all",)).of(_points("10", "5000", task="mine")) == []
    assert len(PointSelection(size=("all",)).of(_points("10", "all", task="mine"))) == 1


def test_each_student_has_its_own_end() -> None:
    points = [*_points("10", "1250"), *_points("10", "all", model="other")]
    assert [point.size for point in PointSelection(size=("all",)).of(points)] == ["1250", "all"]


def test_a_nominal_size_is_any_of_a_points() -> None:
    assert [point.size for point in PointSelection(size=("20",)).of(_points("10,20", "50"))] == ["10,20"]


def test_fields_hold_together_and_an_alias_means_its_repository() -> None:
    points = [*_points("10"), *_points("10", model="FacebookAI/xlm-roberta-large"), *_points("10", model="other")]
    points.append(Point(lang="te", task="topic", role=MAJORITY))
    assert len(PointSelection().of(points)) == 3
    assert len(PointSelection(model=("xlm-r-large",), task=("topic",)).of(points)) == 2
    assert PointSelection(model=("xlm-r-large",), task=("intent",)).of(points) == []


def test_cells_are_counted_where_they_are_named() -> None:
    assert PointSelection(task=("topic", "intent"), group=("low", "high")).num_cells() == 14
    assert PointSelection(task=("topic",), lang=("te", "sw"), group=("low",)).num_cells() == 2
    assert PointSelection(task=("topic",)).num_cells() is None
