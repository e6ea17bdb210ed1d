"""distinct-1, -2 and -3: how rarely words, pairs and triples of words come back."""

import statistics
from collections.abc import Sequence

from sdc.pipelines.metrics.interval import Estimate, Z
from sdc.pipelines.report.card.figure import LEAST_ROWS, Figure, Measurement
from sdc.pipelines.report.card.sides import Example, Sides, shuffled
from sdc.pipelines.text.words import words

NAMES = ("distinct_1", "distinct_2", "distinct_3")
#: Words that are looked at: distinct-n falls with the number of words, so it must be the same everywhere.
NUM_WORDS = 2000
#: Of fewer words nearly every pair is new, whoever wrote them.
LEAST_WORDS = 300
#: Random orders of the rows, each cut after `NUM_WORDS`; and the most of all words that an order may take, or all
#: orders would hold the same rows.
_ORDERS, _MOST = 50, 0.9

_Rows = Sequence[Sequence[str]]


def distinct(rows: _Rows, n: int, *, num_words: int | None = None) -> float:
    """Returns distinct-n of the first `num_words` words: different n-grams over all n-grams, none across rows.

    Range: above 0 (one n-gram for ever) to 1 (none comes back). It falls with the number of words, so only values for
    equal numbers can be compared. Degenerate case: 1 if no row has n words, as nothing comes back.

    Source: Li et al. (2016), A diversity-promoting objective function for neural conversation models, NAACL, section 5.

    >>> rows = [["just", "spent", "an", "hour"], ["just", "spent", "a", "day"]]
    >>> distinct(rows, 1), round(distinct(rows, 2), 3)  # 6 of 8 words, 5 of 6 pairs
    (0.75, 0.833)
    >>> distinct(rows, 1, num_words=4)
    1.0
    """
    left = num_words if num_words is not None else sum(map(len, rows))
    seen: set[tuple[str, ...]] = set()
    total = 0
    for row in rows:
        taken = row[:left]
        left -= len(taken)
        grams = [tuple(taken[i : i + n]) for i in range(len(taken) - n + 1)]
        seen.update(grams)
        total += len(grams)
        if left <= 0:
            break
    return len(seen) / total if total else 1.0


def measure(sides: Sides) -> Measurement:
    """Returns distinct-n of 2,000 words of each side; of fewer if the synthetic rows have fewer.

    The interval is that of a delete-d jackknife over rows: the orders' spread, made larger by the share of the words
    that each leaves out.

    Source: Shao and Wu (1989), A general theory for jackknife variance estimation, Annals of Statistics 17.
    """
    ours, theirs = (_split(rows) for rows in (sides.some_synthetic, sides.pair.human))
    num_words = _most_words(ours)
    figures = []
    for n, name in enumerate(NAMES, start=1):
        what = f"distinct-{n} of {num_words} words"
        if num_words < LEAST_WORDS:
            note = f"too few synthetic words: {sum(map(len, ours))}, wants {LEAST_WORDS}"
            figures.append(Figure(name=name, what=f"distinct-{n}", unit="score", synthetic=None, note=note))
            continue
        enough = _most_words(theirs) >= num_words
        figures.append(
            Figure(
                name=name,
                what=what,
                unit="score",
                synthetic=_estimate(ours, n, num_words, sides.seed),
                human=_estimate(theirs, n, num_words, sides.seed) if enough else None,
                note="" if enough else _fewer(ours, theirs, n, sides.seed),
                details={"words": num_words},
            )
        )
    return Measurement(figures=tuple(figures))


def _split(rows: Sequence[Example]) -> list[list[str]]:
    return [words(example.text) for example in rows]


def _most_words(rows: _Rows) -> int:
    return min(NUM_WORDS, int(_MOST * sum(map(len, rows))))


def _fewer(ours: _Rows, theirs: _Rows, n: int, seed: int) -> str:
    """Returns the comparison at the number of words that the human rows have, in words."""
    num_words = _most_words(theirs)
    if num_words < LEAST_WORDS or len(theirs) < LEAST_ROWS:
        return f"too few human words: {sum(map(len, theirs))}, wants {LEAST_WORDS} in {LEAST_ROWS} rows"
    values = [_estimate(rows, n, num_words, seed).value for rows in (ours, theirs)]
    return f"of {num_words} words {values[0]:.3f}, human {values[1]:.3f}"


def _estimate(rows: _Rows, n: int, num_words: int, seed: int) -> Estimate:
    found = [distinct(shuffled(rows, seed, "distinct", order), n, num_words=num_words) for order in range(_ORDERS)]
    value = statistics.fmean(found)
    left_out = 1 - num_words / sum(map(len, rows))
    half = Z * statistics.stdev(found) / left_out**0.5
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half))
