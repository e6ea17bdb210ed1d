"""Bootstrap replicates of scores, over test rows and runs, and their 95 % intervals.

Here: which test rows a replicate draws, the scores of runs on them, means and differences over cells. Not here: how
runs move a mean (`by_runs.py`), what is made of the replicates of a curve (`break_even.py`, `gap.py`), tests
(`paired.py`).

A score has two sources of chance: the runs (their draws and seeds) and the test rows. Rows are drawn with replacement,
once for all runs, methods and languages that are tested on them, so that differences and curves are paired. The runs
are not drawn with replacement beside them: that counts the noise of one run on one row three times, and is too narrow
for few runs. Instead a replicate moves the mean by what runs differ by beyond the noise of their test rows: runs of
equal skill add nothing, and three runs get an interval as wide as Student's t gives three values.

Array legend: B replicates, K sentences, N test rows, R runs, L labels, S points of a curve.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP
from sdc.pipelines.metrics.macro_f1 import f1_on_resamples
from sdc.pipelines.report.statistics.by_runs import Moments, moments, moved, stream

ROWS, RUNS_AND_ROWS = "test rows", "runs and test rows"
SOME_RUNS = "test rows, and runs where a cell has several"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with the ends of its 95 % interval, in the unit of the estimate, and what chance it covers."""

    estimate: float
    low: float
    high: float
    covers: str


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of the runs of one point in one cell, 0 to 1, or their differences from others.

    Args:
        of_runs_R: On the whole test.
        resampled_RB: On the test rows of each replicate.
        repeats_R: The number of each run's draw: what has one number at other points is varied together.
        of_draws: Whether they are numbers of draws; else they only tell runs apart of which several have one draw, or
            none, and are paired with nothing.
    """

    of_runs_R: NDArray[Any]
    resampled_RB: NDArray[Any]
    repeats_R: tuple[int, ...]
    of_draws: bool = True

    def __post_init__(self) -> None:
        num_runs = len(self.repeats_R)
        if not num_runs or self.of_runs_R.shape != (num_runs,) or len(self.resampled_RB) != num_runs:
            raise ValueError(f"{num_runs} runs with scores of {self.of_runs_R.shape} and {self.resampled_RB.shape}")
        if len(set(self.repeats_R)) < num_runs:
            raise ValueError("two runs of a point have one number")

    @cached_property
    def moments(self) -> Moments:
        """What replicates need of them."""
        return moments(self.of_runs_R[None], self.resampled_RB[None], self.repeats_R)

    def minus(self, other: "Scores") -> "Scores":
        """Returns the differences of runs with one number; one run, such as a generator's, is taken from all.

        Raises:
            ValueError: No run of one has a partner.
        """
        mine, theirs = paired(self.repeats_R, other.repeats_R, of_draws=self.of_draws and other.of_draws)
        return Scores(
            of_runs_R=self.of_runs_R[mine] - other.of_runs_R[theirs],
            resampled_RB=self.resampled_RB[mine] - other.resampled_RB[theirs],
            repeats_R=tuple(self.repeats_R[place] for place in mine),
            of_draws=self.of_draws,
        )


def paired(mine: Sequence[int], theirs: Sequence[int], *, of_draws: bool) -> tuple[list[int], list[int]]:
    """Returns the places of the runs that have one number; one run, such as a generator's, is the partner of all.

    Args:
        mine, theirs: The numbers of the runs on either side.
        of_draws: Whether they are numbers of draws; else nothing has a partner but in that one run.

    >>> paired([0, 1, 3], [3, 0, 2], of_draws=True), paired([0, 1, 3], [7], of_draws=False)
    (([0, 2], [1, 0]), ([0, 1, 2], [0, 0, 0]))
    >>> paired([0, 1, 2], [0, 1], of_draws=False)
    ([], [])
    """
    if len(theirs) == 1:
        return list(range(len(mine))), [0] * len(mine)
    if not of_draws:
        return [], []
    place = {number: position for position, number in enumerate(theirs)}
    both = [(position, place[number]) for position, number in enumerate(mine) if number in place]
    return [position for position, _ in both], [position for _, position in both]


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """A mean score, a difference or what is made of them: its estimate, replicates (B) float64, and what they vary."""

    estimate: float
    values_B: NDArray[Any]
    covers: str

    def interval(self) -> Interval:
        """Returns the percentile interval, widened to hold the estimate; its ends can be infinite if replicates are.

        Degenerate case: of width 0 if neither runs nor rows differ.

        Source: B. Efron (1979), Bootstrap methods, Annals of Statistics 7.

        >>> found = Replicates(estimate=2.0, values_B=np.array([1.0, 2.0, 3.0, np.inf]), covers="throughput").interval()
        >>> found.low, found.high
        (1.0, inf)
        """
        low, high = _percentiles(self.values_B)
        low, high = min(low, self.estimate), max(high, self.estimate)
        return Interval(estimate=self.estimate, low=low, high=high, covers=self.covers)


def _percentiles(values_B: NDArray[Any]) -> tuple[float, float]:
    """Returns the values that 2.5 and 97.5 % do not exceed, themselves replicates: no arithmetic on infinity.

    As `np.quantile` with `inverted_cdf`, which takes ten times as long for a thousand values; so does a partition.

    >>> values_B = np.random.default_rng(0).permutation(1000)
    >>> _percentiles(values_B) == tuple(np.quantile(values_B, [0.025, 0.975], method="inverted_cdf"))
    True
    """
    places = [math.ceil(round(share * len(values_B), 6)) - 1 for share in (0.025, 0.975)]
    found_B = np.sort(values_B)
    low, high = found_B[places].tolist() if not np.isnan(found_B[-1]) else (math.nan, math.nan)
    return low, high


def resample(
    sentences: Mapping[str, Sequence[Hashable]], *, test: str, seed: int, num: int = NUM_BOOTSTRAP
) -> dict[str, NDArray[Any]]:
    """Returns cell -> how often each of its test rows is in each replicate, (B, N) float32 whole numbers.

    Sentences are drawn, with all their rows: the cells of a parallel test share their replicates. Cells whose tests
    have nothing to do with each other are drawn apart, by calls with another `test`.

    Args:
        sentences: Cell -> the id of the sentence behind each test row; `range(N)` for a test that is no translation.
            Places are no ids: the files of the paper's parallel tests have each another order.
        test: The name of the test, which chooses the stream of chance.
        seed: Seed, any whole number.
        num: Replicates.

    Raises:
        ValueError: A cell has no rows.

    Source: J. Saleva, C. Ataman and C. Lignos (2025), arXiv 2509.22612, on resampling in many languages.

    >>> times = resample({"te": ["a", "b", "c"], "sw": ["c", "a"]}, test="topic", seed=1, num=500)
    >>> bool((times["te"][:, 2] == times["sw"][:, 0]).all()), set(times["te"].sum(axis=1).tolist())
    (True, {3.0})
    """
    if not sentences or not all(len(ids) for ids in sentences.values()):
        raise ValueError("a cell without test rows has nothing to resample")
    places = {name: place for place, name in enumerate(dict.fromkeys(i for ids in sentences.values() for i in ids))}
    times_BK = _times(len(places), test, seed, num)
    rows = {cell: [places[i] for i in ids] for cell, ids in sentences.items()}
    return {cell: times_BK if where == [*range(len(places))] else times_BK[:, where] for cell, where in rows.items()}


@lru_cache(maxsize=4)  # a test is drawn once for all its translations
def _times(num_sentences: int, test: str, seed: int, num: int) -> NDArray[Any]:
    drawn_BK = stream(seed, "rows", test).integers(0, num_sentences, size=(num, num_sentences))
    drawn_BK += np.arange(num)[:, None] * num_sentences
    times_BK = np.bincount(drawn_BK.ravel(), minlength=num * num_sentences).reshape(num, num_sentences)
    times_BK = times_BK.astype(np.float32)  # exact for whole numbers, and the fast type for products
    times_BK.flags.writeable = False
    return times_BK


def accuracy(correct_RN: NDArray[Any], times_BN: NDArray[Any], *, repeats: Sequence[int] | None = None) -> Scores:
    """Returns the share of right rows of every run, on the whole test and on each replicate.

    Args:
        correct_RN: 1 or True where a run read the gold label.
        times_BN: From `resample`.
        repeats: The numbers of the runs' draws; None numbers them from 0.

    Degenerate case: a replicate without any row of this cell has the scores of the whole test.

    >>> times = resample({"te": range(4)}, test="topic", seed=0)["te"]
    >>> scores = accuracy(np.array([[1, 1, 0, 0], [1, 1, 1, 0]]), times)
    >>> scores.of_runs_R.tolist(), scores.resampled_RB.shape
    ([0.5, 0.75], (2, 1000))
    """
    of_runs_R = correct_RN.mean(axis=1, dtype=np.float64)
    total_B = times_BN.sum(axis=1, dtype=np.float64)
    resampled_RB = (correct_RN.astype(np.float32) @ times_BN.T) / np.maximum(1, total_B)
    resampled_RB[:, total_B == 0] = of_runs_R[:, None]
    return Scores(of_runs_R=of_runs_R, resampled_RB=resampled_RB, repeats_R=_numbers(repeats, len(of_runs_R)))


def macro_f1(
    gold_N: NDArray[Any],
    read_RN: NDArray[Any],
    times_BN: NDArray[Any],
    *,
    num_labels: int,
    repeats: Sequence[int] | None = None,
) -> Scores:
    """Returns the macro-F1 of every run, from the counts of hits, gold and read labels weighted by each replicate.

    Args:
        gold_N: Gold label ids.
        read_RN: Read label ids, -1 for unparsed.
        times_BN: From `resample`.
        num_labels: Labels of the task, L.
        repeats: The numbers of the runs' draws; None numbers them from 0.

    Degenerate case: as `metrics.macro_f1`; a replicate without any row of this cell has the scores of the whole test.

    >>> times = resample({"en": range(4)}, test="sarcasm", seed=0)["en"]
    >>> scores = macro_f1(np.array([0, 0, 1, 1]), np.array([[0, 0, 1, -1]]), times, num_labels=2)
    >>> scores.of_runs_R.round(4).tolist()  # F1 of 1 and 2/3
    [0.8333]
    """
    times_BN = np.where(times_BN.any(axis=1, keepdims=True), times_BN, np.float32(1))
    both_BN = np.vstack([np.ones((1, len(gold_N)), dtype=np.float32), times_BN])
    scores_RB = f1_on_resamples(gold_N, list(read_RN), both_BN, num_labels=num_labels)
    return Scores(of_runs_R=scores_RB[:, 0], resampled_RB=scores_RB[:, 1:], repeats_R=_numbers(repeats, len(read_RN)))


#: What a report can rank by -> (gold_N, read_RN, times_BN, the number of labels if asked) -> the scores of every run.
OF_METRIC: Mapping[str, Callable[[NDArray[Any], NDArray[Any], NDArray[Any], Callable[[], int]], Scores]] = {
    "accuracy": lambda gold_N, read_RN, times_BN, _: accuracy(read_RN == gold_N, times_BN),
    "macro_f1": lambda gold_N, read_RN, times_BN, labels: macro_f1(gold_N, read_RN, times_BN, num_labels=labels()),
}


def replicates(cells: Mapping[str, Scores], *, seed: int, weights: Mapping[str, float] | None = None) -> Replicates:
    """Returns the mean over runs and then over cells, with replicates over test rows and runs.

    The points of a curve, or two methods on the same draws, are paired if they have the same seed and names of cells:
    then replicate b of each has the same test rows and moves the runs of a number in the same way.

    Args:
        cells: Name -> its runs. What runs of one name and number share is what makes their draw: the names of cells
            with draws of their own, such as synthetic and human ones, must differ.
        seed: Seed, any whole number; another stream than that of the rows.
        weights: Name -> weight; None is one over the number of cells. 1 and -1 give a difference of two unpaired.

    The noise of a run's own test rows is already in the replicates of the rows. What runs differ by beyond it has an
    uncertain variance, which is drawn for every replicate from its generalised fiducial distribution.

    Degenerate cases: of one run per cell only the test rows are covered, and `covers` says so; runs with equal
    answers add nothing.

    Source: S. Weerahandi (1993), Generalized confidence intervals, JASA 88; F. Satterthwaite (1946), degrees of freedom
    of a sum of variances, Biometrics Bulletin 2; A. Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics
    1, on what drawing rows and runs both counts too often.

    >>> times = resample({"te": range(200)}, test="topic", seed=0)["te"]
    >>> right = np.arange(200) % 10 < np.array([[5], [6], [7]])  # 50, 60 and 70 %
    >>> found = replicates({"te": accuracy(right, times)}, seed=0).interval()
    >>> round(found.estimate, 3), found.covers, found.high - found.low > 0.25
    (0.6, 'runs and test rows', True)
    >>> replicates({"te": accuracy(right[:1], times)}, seed=0).interval().covers
    'test rows'
    """
    (found,) = of_moments({name: scores.moments for name, scores in cells.items()}, seed=seed, weights=weights)
    return found


def of_moments(
    cells: Mapping[str, Moments], *, seed: int, weights: Mapping[str, float] | None = None
) -> list[Replicates]:
    """Returns what `replicates` does, of every point, for who keeps no scores; all cells have as many points."""
    if not cells:
        raise ValueError("a mean over no cells")
    shares = weights or dict.fromkeys(cells, 1 / len(cells))
    estimate_P = sum(shares[name] * own.mean_P for name, own in cells.items())
    values_PB = sum(shares[name] * own.by_rows_PB for name, own in cells.items())
    several = {name: own for name, own in cells.items() if len(own.repeats_R) > 1}
    covers = ROWS if not several else RUNS_AND_ROWS if len(several) == len(cells) else SOME_RUNS
    values_PB = values_PB + moved(several, shares, seed) if several else values_PB
    both = zip(np.asarray(estimate_P), np.asarray(values_PB), strict=True)
    return [Replicates(estimate=float(estimate), values_B=values_B, covers=covers) for estimate, values_B in both]


def _numbers(repeats: Sequence[int] | None, num_runs: int) -> tuple[int, ...]:
    return tuple(range(num_runs) if repeats is None else repeats)
