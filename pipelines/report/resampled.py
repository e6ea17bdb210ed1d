"""Means of points and their intervals, from the scores of their runs on resampled test rows.

Here: which runs are asked for, what is paired, what is kept since it is in many means. Not here: reading the store
(`run_scores.py`), how replicates come about (`statistics/resampling.py`).

Array legend: B replicates, P points, R runs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from sdc.pipelines.report.result import RunResult
from sdc.pipelines.report.run_scores import OnTest, RunScores
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.by_runs import Moments
    from sdc.pipelines.report.statistics.resampling import Interval, Replicates, Scores

#: The seed of all intervals of a report: the same store gives the same report.
SEED = 20
#: The runs of a point, and those that are taken from them; None takes nothing.
OfPoint = tuple[Sequence[RunResult], Sequence[RunResult] | None]
#: Keys of the evals of each point.
_Evals = tuple[tuple[str, ...], ...]
_EVAL_KEY = attrgetter("eval_key")
#: Scores that are worked on at once: they stay in the processor's memory.
_AT_ONCE = 2**17


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Where the scores of some runs stand among those on a test, and the numbers of their draws."""

    what: OnTest
    places: Sequence[int]
    repeats: Sequence[int]
    of_draws: bool


@dataclass(frozen=True, kw_only=True)
class _Alike:
    """What points have in common whose moments are made at once."""

    name: str
    what: OnTest
    against: OnTest | None
    repeats: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A point: its number, and where its scores stand and those of the same draws, if any, that are taken from them."""

    number: int
    places: Sequence[int]
    against: Sequence[int]


class Resampled:
    """Looks up scores of runs, and what means are made of.

    Args:
        context: Where the store is.
        results: All runs that are asked for later.
    """

    def __init__(self, context: Context, results: Sequence[RunResult]) -> None:
        self._scores = RunScores(context, results, seed=SEED)
        self._means: dict[tuple[_Evals, _Evals], Replicates | None] = {}
        # By identity: keys of runs take longer to compare than moments to make. Who has a number keeps it for himself.
        self._found: dict[int, tuple[Sequence[RunResult], _Runs | None]] = {}
        self._of_points: dict[tuple[int, int], tuple[OfPoint, Moments | None]] = {}

    def scores(self, members: Sequence[RunResult]) -> "Scores | None":
        """Returns the scores of runs on one test; None where the readings of some are not there, or all broke off."""
        from sdc.pipelines.report.statistics.resampling import Scores

        runs = self._runs(members)
        if runs is None:
            return None
        whole = self._scores.on(runs.what)
        return Scores(
            of_runs_R=whole.of_runs_R[runs.places],
            resampled_RB=whole.resampled_RB[runs.places].astype("float64"),
            repeats_R=tuple(runs.repeats),
            of_draws=runs.of_draws,
        )

    def _runs(self, members: Sequence[RunResult]) -> "_Runs | None":
        """Returns where the scores of runs on one test stand; None as `scores`."""
        if id(members) not in self._found:
            self._found[id(members)] = members, self._look_up(members)
        return self._found[id(members)][1]

    def _look_up(self, members: Sequence[RunResult]) -> "_Runs | None":
        scored = [member for member in members if member.value is not None]
        if not scored:
            return None
        what = (scored[0].test_key, scored[0].metric)
        places = self._scores.on(what).places
        if any(member.eval_key not in places for member in scored):
            return None
        of_draws = len({member.repeat for member in scored}) == len(scored)  # else several are on one draw, or on none
        return _Runs(
            what=what,
            places=[places[member.eval_key] for member in scored],
            repeats=[member.repeat for member in scored] if of_draws else list(range(len(scored))),
            of_draws=of_draws,
        )

    def share_draws(self, members: Sequence[RunResult], others: Sequence[RunResult]) -> bool:
        """Returns whether some runs of each are on draws of one number, and no two of either on one draw."""
        own, theirs = self._runs(members), self._runs(others)
        if own is None or theirs is None or not (own.of_draws and theirs.of_draws):
            return False
        return bool(set(own.repeats) & set(theirs.repeats))

    def num_collapsed(self, members: Sequence[RunResult]) -> int:
        """Returns how many of some runs, whose scores were asked for, answer nearly always with one label."""
        return sum(member.eval_key in self._scores.collapsed for member in members)

    def mean(
        self, points: Sequence[Sequence[RunResult]], *, against: Sequence[Sequence[RunResult]] = ()
    ) -> "Replicates | None":
        """Returns the mean over points, each cell counting once, or over their differences from others.

        Args:
            points: The runs of each.
            against: Of each point, what is taken from it; empty takes nothing.
        """
        # Figures and tables ask for the same means over cells.
        what = (_evals(points), _evals(against))
        if what not in self._means:
            self._means[what] = self._mean(points, against)
        return self._means[what]

    def _mean(
        self, points: Sequence[Sequence[RunResult]], against: Sequence[Sequence[RunResult]]
    ) -> "Replicates | None":
        sizes = Counter(map(_cell, points))
        parts: list[tuple[OfPoint, float]] = []
        taken: Sequence[Sequence[RunResult] | None] = against or [None] * len(points)
        for members, others in zip(points, taken, strict=True):
            share = 1 / len(sizes) / sizes[_cell(members)]
            if others is None or self._moments(members, others) is not None:
                parts.append(((members, others), share))
            else:  # runs that have no draw in common
                parts += [((members, None), share), ((others, None), -share)]
        return self.weighted(parts)

    def weighted(self, parts: Sequence[tuple[OfPoint, float]]) -> "Replicates | None":
        """Returns a sum of means, and of differences by pairs of runs, each with its weight.

        None where there are no parts, or the readings or pairs of one.
        """
        from sdc.pipelines.report.statistics.resampling import of_moments

        found: dict[str, Moments] = {}
        weights: dict[str, float] = {}
        for (members, against), weight in parts:
            own = self._moments(members, against)
            if own is None:
                return None
            name = _name(members)
            while name in found:
                name += "+"
            found[name], weights[name] = own, weight
        if not found:
            return None
        (mean,) = of_moments(found, seed=SEED, weights=weights)
        return mean

    def _moments(self, members: Sequence[RunResult], against: Sequence[RunResult] | None) -> "Moments | None":
        """Returns those of one point, kept: it is in many means."""
        point = (members, against)
        if _identity(point) not in self._of_points:
            made = [found for _, _, found in self._made([point])]
            self._of_points[_identity(point)] = point, made[0] if made else None
        return self._of_points[_identity(point)][1]

    def intervals(self, points: Sequence[OfPoint]) -> "list[Interval | None]":
        """Returns the interval of the mean of each point, or of its difference; None where readings are missing.

        All at once: one by one, as means over cells are made, it takes several times as long.
        """
        from threadpoolctl import threadpool_limits

        from sdc.pipelines.report.statistics.resampling import of_moments

        found: list[Interval | None] = [None] * len(points)
        with threadpool_limits(1):  # a second thread waits at full speed for products that take no time
            for name, numbers, made in self._made(points):
                for place, (number, mean) in enumerate(zip(numbers, of_moments({name: made}, seed=SEED), strict=True)):
                    found[number] = mean.interval()
                    self._of_points[_identity(points[number])] = points[number], made.of(place)
        for number, (members, against) in enumerate(points):
            if against and found[number] is None:  # runs that have no draw in common
                apart = self.mean([members], against=[against])
                found[number] = None if apart is None else apart.interval()
        return found

    def _made(self, points: Sequence[OfPoint]) -> "Iterator[tuple[str, Sequence[int], Moments]]":
        """Yields the moments of some points at a time, with their numbers and the name of what their draws share."""
        from sdc.pipelines.report.statistics.by_runs import moments

        for alike, group in self._asked(points).items():
            whole = self._scores.on(alike.what)
            against = None if alike.against is None else self._scores.on(alike.against)
            size = max(1, _AT_ONCE // (len(alike.repeats) * whole.resampled_RB.shape[1]))
            for part in (group[start : start + size] for start in range(0, len(group), size)):
                places_PR = [asked.places for asked in part]
                of_runs_PR = whole.of_runs_R[places_PR]
                resampled_PRB = whole.resampled_RB[places_PR].astype("float64")
                if against is not None:
                    against_PR = [asked.against for asked in part]
                    of_runs_PR = of_runs_PR - against.of_runs_R[against_PR]
                    resampled_PRB -= against.resampled_RB[against_PR]
                yield alike.name, [asked.number for asked in part], moments(of_runs_PR, resampled_PRB, alike.repeats)

    def _asked(self, points: Sequence[OfPoint]) -> dict[_Alike, list[_Asked]]:
        """Returns where the scores of points stand, but of those without readings or pairs, by what they share."""
        from sdc.pipelines.report.statistics.resampling import paired

        found: dict[_Alike, list[_Asked]] = {}
        for number, (members, others) in enumerate(points):
            own, against = self._runs(members), None if others is None else self._runs(others)
            if own is None or (against is None and others is not None):
                continue
            mine, theirs = list(range(len(own.places))), list[int]()
            if against is not None:
                mine, theirs = paired(own.repeats, against.repeats, of_draws=own.of_draws and against.of_draws)
            # By the numbers of their draws: points that have the same ones are made at once.
            order = sorted(range(len(mine)), key=lambda at: own.repeats[mine[at]])
            mine, theirs = [mine[at] for at in order], [theirs[at] for at in order if theirs]
            if mine:
                alike = _Alike(
                    name=_name(members),
                    what=own.what,
                    against=against.what if against else None,
                    repeats=tuple(own.repeats[place] for place in mine),
                )
                asked = _Asked(
                    number=number,
                    places=[own.places[place] for place in mine],
                    against=[against.places[place] for place in theirs] if against else [],
                )
                found.setdefault(alike, []).append(asked)
        return found


def _cell(members: Sequence[RunResult]) -> str:
    return f"{members[0].lang}/{members[0].task}"


def _name(members: Sequence[RunResult]) -> str:
    """Returns the name of what the draws of some runs share: their numbers say nothing elsewhere."""
    return f"{_cell(members)} {members[0].source}"


def _identity(point: OfPoint) -> tuple[int, int]:
    return id(point[0]), id(point[1])


def _evals(points: Sequence[Sequence[RunResult]]) -> _Evals:
    return tuple(tuple(map(_EVAL_KEY, members)) for members in points)
