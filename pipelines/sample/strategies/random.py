"""random: any rows, whatever their labels."""

import random
from collections.abc import Sequence

from sdc.pipelines.sample.strategies.candidates import Candidates


def choose(candidates: Candidates, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Returns the positions of each size: a prefix of one shuffled order.

    >>> [len(rows) for rows in choose(Candidates(labels=[0, 1] * 5, num_labels=2), [2, 100], seed=1)]
    [2, 10]
    """
    ordered = list(range(len(candidates.labels)))
    random.Random(seed).shuffle(ordered)
    return [ordered[:size] for size in sizes]
