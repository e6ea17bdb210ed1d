"""report variance: how much of what runs differ by comes from the draw, and how much from the initialisation.

Here: which runs are a crossed grid, one record per component. Not here: the components (`statistics/variance.py`).

Repeats that change draw and initialisation together cannot be split: `sdc run variance` makes grids that can.
"""

import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sdc.cache.store import Store
from sdc.pipelines.records import runs
from sdc.pipelines.report import Found
from sdc.pipelines.report.panels import about, points
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import SEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sdc.pipelines.report.statistics.variance import Component

TITLE = "share of the variance of scores in %; std in points"
WORDS = (
    "Share of the variance of scores on one test, in %, with its 95 % interval; std in points. Rest: what only a draw"
    " and an initialisation together bring, and noise; 0 where nothing could be told from noise."
)


def run(store: Store, found: Found) -> list[dict[str, Any]]:
    """Returns one record per component of every result whose draws all have the same initialisations, two or more."""
    from sdc.pipelines.report.statistics.variance import split

    seeds = runs.init_seeds(store, [member.run for point in found.points for member in point.members])
    records: list[dict[str, Any]] = []
    for point in found.points:
        grid = _grid(point, seeds)
        if grid is None:
            continue
        records += [_record(point, part, grid) for part in split(grid, seed=SEED)]
    return records


def _record(point: Point, part: "Component", grid: "NDArray[Any]") -> dict[str, Any]:
    return {
        "task": point.task,
        "lang": point.lang,
        **about(point),
        "size": point.size,
        "rows": point.rows,
        "component": part.name,
        "share": points(part.share.estimate),
        "low": points(part.share.low),
        "high": points(part.share.high),
        "std": round(100 * part.variance**0.5, 2),
        "negative": "yes" if part.negative else None,
        "draws": grid.shape[0],
        "inits": grid.shape[1],
        "mean": points(float(grid.mean())),
        "covers": part.share.covers,
    }


def _grid(point: Point, seeds: Mapping[str, int]) -> "NDArray[Any] | None":
    """Returns the scores of a point, (draws, initialisations); None if they are not crossed, or all alike.

    Draws that lack an initialisation that most have, as of runs that broke off, are left out.
    """
    import numpy as np

    scores: dict[int, dict[int, float]] = {}
    for member in point.members:
        if member.value is not None and member.run in seeds:
            scores.setdefault(member.repeat, {})[seeds[member.run]] = member.value
    if not scores:
        return None
    most = statistics.mode([tuple(sorted(of_draw)) for of_draw in scores.values()])
    whole = [[of_draw[seed] for seed in most] for _, of_draw in sorted(scores.items()) if set(most) <= set(of_draw)]
    if len(most) < 2 or len(whole) < 2:
        return None
    grid = np.array(whole)
    return grid if grid.std() > 0 else None
