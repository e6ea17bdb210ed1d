"""Curves of a report: one student on one kind of rows over its sizes, as a mean over cells.

Here: which points are one curve, means over cells at each size, both bands, where a curve reaches its generator. Not
here: points (`points.py`), replicates (`resampled.py`), drawing (`figures/`).
"""

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sdc.pipelines.report.points import GENERATOR, MAJORITY, Point, size_order
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import PARTS, of_parts, telling

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.break_even import BreakEven
    from sdc.pipelines.report.statistics.resampling import Interval, Replicates

#: What of a point may be drawn: the difference to the generator in its cell, or the score itself.
DIFFERENCE, SCORE = "difference", "score"
#: Columns that tell curves apart, in the order in which a name says them.
NAMED = (*PARTS["method"], *PARTS["source"])


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A mean over cells at one size; scores are shares, 0 to 1.

    Args:
        sizes: The nominal sizes that are the same rows in every cell.
        rows: Real rows, the mean over cells; None of a result without rows.
        cells: `lang/task` of each cell, sorted.
        n: Runs; `failed` ones broke off, `below_chance` and `collapsed` ones are in the mean.
        mean: Each cell counts once, whatever its runs.
        std_of_runs: Mean over cells of the standard deviation over runs (band A); None if no cell has two.
        std_of_means: Standard deviation over repeats of the mean over cells (band B); None without two repeats.
        interval: 95 %, with what it covers; None where an older sdc kept no readings.
        points: The points of the cells.
    """

    sizes: tuple[str, ...]
    rows: float | None
    cells: tuple[str, ...]
    n: int
    failed: int
    below_chance: int
    collapsed: int
    mean: float
    std_of_runs: float | None
    std_of_means: float | None
    replicates: "Replicates | None"
    points: tuple[Point, ...]

    @property
    def interval(self) -> "Interval | None":
        """Returns the 95 % interval of the mean."""
        return None if self.replicates is None else self.replicates.interval()


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One student on one kind of rows.

    Args:
        first: Any of its points: says method, model, source and whatever else is the same in all of them.
        quantity: `difference` or `score`.
        points: By rising rows; of a result without rows, one point.
        is_cut: Whether sizes that some cells lack were left out.
    """

    first: Point
    quantity: str
    points: tuple[CurvePoint, ...]
    is_cut: bool

    @cached_property
    def break_even(self) -> "BreakEven | None":
        """Where the differences reach zero; None of scores, of a curve without rows, and without readings."""
        from sdc.pipelines.report.statistics.break_even import break_even

        rows = [point.rows for point in self.points if point.rows is not None]
        replicates = [point.replicates for point in self.points if point.replicates is not None]
        if self.quantity != DIFFERENCE or not rows or len(replicates) < len(self.points):
            return None
        stds = [point.std_of_runs for point in self.points]
        known = [std for std in stds if std is not None]
        return break_even(
            rows,
            replicates,
            stds=known if len(known) == len(stds) else None,
            weights=[point.n for point in self.points],
        )


def curves(
    points: Sequence[Point], resampled: Resampled, *, quantity: str = DIFFERENCE, with_fewer_cells: bool = False
) -> list[Curve]:
    """Returns the curves of some points, those of a panel, each a mean over all cells that it has.

    What makes results different makes curves different, so nothing is averaged but cells and repeats.

    Args:
        points: From `points.build`; those of a majority are left out.
        resampled: Where replicates come from.
        quantity: `difference` or `score`; a point without it is left out.
        with_fewer_cells: Keep sizes that only some of a curve's cells have; such points have other `cells`.
    """
    series: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        if point.role != MAJORITY and _value(point, quantity) is not None:
            series.setdefault(of_parts(point, ("method", "source")), []).append(point)
    found = [_curve(of_one, resampled, quantity, with_fewer_cells) for of_one in series.values()]
    return sorted(found, key=lambda curve: [str(getattr(curve.first, name) or "") for name in NAMED])


def pooled(points: Sequence[Point], resampled: Resampled, *, quantity: str) -> Curve:
    """Returns one curve of all points, whatever else differs: the mean over cells, and in each over what it has.

    Args:
        points: At least one, all with rows and the quantity.
        resampled: Where replicates come from.
        quantity: `difference` or `score`.
    """
    return _curve(points, resampled, quantity, with_fewer_cells=False)


