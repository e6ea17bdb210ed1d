"""balanced: the same number of rows of every label, at least two (the paper's subsampling, section 3)."""

import random
from collections.abc import Sequence

_LEAST_PER_LABEL = 2


def choose(labels: Sequence[int], sizes: Sequence[int], num_labels: int, seed: int) -> list[list[int]]:
    """Returns the positions of each size: `max(2, size // num_labels)` rows per label, as far as every label has them.

    With 7 labels a nominal size of 10 is 14 rows.

    >>> [len(rows) for rows in choose([0, 1] * 5, [2, 6, 100], 2, seed=1)]
    [4, 6, 10]

    Source: appendix A of the paper; the released script's `max(2, size // labels)`.
    """
    draw = random.Random(seed)
    by_label: list[list[int]] = [[] for _ in range(num_labels)]
    for position, label in enumerate(labels):
        by_label[label].append(position)
    for rows in by_label:
        draw.shuffle(rows)
    most = min(map(len, by_label))
    # Row k of every label before row k + 1 of any: a prefix is balanced, and sizes are nested.
    ordered = [rows[k] for k in range(most) for rows in by_label]
    return [ordered[: min(most, max(_LEAST_PER_LABEL, size // num_labels)) * num_labels] for size in sizes]
