"""The scores of evaluated runs on resampled test rows, from what their readers read.

Here: which tests are translations of each other, what is read of the store, once per test. Not here: how rows are
drawn and what becomes of the scores (`statistics/resampling.py`).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdc.cache.key import SHORT, digest
from sdc.pipelines import cells
from sdc.pipelines.records import readings, sentences
from sdc.pipelines.records.examples import GoldLabels, gold_labels
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
#: What two test sets share at least to be taken for translations of each other.
_LEAST_SHARED = 0.5
#: (key of a test, metric).
_What = tuple[str, str]
#: Keys of the evals of each point.
_Evals = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class _Test:
    """A test set: gold labels, the ids of its sentences if it has them, and the name of its stream of chance."""

    gold: GoldLabels
    ids: tuple[str, ...] | None
    name: str = ""


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

        scored = [member for member in members if member.value is not None]
        if not scored:
            return None
        what = (scored[0].test_key, scored[0].metric)
        if what not in self._columns:
            self._read(what)
        whole, columns = self._scores[what], self._columns[what]
        if whole is None or any(member.eval_key not in columns for member in scored):
            return None
        at = [columns[member.eval_key] for member in scored]
        numbers = [member.repeat for member in scored]
        if len(set(numbers)) < len(numbers):  # several runs on one draw: they are told apart, and paired with nothing
            numbers = list(range(len(numbers)))
        return Scores(
            of_runs_R=whole.of_runs_R[at],
            resampled_BR=whole.resampled_BR[:, at].astype("float64"),
            repeats_R=tuple(numbers),
        )

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
        cell_of: dict[str, str] = {}
        for place, members in enumerate(points):
            own = self._moments(members, against[place] if against else None)
            if own is None:
                return None
            cell = f"{members[0].lang}/{members[0].task}"
            name = f"{cell} {members[0].source}"
            while name in found:
                name += "+"
            found[name], cell_of[name] = own, cell
        if not found:
            return None
        sizes = {cell: sum(other == cell for other in cell_of.values()) for cell in cell_of.values()}
        weights = {name: 1 / len(sizes) / sizes[cell] for name, cell in cell_of.items()}
        return of_moments(found, seed=SEED, weights=weights)

    def _moments(self, members: Sequence[RunResult], against: Sequence[RunResult] | None) -> "Moments | None":
        """Returns those of one point, kept: it is in many means."""
        what = _evals([members, against or ()])
        if what not in self._of_points:
            scores = self.scores(members)
            if against is not None and scores is not None:
                other = self.scores(against)
                paired = other and (len(other.repeats_R) == 1 or set(other.repeats_R) & set(scores.repeats_R))
                scores = scores.minus(other) if other and paired else None
            self._of_points[what] = None if scores is None else scores.moments
        return self._of_points[what]

    def _read(self, what: _What) -> None:
        from sdc.pipelines.report.statistics import resampling

        key, metric = what
        results = self._results.get(what, [])
        read = readings.labels_of(self._context.store, [result.eval_key for result in results])
        test = self._tests[key]
        evals = [name for name, labels_N in read.items() if len(labels_N) == len(test.gold.label_N)]
        self._columns[what] = {name: position for position, name in enumerate(evals)}
        if not evals:
            self._scores[what] = None
            return
        import numpy as np

        read_RN = np.stack([read[name] for name in evals])
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
            resampled_BR=scores.resampled_BR.astype(np.float32),  # there may be 30,000 runs
            repeats_R=scores.repeats_R,
        )

    def _times(self, test: _Test, key: str) -> "NDArray[Any]":
        """Returns how often each row of a test is in each replicate: translations of a sentence are drawn together."""
        from sdc.pipelines.report.statistics.resampling import resample

        own: Sequence[Hashable] = range(len(test.gold.idx_N)) if test.ids is None else test.ids
        alike = [other for other in self._tests.values() if other.name == test.name and other.ids]
        everything = sorted({name for other in alike for name in other.ids or ()}) if test.ids else list(own)
        return resample({"": everything, key: own}, test=test.name, seed=SEED)[key]

    @cached_property
    def _tests(self) -> dict[str, _Test]:
        """All tests that runs were tested on, by key; those that are translations of each other have one name."""
        of_task = {key: str(results[0].task) for (key, _), results in self._results.items()}
        named = sentences.ids_of(self._context.store, sorted(of_task))
        tests = {}
        for key in sorted(of_task):
            gold = gold_labels(self._context, key)
            names = named.get(key, {})
            ids = tuple(names.get(idx, "") for idx in gold.idx_N.tolist()) if names else None
            tests[key] = _Test(gold=gold, ids=None if ids and "" in ids else ids)
        return _in_families(tests, of_task)


def _evals(points: Sequence[Sequence[RunResult]]) -> _Evals:
    return tuple(tuple(member.eval_key for member in members) for members in points)


def _in_families(tests: Mapping[str, _Test], of_task: Mapping[str, str]) -> dict[str, _Test]:
    """Returns the tests with the names of their families; a test that is no translation of another has its own."""
    families: list[tuple[str, dict[str, int], list[str]]] = []  # task, label of each sentence, keys
    named = {}
    for key, test in tests.items():
        if test.ids is None:
            named[key] = _Test(gold=test.gold, ids=None, name=key)
            continue
        labels = dict(zip(test.ids, test.gold.label_N.tolist(), strict=True))
        for task, known, keys in families:
            shared = labels.keys() & known.keys()
            # Files that number their rows share ids by chance; their labels do not agree as well.
            if (
                task == of_task[key]
                and len(shared) >= _LEAST_SHARED * min(len(labels), len(known))
                and all(labels[name] == known[name] for name in shared)
            ):
                known |= labels
                keys.append(key)
                break
        else:
            families.append((of_task[key], labels, [key]))
    for task, known, keys in families:
        name = f"{task} {digest(sorted(known))[:SHORT]}"
        named |= {key: _Test(gold=tests[key].gold, ids=tests[key].ids, name=name) for key in keys}
    return named
