"""Failed-run flag."""

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.metrics.labels import Labels, num_equal


def failed_run(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns 1 if the accuracy is below chance, 1 / num_labels, else 0.

    Range: 0 or 1. Degenerate case: exactly chance is not failed (the paper says "worse than random chance"). A run that
    broke off and has no answers is flagged by `eval` itself.

    Source: the paper, section 4.1: "failed runs, i.e., runs achieving performance worse than random chance".

    >>> [failed_run([0, 1], answers, num_labels=2).value for answers in ([1, 0], [0, 0], [0, 1])]
    [1.0, 0.0, 0.0]
    """
    hits = num_equal(gold, predicted)
    return Estimate(value=float(hits * num_labels < len(gold)))
