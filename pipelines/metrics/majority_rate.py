"""The majority baseline: what a student scores that always says the commonest label of the test."""

from collections import Counter
from collections.abc import Sequence

from sdc.pipelines.metrics.interval import Estimate


def majority_rate(gold: Sequence[int], predicted: Sequence[int | None], *, num_labels: int) -> Estimate:
    """Returns the share of the commonest gold label: the accuracy of the majority baseline.

    Range: 1 / num_labels to 1; it is a property of the test, so it has no interval and ignores `predicted`.
    Degenerate case: 1 for a test with one label.

    Source: none; the usual baseline of skewed tests.

    >>> majority_rate([0, 1, 1, 1], [0, 0, 0, 0], num_labels=2).value
    0.75
    """
    return Estimate(value=max(Counter(gold).values()) / len(gold))


def majority_macro_f1(gold: Sequence[int], predicted: Sequence[int | None], *, num_labels: int) -> Estimate:
    """Returns the macro-F1 of the majority baseline: the number to hold a macro-F1 against.

    With the majority rate m, the commonest label has F1 2m / (1 + m) and every other gold label has 0.

    Range: above 0 to 1. Degenerate case: 1 for a test with one label.

    Source: none; follows from `macro_f1`.

    >>> round(majority_macro_f1([0, 1, 1, 1], [0, 0, 0, 0], num_labels=2).value, 4)
    0.4286
    """
    counts = Counter(gold)
    share = max(counts.values()) / len(gold)
    return Estimate(value=2 * share / (1 + share) / len(counts))
