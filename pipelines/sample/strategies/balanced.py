"""balanced: the same number of rows of every label, at least two (the paper's subsampling, section 3)."""

import random
from collections.abc import Sequence

from sdc.pipelines.sample.strategies.candidates import Candidates, taking_turns


def choose(candidates: Candidates, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Returns the positions of each size: `max(2, size // num_labels)` rows per label, as far as every label has them.

    With 7 labels a nominal size of 10 is 14 rows.

    >>> [len(rows) for rows in choose(Candidates(labels=[0, 1] * 5, num_labels=2), [2, 6, 100], seed=1)]
    [4, 6, 10]

    Source: appendix A of the paper.
    """
    draw = random.Random(seed)
    by_label = candidates.by_label()
    for rows in by_label:
        draw.shuffle(rows)
    return taking_turns(by_label, sizes, [len(rows) for rows in by_label])
