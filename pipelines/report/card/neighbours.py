"""How near the rows are to each other: to the nearest human row, and to the nearest row of their own side."""

from collections.abc import Sequence

from sdc.pipelines.report.card.figure import LEAST_ROWS, Figure, Measurement, mean
from sdc.pipelines.report.card.sides import Sides, texts
from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity_many import numbered

NAMES = ("nearest_human", "self_similarity")
_WHAT = {"nearest_human": "similarity to the nearest human row", "self_similarity": "similarity to the nearest own row"}
_BLOCK = 256


def nearest(
    queries: Sequence[str], references: Sequence[str] | None = None, *, earlier: bool = False
) -> list[tuple[float, int]]:
    """Returns, for each query, how similar the nearest reference is (character 5-gram Jaccard), and its position.

    Without references: the nearest other query, or with `earlier` the nearest of those before it. Of equally near ones
    the first; position -1 if there is none to choose from.

    Range: 0 (nothing shared) to 1 (the same 5-grams). It grows with the number of references, so only values for
    equally many can be compared. Degenerate case: 0 without any reference.

    Source: A. Broder (1997), On the resemblance and containment of documents, SEQUENCES.

    >>> nearest(["abcdef", "xyz"], ["abcdeg", "abcdef!"])  # {abcde, bcdef} against {abcde, bcdef, cdef!}
    [(0.6666666666666666, 1), (0.0, 0)]
    >>> nearest(["abcde", "abcde", "xyz"])
    [(1.0, 1), (1.0, 0), (0.0, 0)]
    >>> nearest(["abcde", "abcde"], earlier=True)
    [(0.0, -1), (1.0, 0)]
    """
    import numpy as np
    from scipy.sparse import coo_array

    if not queries or (references is not None and not references):
        return [(0.0, -1)] * len(queries)
    numbers_S, rows_S = numbered(list(map(fold, [*queries, *(references or ())])))
    sizes_N = np.bincount(rows_S)
    asked = rows_S < len(queries)
    known = np.unique(numbers_S[asked])
    columns_S = np.searchsorted(known, numbers_S)
    there = asked | (known[np.minimum(columns_S, len(known) - 1)] == numbers_S)  # what no query has is never shared
    has = coo_array((np.ones(int(there.sum())), (rows_S[there], columns_S[there])), (len(sizes_N), len(known))).tocsr()
    first = 0 if references is None else len(queries)
    others = has[first:].T.tocsr()
    found_: list[tuple[float, int]] = []
    for start in range(0, len(queries), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(queries)))
        shared = (has[rows] @ others).toarray()
        similarity = shared / (sizes_N[rows, None] + sizes_N[None, first:] - shared)
        if references is None:
            places = np.arange(len(queries))
            similarity[places >= rows[:, None] if earlier else places == rows[:, None]] = -1.0
        best = similarity.argmax(axis=1)
        values = similarity[np.arange(len(rows)), best]
        found_ += [(float(v), int(k)) if v >= 0 else (0.0, -1) for v, k in zip(values, best, strict=True)]
    return found_


def measure(sides: Sides) -> Measurement:
    """Returns both similarities, averaged over equally many rows of each label, and as series for a picture.

    `nearest_human` beside what it is among human rows: above it, the synthetic rows keep closer to the human ones than
    these do to each other; far below, they are about something else. `self_similarity` above that of human rows:
    the synthetic rows repeat each other.
    """
    pair = sides.pair
    few = sides.too_few(LEAST_ROWS)
    if few:
        return Measurement(
            figures=tuple(Figure(name=n, what=_WHAT[n], unit="score", synthetic=None, note=few) for n in NAMES)
        )
    ours, theirs = texts(pair.synthetic), texts(pair.human)
    series = {
        "synthetic to human": [value for value, _ in nearest(ours, theirs)],
        "human to human": [value for value, _ in nearest(theirs)],
        "synthetic to synthetic": [value for value, _ in nearest(ours)],
    }
    among_human = mean(series["human to human"])
    chosen = dict(zip(NAMES, ("synthetic to human", "synthetic to synthetic"), strict=True))
    return Measurement(
        figures=tuple(
            Figure(
                name=name, what=_WHAT[name], unit="score", synthetic=mean(series[chosen[name]]), human=among_human,
                details={"rows": len(ours)},
            )
            for name in NAMES
        ),
        series=series,
    )  # fmt: skip