def names(
    found: Sequence[Curve], *, always: Sequence[str] = ("method",), but: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Returns the words that name each curve: what is `always` said, and whatever else tells it from the others.

    Args:
        found: All curves that are shown together; what is said of one is known to all.
        always: Fields of a result that are said in any case.
        but: Fields that are said of none.
    """
    could = [name for name in NAMED if name not in but]
    told = [*always, *telling([vars(curve.first) for curve in found], could, known=always)]
    made = []
    for curve in found:
        said = [str(getattr(curve.first, name)) for name in told if getattr(curve.first, name) is not None]
        made.append((*said, f"({GENERATOR})") if curve.first.role == GENERATOR else tuple(said))
    return made


def _value(point: Point, quantity: str) -> float | None:
    return point.difference if quantity == DIFFERENCE else point.mean


def _curve(points: Sequence[Point], resampled: Resampled, quantity: str, with_fewer_cells: bool) -> Curve:
    by_size: dict[str, list[Point]] = {}
    for point in points:
        for size in (point.size or "").split(","):
            by_size.setdefault(size, []).append(point)
    merged: dict[tuple[int, ...], list[str]] = {}
    members: dict[tuple[int, ...], list[Point]] = {}
    for size, of_size in by_size.items():  # sizes that are the same rows in every cell are one point (B10)
        same = tuple(map(id, of_size))
        merged.setdefault(same, []).append(size)
        members[same] = of_size
    everywhere = max(len({_cell(point) for point in of_size}) for of_size in members.values())
    kept = [
        same
        for same, of_size in members.items()
        if with_fewer_cells or len({_cell(point) for point in of_size}) == everywhere
    ]
    made = [_mean(members[same], merged[same], resampled, quantity) for same in kept]
    return Curve(
        first=replace(points[0], size=None, rows=None),
        quantity=quantity,
        points=tuple(sorted(_one_a_number_of_rows(made), key=lambda point: point.rows or 0)),
        is_cut=len(kept) < len(members),
    )


def _one_a_number_of_rows(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Returns the points without those that have the rows of another in as many cells: `all` may be a size as well."""
    best: dict[float | None, CurvePoint] = {}
    for point in points:
        other = best.get(point.rows)
        if other is None or len(other.cells) < len(point.cells):
            best[point.rows] = point
    return list(best.values())


def _mean(of_size: Sequence[Point], sizes: Sequence[str], resampled: Resampled, quantity: str) -> CurvePoint:
    by_cell: dict[str, list[Point]] = {}
    for point in of_size:
        by_cell.setdefault(_cell(point), []).append(point)
    means = [statistics.fmean(_value(point, quantity) or 0 for point in inside) for inside in by_cell.values()]
    stds = [point.std for point in of_size if point.std is not None]
    rows = [point.rows for point in of_size if isinstance(point.rows, int)]
    against = [point.against for point in of_size] if quantity == DIFFERENCE else []
    return CurvePoint(
        sizes=tuple(sorted((size for size in sizes if size), key=size_order)),
        rows=statistics.fmean(rows) if rows else None,
        cells=tuple(sorted(by_cell)),
        n=sum(point.n for point in of_size),
        failed=sum(point.failed for point in of_size),
        below_chance=sum(point.below_chance for point in of_size),
        collapsed=sum(point.collapsed for point in of_size),
        mean=statistics.fmean(means),
        std_of_runs=statistics.fmean(stds) if stds else None,
        std_of_means=_std_of_means(of_size),
        replicates=resampled.mean([point.members for point in of_size], against=against),
        points=tuple(of_size),
    )


def _std_of_means(of_size: Sequence[Point]) -> float | None:
    """Returns the standard deviation over repeats of the mean over cells, of the repeats that all cells have."""
    by_repeat: dict[int, list[float]] = {}
    for point in of_size:
        for member in point.members:
            if member.value is not None:
                by_repeat.setdefault(member.repeat, []).append(member.value)
    whole = [statistics.fmean(values) for values in by_repeat.values() if len(values) == len(of_size)]
    return statistics.stdev(whole) if len(whole) > 1 else None


def _cell(point: Point) -> str:
    return f"{point.lang}/{point.task}"
