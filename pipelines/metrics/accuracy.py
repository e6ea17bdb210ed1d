"""Accuracy."""

from sdc.pipelines.metrics.interval import Estimate, wilson
from sdc.pipelines.metrics.labels import Labels, num_equal


def accuracy(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the share of test rows that were read as their gold label, with Wilson's 95 % interval.

    Range: 0 to 1, higher is better; a fair coin has 1 / num_labels. Degenerate case: unparsed rows (None) are wrong, so
    a student whose every reply is unparsed has 0.

    Source: the paper, section 3.

    >>> accuracy([0, 1, 1, 0], [0, 1, None, 1], num_labels=2).value
    0.5
    """
    hits = num_equal(gold, predicted)
    low, high = wilson(hits, len(gold))
    return Estimate(value=hits / len(gold), low=low, high=high)
