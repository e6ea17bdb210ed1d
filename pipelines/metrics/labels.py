"""Labels as metrics take them: a list, in which None is unparsed, or an array, in which -1 is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Label ids per test row; None, or -1 in an array, is unparsed.
Labels: TypeAlias = Union[Sequence[int | None], "NDArray[Any]"]


def as_array(labels: Labels) -> "NDArray[Any]":
    """Returns label ids as whole numbers, with -1 for unparsed.

    >>> as_array([2, None]).tolist()
    [2, -1]
    """
    import numpy as np  # 0.17 s: only when something is computed

    if isinstance(labels, np.ndarray):
        return labels
    return np.array([-1 if label is None else label for label in labels], dtype=np.int64)


def num_equal(gold: Labels, predicted: Labels) -> int:
    """Returns how many rows were read as their gold label.

    Raises:
        ValueError: They are not of the same rows.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(predicted)} labels were read in {len(gold)} rows")
    return int((as_array(gold) == as_array(predicted)).sum())
