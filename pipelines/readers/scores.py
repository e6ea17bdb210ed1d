"""The scores reader: the label with the highest score, for students that score every label.

Here: reading one row of scores. Not here: how scores come about (students, engines).
"""

import math
from collections.abc import Sequence

from sdc.pipelines.tasks import Task


def read(row: Sequence[float], task: Task) -> int | None:
    """Returns the label id with the highest finite score, the lowest id of equal ones, or None (unparsed).

    Args:
        row: One score per label in the order of label ids: probabilities, logits or log-likelihoods. NaN, infinity and
            None lose against any number; a row that has nothing else, or another length, is unparsed.
        task: Whose labels are scored.

    >>> from sdc.pipelines.tasks import load
    >>> sentiment = load("sentiment")
    >>> read([0.5, 0.5], sentiment), read([float("nan"), -3.0], sentiment), read([float("nan")] * 2, sentiment)
    (0, 1, None)
    """
    if len(row) != len(task.labels):
        return None
    best: int | None = None
    for label, score in enumerate(row):
        # A score can be null where a student stored no number for a label.
        if score is not None and math.isfinite(score) and (best is None or score > row[best]):
            best = label
    return best
