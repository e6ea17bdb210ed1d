"""Probabilities of a few choices from their scores, for readers and for whoever else must weigh them.

Our own although scipy has it: that is for arrays, takes longer to load than a short list to compute, and rounds
otherwise than what is stored of earlier judgements.
"""

import math
from collections.abc import Sequence


def softmax(scores: Sequence[float]) -> tuple[float, ...] | None:
    """Returns probabilities that sum to 1, in order; of log-probabilities these are the probabilities themselves.

    A score of minus infinity has probability 0. Degenerate: None where nothing follows, for a score is NaN or plus
    infinity, or none is finite.

    >>> softmax([0.0, 0.0]), softmax([1000.0, float("-inf")]), softmax([float("nan"), 0.0])
    ((0.5, 0.5), (1.0, 0.0), None)

    Args:
        scores: Logits or log-likelihoods, at least one.
    """
    top = max(scores)
    if any(map(math.isnan, scores)) or not math.isfinite(top):
        return None
    powers = [math.exp(score - top) for score in scores]
    whole = sum(powers)
    return tuple(power / whole for power in powers)
