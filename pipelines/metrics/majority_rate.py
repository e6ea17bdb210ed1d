"""The majority baseline: what a student scores that always says the commonest label of the test."""

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.metrics.labels import Labels, as_array


def majority_rate(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the share of the commonest gold label: the accuracy of the majority baseline.

    Range: 1 / num_labels to 1; it is a property of the test, so it has no interval and ignores `predicted`.
    Degenerate case: 1 for a test with one label.

    Source: none; the usual baseline of skewed tests.

    >>> majority_rate([0, 1, 1, 1], [0, 0, 0, 0], num_labels=2).value
    0.75
    """
    return Estimate(value=max(_counts(gold)) / len(gold))


def majority_macro_f1(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the macro-F1 of the majority baseline: the number to hold a macro-F1 against.

    With the majority rate m, the commonest label has F1 2m / (1 + m) and every other gold label has 0.

    Range: above 0 to 1. Degenerate case: 1 for a test with one label.

    Source: none; follows from `macro_f1`.

    >>> round(majority_macro_f1([0, 1, 1, 1], [0, 0, 0, 0], num_labels=2).value, 4)
    0.4286
    """
    counts = _counts(gold)
    share = max(counts) / len(gold)
    return Estimate(value=2 * share / (1 + share) / len(counts))


def _counts(gold: Labels) -> list[int]:
    """Returns how often each label occurs that does."""
    import numpy as np

    return [count for count in np.bincount(as_array(gold)).tolist() if count]
