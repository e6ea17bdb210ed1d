"""Words that both sides use: how many of the human ones the synthetic rows have, beside other human rows."""

import statistics
from collections.abc import Sequence
from itertools import chain

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report.card.figure import LEAST_ROWS, Figure, Measurement, too_few
from sdc.pipelines.report.card.sides import Sides, shuffled
from sdc.pipelines.text.words import words

NAMES = ("vocabulary_coverage", "vocabulary_overlap")
_WHAT = {"vocabulary_coverage": "human words found", "vocabulary_overlap": "vocabulary shared (Jaccard)"}
#: The most words that are taken of each half and side, and the least: both figures grow with their number.
MOST_WORDS, LEAST_WORDS = 2000, 300
_SPLITS = 20


def coverage(wanted: Sequence[str], there: Sequence[str]) -> float:
    """Returns the share of the words `wanted`, each as often as it occurs, that are among `there`.

    Range: 0 to 1. It grows with the length of `there`, so only values for equal lengths can be compared. Degenerate
    case: 1 if nothing is wanted.

    Source: the complement of the out-of-vocabulary rate, as usual in speech recognition.

    >>> coverage(["a", "a", "b", "c"], ["a", "c", "d"])
    0.75
    """
    known = set(there)
    return sum(word in known for word in wanted) / len(wanted) if wanted else 1.0


def overlap(a: Sequence[str], b: Sequence[str]) -> float:
    """Returns the words in both over the words in either, each counted once.

    Range: 0 to 1. Degenerate case: 1 for two empty sides.

    Source: P. Jaccard (1912), The distribution of the flora in the alpine zone, New Phytologist 11.

    >>> overlap(["a", "a", "b"], ["a", "c"])
    0.3333333333333333
    """
    either = set(a) | set(b)
    return len(set(a) & set(b)) / len(either) if either else 1.0


def measure(sides: Sides) -> Measurement:
    """Returns both figures against one half of the human rows; the human column is the other half in their place.

    Equally many words of each, and the mean over 20 random splits. Rows are equally many of each label.
    """
    pair = sides.pair
    ours, theirs = ([words(example.text) for example in rows] for rows in (pair.synthetic, pair.human))
    note = sides.too_few(LEAST_ROWS) or too_few(
        sum(map(len, ours)), sum(map(len, theirs)) // 2, least=LEAST_WORDS, what="words in a half"
    )
    if note:
        return Measurement(figures=tuple(Figure(name=n, what=_WHAT[n], synthetic=None, note=note) for n in NAMES))
    found: list[tuple[float, float, float, float, int]] = []
    for number in range(_SPLITS):
        mixed = shuffled(theirs, sides.seed, "vocabulary", number)
        middle = len(mixed) // 2
        parts = [_flat(rows) for rows in (mixed[:middle], mixed[middle:], shuffled(ours, sides.seed, "words", number))]
        num_words = min(MOST_WORDS, *map(len, parts))
        half, other, own = (part[:num_words] for part in parts)
        found.append((coverage(half, own), coverage(half, other), overlap(half, own), overlap(half, other), num_words))
    values = [statistics.fmean(column) for column in zip(*found, strict=True)]
    return Measurement(
        figures=tuple(
            Figure(
                name=name, what=_WHAT[name], synthetic=Estimate(value=values[2 * i]),
                human=Estimate(value=values[2 * i + 1]), details={"words": round(values[4])},
            )
            for i, name in enumerate(NAMES)
        )
    )  # fmt: skip


def _flat(rows: Sequence[Sequence[str]]) -> list[str]:
    return list(chain.from_iterable(rows))
