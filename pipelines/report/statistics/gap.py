"""Synthetic against human rows: the share of the human gap that is closed, and what synthetic rows are worth.

Here: both figures with their intervals. Not here: the curves (`resampling.py`), the crossing (`break_even.py`).

Array legend: B replicates, S points of a curve by their rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdc.pipelines.report.statistics.break_even import break_even
from sdc.pipelines.report.statistics.resampling import Interval, Replicates, Scores, replicates

#: The draws of the two are made apart: they have names of their own.
_SYNTHETIC, _HUMAN, _REFERENCE = "synthetic ", "human ", "reference "


@dataclass(frozen=True, kw_only=True)
class Worth:
    """How many human rows give the score that synthetic ones gave; the first size means "at most", infinity "more"."""

    rows: float
    low: float
    high: float
    smallest: float
    largest: float
    covers: str

    def words(self, rows: float) -> str:
        """Returns a number of human rows as a report says it.

        >>> worth = Worth(rows=20, low=10, high=math.inf, smallest=10, largest=400, covers="test rows")
        >>> worth.words(worth.rows), worth.words(worth.low), worth.words(worth.high)
        ('20', 'at most 10', 'more than 400')
        """
        if rows == math.inf:
            return f"more than {self.largest:.0f}"
        return f"at most {rows:.0f}" if rows <= self.smallest else f"{rows:.0f}"


def gap_closed(
    synthetic: Mapping[str, Scores], *, human: Mapping[str, Scores], reference: Mapping[str, Scores], seed: int
) -> Interval | None:
    """Returns (synthetic - reference) / (human - reference): 0 is none, 1 all, more is better than human rows.

    Args:
        synthetic: Cell -> runs on synthetic rows.
        human: The same cells on as many human rows, tested on the same rows.
        reference: The same cells, the runs that the gap is counted from: the generator's, or those on plain rows.
        seed: Seed of the replicates of runs.

    The means are over cells. A replicate without a gap has no share, and counts as beyond both ends: if more than 2.5 %
    are so, the interval is from minus infinity to infinity.

    Degenerate case: None if human rows are not above the reference.

    Raises:
        ValueError: Not all have the same cells.

    Source: own; on the interval of a ratio E. Fieller (1954), JRSS B 16.

    >>> runs = np.array([[0.7], [0.8], [0.6]])
    >>> s, h, g = ({"te": Scores(of_runs_R=run, resampled_RB=run[:, None], repeats_R=(0,))} for run in runs)
    >>> round(gap_closed(s, human=h, reference=g, seed=0).estimate, 3)
    0.5
    """
    if not synthetic.keys() == human.keys() == reference.keys():
        raise ValueError("a gap is that of the same cells")

    def contrast(of_synthetic: float, of_human: float) -> Replicates:
        scores, weights = _against(synthetic, of_synthetic, human, of_human, reference)
        return replicates(scores, seed=seed, weights=weights)

    gap = contrast(0, 1)
    if gap.estimate <= 0:
        return None
    estimate = contrast(1, 0).estimate / gap.estimate
    # The numerator less its share of the gap, in one contrast: two contrasts would each be as wide as few runs are.
    beyond = contrast(1, -estimate)
    ends = []
    for nothing in (-np.inf, np.inf):
        over_B = np.divide(
            beyond.values_B, gap.values_B, out=np.full_like(gap.values_B, nothing), where=gap.values_B > 0
        )
        ends.append(Replicates(estimate=estimate, values_B=estimate + over_B, covers=beyond.covers).interval())
    return Interval(estimate=estimate, low=ends[0].low, high=ends[1].high, covers=beyond.covers)


def _against(
    synthetic: Mapping[str, Scores], of_synthetic: float, human: Mapping[str, Scores], of_human: float,
    reference: Mapping[str, Scores],
) -> tuple[dict[str, Scores], dict[str, float]]:  # fmt: skip
    """Returns the scores, and their weights, of the mean over cells of two parts that are counted from a reference.

    A reference of one run is taken off test row by test row; one of several has noise of its own.
    """
    scores: dict[str, Scores] = {}
    weights: dict[str, float] = {}
    for prefix, of_cells, weight in ((_SYNTHETIC, synthetic, of_synthetic), (_HUMAN, human, of_human)):
        for cell, own in of_cells.items() if weight else ():
            is_one = len(reference[cell].repeats_R) == 1
            scores[prefix + cell] = own.minus(reference[cell]) if is_one else own
            weights[prefix + cell] = weight / len(of_cells)
    for cell, own in reference.items():
        if len(own.repeats_R) > 1 and of_synthetic + of_human:
            scores[_REFERENCE + cell] = own
            weights[_REFERENCE + cell] = -(of_synthetic + of_human) / len(reference)
    return scores, weights


def worth_human_rows(
    synthetic: Mapping[str, Scores],
    rows_S: Sequence[float] | NDArray[Any],
    human: Sequence[Mapping[str, Scores]],
    *,
    seed: int,
    weights: Sequence[float] | None = None,
) -> Worth:
    """Returns how many human rows a student needs for the mean score over cells that it has on synthetic ones.

    Args:
        synthetic: Cell -> runs on synthetic rows.
        rows_S: Human rows of each point, at least 1 and rising.
        human: The same cells at each point, tested on the same rows.
        seed: Seed of the replicates of runs.
        weights: Runs at each point, which the monotone fit counts; None counts all alike.

    Degenerate case: of one point only "at most" or "more than" can be said.

    Raises:
        ValueError: Not all have the same cells.

    Source: own; the inverse of the monotone curve of `break_even.py`.

    >>> runs = np.array([[0.5], [0.6], [0.7]])
    >>> low, same, high = ({"te": Scores(of_runs_R=run, resampled_RB=run[:, None], repeats_R=(0,))} for run in runs)
    >>> round(worth_human_rows(same, [10, 40], [low, high], seed=0).rows, 6)
    20.0
    """
    if any(point.keys() != synthetic.keys() for point in human):
        raise ValueError("what rows are worth is that of the same cells")
    share = 1 / len(synthetic)
    signs = {**{_HUMAN + cell: share for cell in synthetic}, **{_SYNTHETIC + cell: -share for cell in synthetic}}
    made = {_SYNTHETIC + cell: scores for cell, scores in synthetic.items()}
    missing = [
        replicates({**{_HUMAN + cell: scores for cell, scores in point.items()}, **made}, seed=seed, weights=signs)
        for point in human
    ]
    found = break_even(rows_S, missing, weights=weights)
    return Worth(
        rows=found.even, low=found.low, high=found.high, smallest=found.smallest, largest=found.largest,
        covers=found.covers,
    )  # fmt: skip
