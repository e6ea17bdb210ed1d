"""Unparsed rate."""

from sdc.pipelines.metrics.interval import Estimate, wilson
from sdc.pipelines.metrics.labels import Labels, as_array


def unparsed_rate(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the share of test rows in which the reader found no label, with Wilson's 95 % interval.

    Range: 0 to 1, lower is better. Degenerate case: 0 under `scores`, unless scores are not finite.

    Source: none; the released script counts such rows as class -1 (docs/metrics.md, B3).

    >>> unparsed_rate([0, 1, 1, 0], [0, 1, None, 1], num_labels=2).value
    0.25
    """
    unparsed = int((as_array(predicted) == -1).sum())
    low, high = wilson(unparsed, len(gold))
    return Estimate(value=unparsed / len(gold), low=low, high=high)
