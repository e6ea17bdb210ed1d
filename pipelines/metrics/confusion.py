"""Which labels are taken for which: the confusion matrix, and precision, recall and F1 of each label.

They say where a run errs, and are in no table of the store: `METRICS` are what a run is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sdc.pipelines.metrics.labels import Labels, as_array


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """What a run makes of one label.

    Args:
        gold: Test rows that have it.
        read: Test rows in which it was read.
        right: Test rows that have it and in which it was read.
        precision: right / read, 0 to 1; None where it was never read.
        recall: right / gold, 0 to 1; None where no row has it.
        f1: 2 right / (gold + read), 0 to 1; None where it was neither read nor there.
    """

    gold: int
    read: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None


def confusion(gold: Labels, predicted: Labels, *, num_labels: int) -> list[list[int]]:
    """Returns how many rows of each gold label were read as each label, and in the last column as none.

    Degenerate case: without rows all counts are 0.

    Source: scikit-learn's `confusion_matrix`, with a column for what is unparsed.

    >>> confusion([0, 0, 1, 1], [0, 1, 1, None], num_labels=2)
    [[1, 1, 0], [0, 1, 1]]

    Args:
        gold: Gold labels.
        predicted: Read labels, None or -1 for unparsed.
        num_labels: Labels of the task.
    """
    import numpy as np

    gold_N, read_N = as_array(gold), as_array(predicted)
    places_N = gold_N * (num_labels + 1) + np.where(read_N < 0, num_labels, read_N)
    counts = np.bincount(places_N, minlength=num_labels * (num_labels + 1))
    return [[int(count) for count in row] for row in counts.reshape(num_labels, num_labels + 1)]


def of_labels(matrix: Sequence[Sequence[int]]) -> list[LabelScores]:
    """Returns precision, recall and F1 of each label, from its confusion matrix; the mean of the F1 is `macro_f1`.

    Source: scikit-learn's `precision_recall_fscore_support`, but that what is 0 / 0 is None.

    >>> [(found.precision, found.recall, round(found.f1 or 0, 3)) for found in of_labels([[1, 1, 0], [0, 1, 1]])]
    [(1.0, 0.5, 0.667), (0.5, 0.5, 0.5)]
    >>> of_labels([[0, 0, 0], [1, 0, 0]])[1].precision is None
    True
    """
    found = []
    for label, row in enumerate(matrix):
        gold, read, right = sum(row), sum(other[label] for other in matrix), row[label]
        found.append(
            LabelScores(
                gold=gold,
                read=read,
                right=right,
                precision=right / read if read else None,
                recall=right / gold if gold else None,
                f1=2 * right / (gold + read) if gold + read else None,
            )
        )
    return found
