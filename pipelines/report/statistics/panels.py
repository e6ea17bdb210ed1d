"""Panels put together: the mean, the largest or the smallest of several numbers, with their replicates.

Here: what becomes of replicates that are paired. Not here: replicates (`resampling.py`).

Array legend: B replicates, P panels.
"""

from collections.abc import Sequence

import numpy as np

from sdc.pipelines.report.statistics.resampling import Replicates


def combined(panels: Sequence[Replicates], over: str) -> Replicates:
    """Returns the mean, the largest or the smallest of some numbers.

    Args:
        panels: At least one, all with one seed.
        over: `mean`, `max` or `min`.

    The largest of several replicates lies above the largest estimate: it has the chance of the resampling twice. Where
    all are finite the replicates are moved so that their median is the estimate.

    Degenerate case: one panel stays as it is. What is infinite, as "not reached", stays so.

    Source: B. Efron and R. Tibshirani (1993), An introduction to the bootstrap, chapter 10, on bias.

    >>> one, other = (Replicates(estimate=e, values_B=np.array([e - 1.0, e, e + 1.0]), covers="rows") for e in (2, 5))
    >>> found = combined([one, other], "max")
    >>> found.estimate, found.values_B.tolist(), combined([one, other], "mean").estimate
    (5.0, [4.0, 5.0, 6.0], 3.5)
    """
    covers = ", or ".join(dict.fromkeys(panel.covers for panel in panels))
    both_PB = np.stack([np.concatenate([[panel.estimate], panel.values_B]) for panel in panels])
    together = both_PB.mean(axis=0) if over == "mean" else both_PB.max(axis=0) if over == "max" else both_PB.min(axis=0)
    estimate, values_B = float(together[0]), together[1:]
    if over != "mean" and len(panels) > 1 and np.isfinite(values_B).all():
        values_B = values_B + (estimate - np.median(values_B))
    return Replicates(estimate=estimate, values_B=values_B, covers=covers)


def scaled(values: Replicates, factor: float) -> Replicates:
    """Returns a number in another unit, as points for a share.

    >>> scaled(Replicates(estimate=0.5, values_B=np.array([0.25]), covers="rows"), 100).values_B.tolist()
    [25.0]
    """
    return Replicates(estimate=values.estimate * factor, values_B=values.values_B * factor, covers=values.covers)
