"""Points minus other points of the same cells: human minus synthetic rows, a student minus prompting, A minus B.

Here: which points belong together, and the mean of their differences over cells. Not here: differences to the generator
of each point, which points have (`points.py`); tests of two methods (`compare.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdc.pipelines.report.points import Point, on_same_rows
from sdc.pipelines.report.resampled import OfPoint, Resampled
from sdc.pipelines.report.result import PARTS, STUDENT, most_alike
from sdc.pipelines.report.selection import PointSelection

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Replicates

HeldAgainst = tuple[Point, tuple[Point, ...]]
#: Fields that have other values by themselves where another value of a field is asked for.
_HANG_ON = {
    "method": PARTS["method"],
    "model": ("model_version", "decoding", "reader"),
    "shots": ("decoding", "reader"),
    "source": PARTS["source"],
    "strategy": ("seeds", "seed_weight"),
    "generator": ("generator_version", "generator_setting"),
}


def pairs(first: Sequence[Point], second: Sequence[Point], against: PointSelection) -> list[HeldAgainst]:
    """Returns each of the first points with those of the second that it is held against; none without any.

    They are of one cell, test and metric. Student, rows and size are the same, as far as `against` does not say which;
    what hangs on a field that it names is the same where it can be. What has no rows is held against any.
    """
    given = against.given()
    free = {*given, *(name for field in given for name in _HANG_ON.get(field, ()))}
    rows = PARTS["source"] if any(other.source is not None for other in second) else ()
    in_common = ("lang", "task", "test", "metric", *(name for name in (*STUDENT, *rows) if name not in free))
    alike: dict[tuple[object, ...], list[Point]] = {}
    for other in second:
        alike.setdefault(tuple(getattr(other, name) for name in in_common), []).append(other)
    found = []
    for point in first:
        partners = most_alike(point, alike.get(tuple(getattr(point, name) for name in in_common), ()), but=given)
        partners = [p for p in partners if p.size is None or "size" in given or set(_sizes(point)) & set(_sizes(p))]
        if partners:
            found.append((point, tuple(partners)))
    return found


def contrast(resampled: Resampled, pairs: Sequence[HeldAgainst]) -> "Replicates | None":
    """Returns the mean over cells of points minus the mean of those they are held against; shares.

    Draws of two sources are made apart, and so are their runs; runs on the same draws are paired by them. None where
    the readings of some runs are not there.
    """
    cells = [_cell(point) for point, _ in pairs]
    parts: list[tuple[OfPoint, float]] = []
    for (point, partners), cell in zip(pairs, cells, strict=True):
        share = 1 / len(set(cells)) / cells.count(cell)
        if len(partners) == 1 and on_same_draws(resampled, point, partners[0]):
            parts.append(((point.members, partners[0].members), share))
        else:
            parts.append(((point.members, None), share))
            parts += [((partner.members, None), -share / len(partners)) for partner in partners]
    return resampled.weighted(parts)


def is_worse(resampled: Resampled, point: Point, best: Point) -> bool:
    """Returns whether a point is below another of its test: its interval, or that of the difference, shows it.

    The difference is the sharper of the two where runs pair well; of three or four pairs its interval can be so wide
    that it would let pass what the point's own does not. Without readings the point's own decides.
    """
    if (point.high if point.high is not None else point.mean or 0) < (best.mean or 0):
        return True
    found = contrast(resampled, [(point, (best,))])
    return found is not None and found.interval().high < 0


def on_same_draws(resampled: Resampled, one: Point, other: Point) -> bool:
    """Returns whether the runs of two points can be paired by their draws."""
    return on_same_rows(one, other) and resampled.share_draws(one.members, other.members)


def _cell(point: Point) -> str:
    return f"{point.lang}/{point.task}"


def _sizes(point: Point) -> list[str]:
    return (point.size or "").split(",")
