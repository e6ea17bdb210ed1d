"""The scores reader: the label with the highest score, for students that score every label.

Here: reading one row of scores. Not here: how scores come about (students, engines).
"""

import math
from collections.abc import Sequence

from sdc.pipelines.tasks import Task


def read(row: Sequence[float], task: Task) -> int | None:
    """Returns the label id with the highest finite score, the lowest id of equal ones, or None (unparsed).

    Args:
        row: One score per label in the order of label ids: probabilities, logits or log-likelihoods. None and minus
            infinity (probability 0) lose against any number. A row without a number, of another length, or with a NaN
            or plus infinity is unparsed: what computed it is broken, and its other scores mean nothing.
        task: Whose labels are scored.

    >>> from sdc.pipelines.tasks import load
    >>> sentiment = load("sentiment")
    >>> read([0.5, 0.5], sentiment), read([float("-inf"), -3.0], sentiment), read([float("nan"), -3.0], sentiment)
    (0, 1, None)
    """
    if len(row) != len(task.labels) or any(score is not None and _is_broken(score) for score in row):
        return None
    best: int | None = None
    for label, score in enumerate(row):
        # A score can be null where a student stored no number for a label.
        if score is not None and math.isfinite(score) and (best is None or score > row[best]):
            best = label
    return best


def _is_broken(score: float) -> bool:
    return math.isnan(score) or score == math.inf
