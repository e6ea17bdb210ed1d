"""The scores-calibrated reader: label likelihoods without what a prompt prefers whatever the text says.

Here: reading all rows of one run. Not here: how scores come about (engines).
"""

import math
from collections.abc import Sequence

from sdc.pipelines.readers import scores
from sdc.pipelines.readers.softmax import softmax
from sdc.pipelines.tasks import Task


def read(rows: Sequence[Sequence[float] | None], task: Task) -> list[int | None]:
    """Returns the label id of every row after batch calibration, or None (unparsed).

    The log-likelihoods of a row become probabilities over the labels; their mean over all rows is what the prompt
    prefers by itself, and its logarithm is taken off. So the reader sees the scores of all texts of the test, and none
    of their labels; a label that the test has more of than others loses a part of that, too. With one row, or when all
    rows have the same scores, nothing is left to tell labels apart.

    Args:
        rows: Log-likelihoods in the order of label ids, or None; a row without a finite number for every label takes no
            part in the mean, and is read as the reader `scores` reads it.
        task: Whose labels are scored.

    Source: Zhou et al. 2023, Batch Calibration (arXiv 2309.17249), section 3, "Batch Calibration".

    >>> from sdc.pipelines.tasks import load
    >>> read([[-1.0, -3.0], [-1.0, -2.0]], load("sentiment"))  # the prompt prefers label 0, the second text less so
    [0, 1]
    """
    shares = [softmax(row) if row is not None and _is_whole(row, task) else None for row in rows]
    known = [row for row in shares if row is not None]
    if not known:
        return [None if row is None else scores.read(row, task) for row in rows]
    prior = [math.fsum(column) / len(known) for column in zip(*known, strict=True)]
    # A label so unlikely that its share is 0 everywhere has no prior to take off.
    offsets = [math.log(share) if share > 0 else 0.0 for share in prior]
    found: list[int | None] = []
    for row, share in zip(rows, shares, strict=True):
        if row is None:
            found.append(None)
        elif share is None:
            found.append(scores.read(row, task))
        else:  # what all labels of a row have in common does not matter: no need to normalise here
            found.append(scores.read([value - off for value, off in zip(row, offsets, strict=True)], task))
    return found


def _is_whole(row: Sequence[float], task: Task) -> bool:
    return len(row) == len(task.labels) and all(v is not None and math.isfinite(v) for v in row)
