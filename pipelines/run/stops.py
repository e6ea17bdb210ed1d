"""When an experiment ends before all of it is there: limits, bad luck, and points that are known well enough.

Here: the rules. Not here: what is done about them (`driver.py`).
"""

from collections.abc import Iterable
from typing import TypeAlias

from sdc.cache.counted import counted
from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.records import runs
from sdc.pipelines.run.experiment import Experiment, Stop
from sdc.pipelines.run.plan import ExperimentPlan, PlannedRun
from sdc.pipelines.run.sites import Site

#: Line, cell, source and rows: what repeats are repeats of.
Point: TypeAlias = tuple[int, int, str, int]
#: Fewer repeats say nothing of their spread.
_LEAST_REPEATS = 5


def check(experiment: Experiment, site: Site) -> None:
    """Raises a UsageError for a limit that could never be reached."""
    if experiment.stop.cost is not None and site.price_per_hour is None:
        fix = "add price_per_hour to the site, or limit stop.hours"
        raise UsageError("a limit on cost, and no price of a worker", f"{experiment.where}: [stop]", fix)


def reached(stop: Stop, *, seconds: float, cost: float, num_dying: int) -> str:
    """Returns why an experiment ends now; empty if it goes on.

    Args:
        stop: The rules.
        seconds: Work so far, all workers together.
        cost: Money so far.
        num_dying: Batches that ended badly since anything went well.
    """
    if stop.hours is not None and seconds >= 3600 * stop.hours:
        return f"the limit of {stop.hours:g} hours of work is reached"
    if stop.cost is not None and cost >= stop.cost:
        return f"the limit of {stop.cost:g} on cost is reached"
    if stop.fail_streak and num_dying >= stop.fail_streak:
        return f"{counted(num_dying, 'batch', 'batches')} died one after another"
    return ""


def point_of(run: PlannedRun) -> Point | None:
    """Returns the point that a run is a repeat of; None without a draw."""
    return None if run.draw is None else (run.line, run.cell, run.draw.source, run.draw.num_rows)


def narrow(store: Store, plan: ExperimentPlan, half_width: float) -> set[Point]:
    """Returns the points whose 95 % interval over repeats is within so many percentage points of their mean."""
    values: dict[Point, list[float]] = {}
    of_task = [cell.cell.task.metric for cell in plan.cells]
    found = runs.values(store, [run.key for run in plan.runs if run.run is not None], set(of_task))
    for run in plan.runs:
        point, value = point_of(run), found.get((run.key, of_task[run.cell]))
        if point is not None and value is not None:
            values.setdefault(point, []).append(value)
    return {point for point, of_point in values.items() if _is_narrow(of_point, half_width)}


def _is_narrow(values: Iterable[float], half_width: float) -> bool:
    """Returns whether an interval is narrow enough.

    >>> _is_narrow([0.5, 0.51, 0.5, 0.49, 0.5], 1.0), _is_narrow([0.5, 0.51], 50.0), _is_narrow([0.1, 0.9] * 3, 1.0)
    (True, False, False)
    """
    known = list(values)
    interval = mean_interval(known) if len(known) >= _LEAST_REPEATS else None
    return interval is not None and 50 * (interval[1] - interval[0]) <= half_width
