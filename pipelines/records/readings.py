"""Readings: the label that a reader read in every test row of a run, which is what all figures of a result come from.

Here: their form in the table `readings`, and the look-up. Not here: how labels are read (`readers/`), when (eval).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.cache.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray


def packed(labels_N: "NDArray[Any]", *, num_labels: int) -> bytes:
    """Returns the labels of a run as the table has them: a byte each, or two where there are more than 255 labels.

    Args:
        labels_N: Label ids in the order of the test rows; -1 is unparsed.
        num_labels: Labels of the task.

    >>> import numpy as np
    >>> packed(np.array([0, 6, -1]), num_labels=7), packed(np.array([-1, 256]), num_labels=300)
    (b'\\x00\\x06\\xff', b'\\xff\\xff\\x00\\x01')
    """
    return labels_N.astype("<u1" if num_labels <= 255 else "<u2").tobytes()


def labels_of(store: Store, evals: Sequence[str]) -> "dict[str, NDArray[Any]]":
    """Returns key of an evaluation -> the label id read in every test row, -1 for unparsed.

    The rows are those of `examples.gold_labels` for the test of the run. Runs that failed, and evaluations of an older
    sdc that nobody repeated, are left out.

    Args:
        store: Where they are.
        evals: Full keys; all that are wanted, since DuckDB looks through every row for a few as for many.
    """
    import numpy as np

    found = {}
    for key, labels, num_rows in store.query(
        """select g.key, g.labels, (a.summary ->> '$.num_test')::integer from readings g join artifacts a using (key)
        where g.key in (select unnest(?::varchar[])) and g.labels is not null""",
        [list(evals)],
    ):
        read_N = np.frombuffer(labels, dtype="<u2" if len(labels) > num_rows else "<u1")
        signed = np.int32 if read_N.itemsize > 1 else np.int16  # there may be 100,000 runs
        found[key] = np.where(read_N == np.iinfo(read_N.dtype).max, signed(-1), read_N.astype(signed))
    return found


def lacking(store: Store, evals: Sequence[str]) -> set[str]:
    """Returns those evaluations that are in the store without their readings: an older sdc kept none."""
    found = store.query(
        """select key from artifacts where key in (select unnest(?::varchar[]))
        and key not in (select key from readings)""",
        [list(evals)],
    )
    return {key for (key,) in found}
