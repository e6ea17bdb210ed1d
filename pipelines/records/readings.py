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

    alike: dict[tuple[int, int], tuple[list[str], list[bytes]]] = {}
    for key, labels, num_rows in store.query(
        """select g.key, g.labels, (a.summary ->> '$.num_test')::integer from readings g join artifacts a using (key)
        where g.key in (select unnest(?::varchar[])) and g.labels is not null""",
        [list(evals)],
    ):
        keys, packed_R = alike.setdefault((len(labels), num_rows), ([], []))
        keys.append(key)
        packed_R.append(labels)
    found: dict[str, NDArray[Any]] = {}
    for (num_bytes, num_rows), (keys, packed_R) in alike.items():  # there may be 100,000 runs
        unsigned, signed = ("<u2", np.int32) if num_bytes > num_rows else ("<u1", np.int16)
        read_RN = np.frombuffer(b"".join(packed_R), dtype=unsigned).reshape(len(keys), -1)
        read_RN = np.where(read_RN == np.iinfo(unsigned).max, signed(-1), read_RN.astype(signed))
        found |= zip(keys, read_RN, strict=True)
    return found


def lacking(store: Store, evals: Sequence[str]) -> set[str]:
    """Returns those evaluations that are in the store without their readings: an older sdc kept none."""
    found = store.query(
        """select key from artifacts where key in (select unnest(?::varchar[]))
        and key not in (select key from readings)""",
        [list(evals)],
    )
    return {key for (key,) in found}
