"""coverage: of each label the rows that hold most of the character n-grams that the others have not held yet.

A generator repeats itself: rows that are drawn at random spend a budget on what is there already. Each row of a draw
takes the one that adds most; n-grams that no other row has are names and slips, and add nothing.

Here: the choice, and the share of n-grams that a draw holds. Not here: sizes (`candidates.py`).

Shape letters: N rows of a label, V n-grams.
"""

import heapq
from collections.abc import Sequence
from itertools import chain
from typing import Any

from sdc.pipelines.sample.strategies.candidates import Candidates, num_balanced, taking_turns

#: Longest n-gram inside word bounds, in characters, as the linear student counts them.
_MAX_NGRAM = 4


def choose(candidates: Candidates, sizes: Sequence[int], seed: int) -> list[list[int]]:
    """Returns the positions of each size, as many of every label; there is no random choice, and row order is none.

    A row's gain is the sum of the worth of its n-grams over the square root of their number. An n-gram is worth 1 if
    two rows of the label have it, else 0; its worth halves with each row that is taken and has it. Equal gains: by
    text.

    >>> rows = ["good film", "good film", "bad", "fine book", "fine film", "bad"]
    >>> choose(Candidates(labels=[0, 0, 1, 0, 0, 1], num_labels=2, texts=rows), [4], seed=0)
    [[0, 2, 4, 5]]

    Args:
        candidates: With texts.
        sizes: Nominal sizes.
        seed: Not used.

    Source: greedy maximum coverage with discount (Nemhauser, Wolsey & Fisher 1978); lazy gains (Minoux 1978): they
    only ever fall, so a row whose gain is still on top need not be held against the others.
    """
    by_label = candidates.by_label()
    counts = [len(rows) for rows in by_label]
    most = max((num_balanced(counts, size) // len(counts) for size in sizes), default=0)
    ordered = [[rows[i] for i in _greedy([candidates.texts[row] for row in rows], most)] for rows in by_label]
    return taking_turns(ordered, sizes, counts)


def shares(candidates: Candidates, chosen: Sequence[Sequence[int]]) -> list[float]:
    """Returns for each draw the share of the n-grams that two rows of a label have which the draw's rows have, 0 to 1.

    Degenerate case: 1 where no n-gram is in two rows.

    >>> two = Candidates(labels=[0, 0, 1, 1], num_labels=2, texts=["ab", "ab", "cd", "cd"])
    >>> shares(two, [[0], [0, 2]])
    [0.5, 1.0]
    """
    held, known = [0] * len(chosen), 0
    for rows in candidates.by_label():
        ngrams_NV = _ngrams([candidates.texts[row] for row in rows])
        shared_V = _num_rows(ngrams_NV) > 1
        known += int(shared_V.sum())
        place = {row: i for i, row in enumerate(rows)}
        for number, draw in enumerate(chosen):
            own = [place[row] for row in draw if row in place]
            held[number] += int((_num_rows(ngrams_NV[own]) > 0)[shared_V].sum())
    return [number / known if known else 1.0 for number in held]


def _greedy(texts: Sequence[str], most: int) -> list[int]:
    """Returns the positions of the rows that are taken, in order."""
    import numpy as np

    if most < 1 or not texts:
        return []
    ngrams_NV = _ngrams(texts)
    starts, columns = ngrams_NV.indptr, ngrams_NV.indices
    worth_V = np.where(_num_rows(ngrams_NV) > 1, 1.0, 0.0)
    roots_N = np.sqrt(np.maximum(np.diff(starts), 1))

    def gain(row: int) -> float:
        return float(worth_V[columns[starts[row] : starts[row + 1]]].sum() / roots_N[row])

    waiting = [(-gain(row), text, row) for row, text in enumerate(texts)]
    heapq.heapify(waiting)
    taken: list[int] = []
    while waiting and len(taken) < most:
        before, text, row = waiting[0]
        now = -gain(row)
        if now != before:
            heapq.heapreplace(waiting, (now, text, row))
            continue
        heapq.heappop(waiting)
        taken.append(row)
        worth_V[columns[starts[row] : starts[row + 1]]] /= 2
    return taken


def _ngrams(texts: Sequence[str]) -> Any:
    """Returns ngrams_NV, sparse: which n-grams a text has. Columns are sorted, so sums do not depend on row order."""
    from sklearn.feature_extraction.text import CountVectorizer

    counting = CountVectorizer(analyzer="char_wb", ngram_range=(1, _MAX_NGRAM), binary=True, dtype="int32")
    found_NV = counting.fit_transform(chain(texts, "-"))[: len(texts)]  # "-": no empty vocabulary
    found_NV.sort_indices()
    return found_NV


def _num_rows(ngrams_NV: Any) -> Any:
    import numpy as np

    return np.bincount(ngrams_NV.indices, minlength=ngrams_NV.shape[1])
