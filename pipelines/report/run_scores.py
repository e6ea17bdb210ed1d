"""The scores of evaluated runs, on the rows of their test and on resampled ones, from what their readers read.

Here: what is read of the store, once per test, with all runs that were tested on it. Not here: which tests are
translations of each other (`parallel.py`), how rows are drawn and scores made (`statistics/resampling.py`), what
becomes of them (`resampled.py`).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdc.pipelines import cells
from sdc.pipelines.records import readings, sentences
from sdc.pipelines.records.examples import gold_labels
from sdc.pipelines.report.parallel import ParallelTest, in_families
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The share of one label among the answers of a run that collapsed.
_ONE_LABEL = 0.95
#: (key of a test, metric).
OnTest = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class ScoresOnTest:
    """The scores of all runs on one test whose readings are there, 0 to 1.

    Args:
        of_runs_R: On the whole test.
        resampled_RB: On the test rows of each replicate; float32, since there may be 30,000 runs.
        places: Key of a run's eval -> its place among them.
    """

    of_runs_R: "NDArray[Any]"
    resampled_RB: "NDArray[Any]"
    places: Mapping[str, int]


class RunScores:
    """Looks up the scores of runs; every test is read once.

    Args:
        context: Where the store is.
        results: All runs that are asked for later.
        seed: Of the rows of replicates.
    """

    def __init__(self, context: Context, results: Sequence[RunResult], *, seed: int) -> None:
        self._context, self._seed = context, seed
        self._results: dict[OnTest, list[RunResult]] = {}
        for result in results:
            if result.value is not None:
                self._results.setdefault((result.test_key, result.metric), []).append(result)
        self._read: dict[OnTest, ScoresOnTest] = {}
        #: Keys of the evals of the runs that answer nearly always with one label, on the tests that were asked for.
        self.collapsed: set[str] = set()

    def on(self, what: OnTest) -> ScoresOnTest:
        """Returns the scores of all runs on a test."""
        if what not in self._read:
            self._read[what] = self._scores(what)
        return self._read[what]

    def _scores(self, what: OnTest) -> ScoresOnTest:
        import numpy as np

        from sdc.pipelines.report.statistics import resampling

        key, metric = what
        results = self._results.get(what, [])
        gold_N = self._tests[key].gold.label_N
        every = dict.fromkeys(result.eval_key for result in results)
        evals = [name for name in every if name in self._labels and len(self._labels[name]) == len(gold_N)]
        if not evals:
            return ScoresOnTest(of_runs_R=np.zeros(0), resampled_RB=np.zeros((0, 0)), places={})
        read_RN = np.stack([self._labels[name] for name in evals])
        self.collapsed.update(name for name, share in zip(evals, _largest(read_RN), strict=True) if share >= _ONE_LABEL)
        scores = resampling.OF_METRIC[metric](
            gold_N,
            read_RN,
            self._times(key),
            lambda: len(cells.load_task(self._context.store, str(results[0].task)).labels),
        )
        return ScoresOnTest(
            of_runs_R=scores.of_runs_R,
            resampled_RB=scores.resampled_RB.astype(np.float32),
            places={name: place for place, name in enumerate(evals)},
        )

    def _times(self, key: str) -> "NDArray[Any]":
        """Returns how often each row of a test is in each replicate: translations of a sentence are drawn together."""
        from sdc.pipelines.report.statistics.resampling import resample

        test = self._tests[key]
        own: Sequence[Hashable] = range(len(test.gold.idx_N)) if test.ids is None else test.ids
        alike = [other for other in self._tests.values() if other.name == test.name and other.ids]
        everything = sorted({name for other in alike for name in other.ids or ()}) if test.ids else list(own)
        return resample({"": everything, key: own}, test=test.name, seed=self._seed)[key]

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
        for key, gold in gold_labels(self._context, sorted(of_task)).items():
            names = named.get(key, {})
            ids = tuple(names.get(idx, "") for idx in gold.idx_N.tolist()) if names else None
            tests[key] = ParallelTest(gold=gold, ids=None if ids and "" in ids else ids)
        return in_families(tests, of_task)


def _largest(read_RN: "NDArray[Any]") -> list[float]:
    """Returns the share of the label that each run answers most often; unparsed is none."""
    import numpy as np

    num_runs, num_rows = read_RN.shape
    num_labels = max(0, int(read_RN.max())) + 2  # and one for unparsed
    places_RN = read_RN + 1 + np.arange(num_runs)[:, None] * num_labels
    counts_RL = np.bincount(places_RN.ravel(), minlength=num_runs * num_labels).reshape(num_runs, num_labels)
    shares: list[float] = (counts_RL[:, 1:].max(axis=1) / num_rows).tolist()
    return shares
