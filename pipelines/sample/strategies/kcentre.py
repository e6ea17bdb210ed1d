"""kcentre: of each label the rows that are farthest from what a draw holds already, over embeddings.

Here: the choice. Not here: embeddings (`encoders/`), sizes (`candidates.py`).

Shape letters: N rows of a label, S its seeds, E numbers of an embedding.
"""

from collections.abc import Sequence
from typing import Any

from sdc.pipelines.sample.strategies.candidates import Candidates, num_balanced, taking_turns

_DIGITS = 6


def choose(candidates: Candidates, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Returns the positions of each size, as many of every label; there is no random choice, and row order is none.

    Every row that is taken is the one whose nearest centre is farthest; centres are the seeds of the label and the rows
    taken so far. Without seeds the first is the row nearest to the label's mean. Equal distances: by text.

    Args:
        candidates: With texts and vectors.
        sizes: Nominal sizes.
        seed: Not used.

    Raises:
        ValueError: There are no vectors.

    Source: Gonzalez (1985), the greedy 2-approximation of k-centre; as core-sets, Sener & Savarese (2018).
    """
    import numpy as np

    if candidates.vectors_NE is None:
        raise ValueError("k-centre needs vectors")
    by_label = candidates.by_label()
    counts = [len(rows) for rows in by_label]
    most = max((num_balanced(counts, size) // len(counts) for size in sizes), default=0)
    ordered = []
    for label, rows in enumerate(by_label):
        by_text = sorted(rows, key=lambda row: candidates.texts[row])
        own = [i for i, (_, of_seed) in enumerate(candidates.seeds) if of_seed == label]
        centres_SE = np.asarray(candidates.seed_vectors_SE)[own] if own else None
        farthest = _farthest(np.asarray(candidates.vectors_NE)[by_text], centres_SE, most)
        ordered.append([by_text[i] for i in farthest])
    return taking_turns(ordered, sizes, counts)


def _farthest(vectors_NE: Any, centres_SE: Any, most: int) -> list[int]:
    """Returns the positions of the rows that are taken, in order."""
    import numpy as np

    taken: list[int] = []
    if most < 1 or not len(vectors_NE):
        return taken
    if centres_SE is None:
        taken = [int((vectors_NE @ vectors_NE.mean(0)).argmax())]
        centres_SE = vectors_NE[taken]
    # The larger a product, the nearer, for vectors have length 1. What differs in the last digits alone is equal: those
    # are others on another machine.
    nearest_N = np.round((vectors_NE @ centres_SE.T).max(1), _DIGITS)
    nearest_N[taken] = np.inf
    while len(taken) < min(most, len(vectors_NE)):
        row = int(nearest_N.argmin())
        taken.append(row)
        nearest_N = np.maximum(nearest_N, np.round(vectors_NE @ vectors_NE[row], _DIGITS))
        nearest_N[row] = np.inf
    return taken
