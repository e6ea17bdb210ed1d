"""What `read` reads row by row, for the columns of a whole run: the same labels, a hundred times as fast.

Here: scores as one array, and every distinct reply once. Not here: what a reader makes of a row (its own file), which
is what this must equal.

Array legend: N test rows, L labels of the task.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.pipelines.readers import REPLY_READERS, SCORE_READERS, calibrated
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array


def read_columns(
    reader: str, task: Task, *, replies: "Array", scores: "Array", label_tokens: Sequence[int] = ()
) -> "NDArray[Any]":
    """Returns what `readers.read` returns of the same rows, with -1 for unparsed, as int32.

    Args:
        reader: A resolved reader: not `auto`.
        task: Whose labels are read.
        replies: An Arrow column with the raw reply per row, or null.
        scores: An Arrow column with a list of 32-bit numbers per row, or null.
        label_tokens: Tokens of each label, for the reader `scores-per-token`.
    """
    import numpy as np

    if reader not in SCORE_READERS:
        return _worded(reader, task, replies)
    if reader == "scores-calibrated":
        found = calibrated.read(scores.to_pylist(), task)
        labels_N = np.array([-1 if label is None else label for label in found], dtype=np.int32)
    elif reader == "scores-per-token" and len(label_tokens) != len(task.labels):
        labels_N = np.full(len(scores), -1, dtype=np.int32)
    else:
        labels_N = _highest(scores, task, np.array(label_tokens if reader == "scores-per-token" else 1))
    if scores.null_count:
        labels_N = np.where(scores.is_null(), _worded("strict", task, replies), labels_N)
    return labels_N


def _highest(scores: "Array", task: Task, divisor_L: "NDArray[Any]") -> "NDArray[Any]":
    """Returns the label with the highest score of each row after division, as the reader `scores` chooses it."""
    import numpy as np
    import pyarrow as pa

    num_labels = len(task.labels)
    is_whole_N = scores.value_lengths().fill_null(0).to_numpy() == num_labels
    numbers = scores.filter(pa.array(is_whole_N)).flatten().fill_null(-np.inf)
    # With 64 bits, as Python divides.
    scores_NL = numbers.to_numpy().astype(np.float64).reshape(-1, num_labels) / divisor_L
    best_N = scores_NL.argmax(axis=1)
    is_read_N = np.isfinite(scores_NL[np.arange(len(best_N)), best_N])  # the highest one is, and none is NaN
    labels_N = np.full(len(scores), -1, dtype=np.int32)
    labels_N[is_whole_N] = np.where(is_read_N, best_N, -1)
    return labels_N


def _worded(reader: str, task: Task, replies: "Array") -> "NDArray[Any]":
    """Returns the label of each reply; students repeat themselves, so every distinct one is read once."""
    import numpy as np

    distinct = replies.dictionary_encode()
    read = REPLY_READERS[reader]
    known = [read(reply, task) for reply in distinct.dictionary.to_pylist()]
    labels = np.array([*(-1 if label is None else label for label in known), -1], dtype=np.int32)
    labels_N: NDArray[Any] = labels[distinct.indices.fill_null(len(known)).to_numpy()]
    return labels_N
