"""How far an experiment is, from the store alone; what was tried, from its folder.

Here: counts. Not here: what is made of them on a terminal.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sdc.cache.store import Store
from sdc.pipelines.run.estimate import Measured
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site


@dataclass(frozen=True, kw_only=True)
class LineStatus:
    """How far a line is.

    Args:
        line: The line, in words.
        runs: All of them.
        there: Those that the store has.
        failed: Of these, those that failed.
        hours: That those took.
        cost: At the price of the site; None without one.
        hours_left: That the missing ones should take; None where no run of the kind was measured.
    """

    line: str
    runs: int
    there: int
    failed: int
    hours: float
    cost: float | None
    hours_left: float | None

    @property
    def missing(self) -> int:
        """Runs that are not there."""
        return self.runs - self.there

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {**vars(self), "missing": self.missing}


def of_plan(store: Store, plan: ExperimentPlan, measured: Measured, site: Site) -> list[LineStatus]:
    """Returns how far each line is, then all of them together."""
    there = plan.there(store)
    artifacts = store.get_many(list(there))
    lines = plan.experiment.lines
    counts: dict[int, Counter[str]] = {number: Counter() for number in range(len(lines))}
    seconds = dict.fromkeys(counts, 0.0)
    left: dict[int, float | None] = dict.fromkeys(counts, 0.0)
    seconds_of = measured.of_runs(plan, there)
    for run in plan.runs:
        count = counts[run.line]
        count["runs"] += 1
        if run.key in there:
            count["there"] += 1
            count["failed"] += there[run.key].get("status") == "failed"
            seconds[run.line] += artifacts[run.key].seconds or 0
            continue
        expected = seconds_of(run)
        so_far = left[run.line]
        left[run.line] = None if expected is None or so_far is None else so_far + expected
    rows = [
        _status(str(line), counts[number], seconds[number], left[number], site) for number, line in enumerate(lines)
    ]
    known = [each for each in left.values() if each is not None]
    total = sum(known) if len(known) == len(left) else None
    return [*rows, _status("all", sum(counts.values(), Counter()), sum(seconds.values()), total, site)]


def _status(name: str, count: Counter[str], seconds: float, left: float | None, site: Site) -> LineStatus:
    hours = seconds / 3600
    return LineStatus(
        line=name,
        runs=count["runs"],
        there=count["there"],
        failed=count["failed"],
        hours=hours,
        cost=None if site.price_per_hour is None else hours * site.price_per_hour,
        hours_left=None if left is None else left / 3600,
    )


def lost(folder: PlanFolder) -> Counter[str]:
    """Returns how often tasks ended otherwise than by coming through, by how."""
    return Counter(str(note["how"])[:120] for note in folder.attempts() if note.get("how") not in (None, "ended"))
