"""Which student to take in each cell: what an engineer wants to know first.

Here: the rule, and what is said of the student that it names. Not here: points (`points.py`), the page.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.pipelines.records.draws import HUMAN_SOURCES
from sdc.pipelines.report.contrasts import is_worse
from sdc.pipelines.report.page.practice import Practice
from sdc.pipelines.report.points import GENERATOR, MAJORITY, Point
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import PARTS, of_parts

#: What the rule is, for people.
RULE = (
    "Of the students that learnt from synthetic rows, alone or beside human ones, each with all its rows, the cheapest "
    "to fit and test among those that are not shown to be worse than the best: their 95 % interval reaches its mean, "
    "and that of the difference, paired by test rows and by draws where these are equal, does not lie below 0."
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The student to take in a cell.

    Args:
        point: Its result with the most rows.
        best: The student with the best mean; the same one, or one that is not shown to be better.
        seconds: Mean time to fit and test one run, in seconds; None where nobody measured it.
        human: The same student on the most human rows that are not more than its own; None if there are none.
        beats: Whether any of the students is shown to be better than its generator; None without one to compare with.
        practice: What it is like in use; None if nobody asked.
    """

    point: Point
    best: Point
    seconds: float | None
    human: Point | None
    beats: bool | None = None
    practice: Practice | None = None

    @property
    def sentence(self) -> str:
        """Returns what a person is told."""
        point = self.point
        said = f"{point.lang}/{point.task}: {self._generator}take {point.method} {point.model} on "
        said += f"{point.rows} {point.source} rows: "
        said += f"{point.metric} {_percent(point.mean)} % ({_percent(point.low)} to {_percent(point.high)})"
        if point.difference is not None:
            how = "above" if point.difference >= 0 else "below"
            said += f", {abs(100 * point.difference):.1f} points {how} its generator"
            if point.difference_low is not None and point.difference_high is not None:
                said += f" ({100 * point.difference_low:+.1f} to {100 * point.difference_high:+.1f})"
        if self.human is not None and self.human.mean is not None and point.mean is not None:
            more = 100 * (self.human.mean - point.mean)
            said += f"; {self.human.rows} {_of_people(self.human)} rows give {abs(more):.1f} points "
            said += "more" if more >= 0 else "less"
        return said + self._majority + "."

    @property
    def _majority(self) -> str:
        """Returns what has to be said of a student that may be no better than one that always says the same."""
        low, high, rate = self.point.low, self.point.high, self.point.majority
        if low is None or high is None or rate is None or low > rate:
            return ""
        how = "worse than" if high < rate else "not shown to be better than"
        return f"; {how} always saying the most frequent label ({_percent(rate)} %)"

    @property
    def _generator(self) -> str:
        """Returns what has to be said before a student is named where none is shown to be better than the generator."""
        if self.beats is not False:
            return ""
        high = self.best.difference_high
        below = high is not None and high < 0
        how = "even the best student is below" if below else "no student is shown to be better than"
        return f"{how} the generator ({_percent(self.best.reference)} %): stay with it, or "


def choices(points: Sequence[Point], seconds: dict[str, float], resampled: Resampled) -> list[Choice]:
    """Returns the choice of every cell that has a student on rows with synthetic ones; each metric apart.

    Args:
        points: From `points.build`.
        seconds: Key of a run -> seconds that fitting and testing it took.
        resampled: Scores on resampled test rows, of the same runs.
    """
    cells: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        if point.role not in (GENERATOR, MAJORITY) and point.n and isinstance(point.rows, int):
            cells.setdefault((point.task, point.lang, point.test, point.metric), []).append(point)
    found = [_choice(inside, seconds, resampled) for inside in cells.values()]
    return [choice for choice in found if choice is not None]


def _choice(points: Sequence[Point], seconds: dict[str, float], resampled: Resampled) -> Choice | None:
    largest: dict[tuple[object, ...], Point] = {}
    for point in points:
        if point.source not in HUMAN_SOURCES:
            what = of_parts(point, ("method", "source"))
            largest[what] = max((point, largest.get(what, point)), key=_rows)
    if not largest:
        return None
    best = max(largest.values(), key=lambda point: point.mean or 0)
    as_good = [point for point in largest.values() if point is best or not is_worse(resampled, point, best)]
    taken = min(as_good, key=lambda point: (_seconds(point, seconds) or float("inf"), -(point.mean or 0)))
    alike = [
        point
        for point in points
        if point.source in HUMAN_SOURCES
        and _rows(point) <= _rows(taken)
        and all(getattr(point, name) == getattr(taken, name) for name in PARTS["method"])
    ]
    return Choice(
        point=taken,
        best=best,
        seconds=_seconds(taken, seconds),
        human=max(alike, key=_rows, default=None),
        beats=_beats(list(largest.values())),
    )


def _beats(students: Sequence[Point]) -> bool | None:
    held = [student for student in students if student.difference is not None]
    return any((student.difference_low or 0) > 0 for student in held) if held else None


def _seconds(point: Point, seconds: dict[str, float]) -> float | None:
    known = [seconds[member.run] for member in point.members if member.run in seconds]
    return statistics.fmean(known) if known else None


def _of_people(point: Point) -> str:
    return "human" if point.source == "human" else f"human ({point.source})"


def _rows(point: Point) -> int:
    return point.rows if isinstance(point.rows, int) else 0


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
