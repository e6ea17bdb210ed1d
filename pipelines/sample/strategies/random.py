"""random: any rows, whatever their labels."""

import random
from collections.abc import Sequence


def choose(labels: Sequence[int], sizes: Sequence[int], num_labels: int, seed: int) -> list[list[int]]:
    """Returns the positions of each size: a prefix of one shuffled order.

    >>> [len(rows) for rows in choose([0, 1] * 5, [2, 100], 2, seed=1)]
    [2, 10]
    """
    ordered = list(range(len(labels)))
    random.Random(seed).shuffle(ordered)
    return [ordered[:size] for size in sizes]
