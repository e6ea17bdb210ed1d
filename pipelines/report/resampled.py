"""The scores of evaluated runs on resampled test rows, from what their readers read.

Here: what is read of the store, once per test, and which runs are asked for. Not here: which tests are translations of
each other (`parallel.py`), how rows are drawn and what becomes of the scores (`statistics/resampling.py`).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sdc.pipelines import cells
from sdc.pipelines.records import readings, sentences
from sdc.pipelines.records.examples import gold_labels
from sdc.pipelines.report.parallel import ParallelTest, in_families
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sdc.pipelines.report.statistics.by_runs import Moments
    from sdc.pipelines.report.statistics.resampling import Replicates, Scores

#: The seed of all intervals of a report: the same store gives the same report.
SEED = 20
#: The share of one label among the answers of a run that collapsed.
_ONE_LABEL = 0.95
#: (key of a test, metric).
_What = tuple[str, str]
#: Keys of the evals of each point.
_Evals = tuple[tuple[str, ...], ...]
_EVAL_KEY = attrgetter("eval_key")
#: Scores that are worked on at once: they stay in the processor's memory.
_AT_ONCE = 2**17


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Where the scores of some runs stand among those on a test, and the numbers of their draws."""

    what: _What
    places: Sequence[int]
    repeats: Sequence[int]
    of_draws: bool


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Where the scores of a point stand, and those of the same draws, if any, that are taken from them."""

    evals: _Evals
    places: Sequence[int]
    against: Sequence[int]
    repeats: tuple[int, ...]


class Resampled:
    """Looks up scores of runs; every test is read once, with all runs that were tested on it.

    Args:
        context: Where the store is.
        results: All runs that are asked for later.
    """

    def __init__(self, context: Context, results: Sequence[RunResult]) -> None:
        self._context = context
        self._results: dict[_What, list[RunResult]] = {}
        for result in results:
            if result.value is not None:
                self._results.setdefault((result.test_key, result.metric), []).append(result)
        self._scores: dict[_What, Scores | None] = {}
        self._collapsed: set[str] = set()
        self._means: dict[tuple[_Evals, _Evals], Replicates | None] = {}
        self._of_points: dict[_Evals, Moments | None] = {}
        self._columns: dict[_What, dict[str, int]] = {}

    def scores(self, members: Sequence[RunResult]) -> "Scores | None":
        """Returns the scores of runs on one test; None where the readings of some are not there, or all broke off."""
        from sdc.pipelines.report.statistics.resampling import Scores

        runs = self._runs(members)
        if runs is None:
            return None
        whole = self._whole(runs.what)
        return Scores(
            of_runs_R=whole.of_runs_R[runs.places],
            resampled_BR=whole.resampled_BR.T[runs.places].T.astype("float64"),
            repeats_R=tuple(runs.repeats),
            of_draws=runs.of_draws,
        )

    def _runs(self, members: Sequence[RunResult]) -> "_Runs | None":
        """Returns where the scores of runs on one test stand; None as `scores`."""
        scored = [member for member in members if member.value is not None]
        if not scored:
            return None
        what = (scored[0].test_key, scored[0].metric)
        if what not in self._columns:
            self._read(what)
        columns = self._columns[what]
        if any(member.eval_key not in columns for member in scored):
            return None
        numbers = [member.repeat for member in scored]
        of_draws = len(set(numbers)) == len(numbers)  # else several runs are on one draw, or on none
        return _Runs(
            what=what,
            places=[columns[member.eval_key] for member in scored],
            repeats=numbers if of_draws else list(range(len(numbers))),
            of_draws=of_draws,
        )

    def _whole(self, what: _What) -> "Scores":
        """Returns the scores of all runs on a test that has some."""
        whole = self._scores[what]
        assert whole is not None
        return whole

    def num_collapsed(self, members: Sequence[RunResult]) -> int:
        """Returns how many of some runs, whose scores were asked for, answer nearly always with one label."""
        return sum(member.eval_key in self._collapsed for member in members)

    def mean(
        self, points: Sequence[Sequence[RunResult]], *, against: Sequence[Sequence[RunResult]] = ()
    ) -> "Replicates | None":
        """Returns the mean over points, each cell counting once, or over their differences from others.

        Args:
            points: The runs of each.
            against: Of each point, what is taken from it; empty takes nothing.
        """
        if len(points) == 1:
            return self._mean(points, against)
        # Figures and tables ask for the same means over cells.
        what = (_evals(points), _evals(against))
        if what not in self._means:
            self._means[what] = self._mean(points, against)
        return self._means[what]

    def _mean(
        self, points: Sequence[Sequence[RunResult]], against: Sequence[Sequence[RunResult]]
    ) -> "Replicates | None":
        from sdc.pipelines.report.statistics.resampling import of_moments

        found: dict[str, Moments] = {}
        weights: dict[str, float] = {}
        cell_of = [f"{members[0].lang}/{members[0].task}" for members in points]
        sizes = Counter(cell_of)
        for place, (members, cell) in enumerate(zip(points, cell_of, strict=True)):
            share = 1 / len(sizes) / sizes[cell]
            parts = self._parts(members, against[place] if against else None)
            if not parts:
                return None
            for runs, own, sign in parts:
                name = f"{cell} {runs[0].source}"
                while name in found:
                    name += "+"
                found[name], weights[name] = own, sign * share
        if not found:
            return None
        return of_moments(found, seed=SEED, weights=weights)

    def _parts(
        self, members: Sequence[RunResult], against: Sequence[RunResult] | None
    ) -> "list[tuple[Sequence[RunResult], Moments, int]]":
        """Returns what a point is the sum of: itself, its difference from others by pairs of runs, or it and those."""
        whole = self._moments(members, against)
        if whole is not None:
            return [(members, whole, 1)]
        own, other = (self._moments(members, None), self._moments(against, None)) if against else (None, None)
        return [] if own is None or other is None or not against else [(members, own, 1), (against, other, -1)]

    def _moments(self, members: Sequence[RunResult], against: Sequence[RunResult] | None) -> "Moments | None":
        """Returns those of one point, kept: it is in many means."""
        what = _evals([members, against or ()])
        if what not in self._of_points:
            self.prepare([(members, against)])
        return self._of_points[what]

    def prepare(self, points: Iterable[tuple[Sequence[RunResult], Sequence[RunResult] | None]]) -> None:
        """Makes at once what the means of many points are made of: one by one, it takes several times as long.

        Args:
            points: The runs of each, and those that are taken from them.
        """
        from sdc.pipelines.report.statistics.resampling import paired

        alike: dict[tuple[_What, _What | None, int], list[_Asked]] = {}
        for members, against in points:
            evals = _evals([members, against or ()])
            own, other = self._runs(members), None if against is None else self._runs(against)
            self._of_points[evals] = None
            if own is None or (other is None and against is not None):
                continue
            mine, theirs = list(range(len(own.places))), list[int]()
            if other is not None:
                mine, theirs = paired(own.repeats, other.repeats, of_draws=own.of_draws and other.of_draws)
            if mine:
                asked = _Asked(
                    evals=evals,
                    places=[own.places[place] for place in mine],
                    against=[other.places[place] for place in theirs] if other else [],
                    repeats=tuple(own.repeats[place] for place in mine),
                )
                alike.setdefault((own.what, other.what if other else None, len(mine)), []).append(asked)
        for (what, against_what, num_runs), group in alike.items():
            whole, reference = self._whole(what), self._whole(against_what) if against_what else None
            size = max(1, _AT_ONCE // (num_runs * len(whole.resampled_BR)))
            for start in range(0, len(group), size):
                self._prepare(group[start : start + size], whole, reference)

    def _prepare(self, group: "Sequence[_Asked]", whole: "Scores", against: "Scores | None") -> None:
        from sdc.pipelines.report.statistics.by_runs import moments

        places_PR = [asked.places for asked in group]
        of_runs_PR = whole.of_runs_R[places_PR]
        resampled_PRB = whole.resampled_BR.T[places_PR].astype("float64")
        if against is not None:
            against_PR = [asked.against for asked in group]
            of_runs_PR = of_runs_PR - against.of_runs_R[against_PR]
            resampled_PRB -= against.resampled_BR.T[against_PR]
        found = moments(of_runs_PR, resampled_PRB, [asked.repeats for asked in group])
        self._of_points |= {asked.evals: own for asked, own in zip(group, found, strict=True)}

    def _read(self, what: _What) -> None:
        from sdc.pipelines.report.statistics import resampling

        key, metric = what
        results = self._results.get(what, [])
        test, num_rows = self._tests[key], len(self._tests[key].gold.label_N)
        every = dict.fromkeys(result.eval_key for result in results)
        evals = [name for name in every if name in self._labels and len(self._labels[name]) == num_rows]
        self._columns[what] = {name: position for position, name in enumerate(evals)}
        if not evals:
            self._scores[what] = None
            return
        import numpy as np

        read_RN = np.stack([self._labels[name] for name in evals]).astype(np.int32)
        times_BN = self._times(test, key)
        for name, read_N in zip(evals, read_RN, strict=True):
            if np.bincount(read_N[read_N >= 0], minlength=1).max() >= _ONE_LABEL * len(read_N):
                self._collapsed.add(name)
        scores = resampling.OF_METRIC[metric](
            test.gold.label_N,
            read_RN,
            times_BN,
            lambda: len(cells.load_task(self._context.store, str(results[0].task)).labels),
        )
        self._scores[what] = resampling.Scores(
            of_runs_R=scores.of_runs_R,
            # There may be 30,000 runs, of which some are asked for at a time: those of one stand together.
            resampled_BR=np.ascontiguousarray(scores.resampled_BR.T, dtype=np.float32).T,
            repeats_R=scores.repeats_R,
        )

    def _times(self, test: ParallelTest, key: str) -> "NDArray[Any]":
        """Returns how often each row of a test is in each replicate: translations of a sentence are drawn together."""
        from sdc.pipelines.report.statistics.resampling import resample

        own: Sequence[Hashable] = range(len(test.gold.idx_N)) if test.ids is None else test.ids
        alike = [other for other in self._tests.values() if other.name == test.name and other.ids]
        everything = sorted({name for other in alike for name in other.ids or ()}) if test.ids else list(own)
        return resample({"": everything, key: own}, test=test.name, seed=SEED)[key]

    @cached_property
    def _labels(self) -> "dict[str, NDArray[Any]]":
        """What every run reads, by the key of its eval."""
        evals = {result.eval_key for results in self._results.values() for result in results}
        return readings.labels_of(self._context.store, sorted(evals))

    @cached_property
    def _tests(self) -> dict[str, ParallelTest]:
        """All tests that runs were tested on, by key; those that are translations of each other have one name."""
        of_task = {key: str(results[0].task) for (key, _), results in self._results.items()}
        named = sentences.ids_of(self._context.store, sorted(of_task))
        tests = {}
        for key in sorted(of_task):
            gold = gold_labels(self._context, key)
            names = named.get(key, {})
            ids = tuple(names.get(idx, "") for idx in gold.idx_N.tolist()) if names else None
            tests[key] = ParallelTest(gold=gold, ids=None if ids and "" in ids else ids)
        return in_families(tests, of_task)


def _evals(points: Sequence[Sequence[RunResult]]) -> _Evals:
    return tuple(tuple(map(_EVAL_KEY, members)) for members in points)
