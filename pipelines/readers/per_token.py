"""The scores-per-token reader: label likelihoods without the handicap of long labels.

Here: reading one row. Not here: where token counts come from (`icl`, which keeps them with a run).
"""

from collections.abc import Sequence

from sdc.pipelines.readers import scores
from sdc.pipelines.tasks import Task


def read(row: Sequence[float], task: Task, label_tokens: Sequence[int]) -> int | None:
    """Returns the label id with the highest log-likelihood per token, or None (unparsed).

    Args:
        row: Log-likelihoods in the order of label ids.
        task: Whose labels are scored.
        label_tokens: Tokens of each label as it was scored, with the end of the turn; at least 1.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners (arXiv 2005.14165), section 2.4.

    >>> from sdc.pipelines.tasks import load
    >>> read([-2.0, -3.0], load("sentiment"), [1, 2])
    1
    """
    if not len(row) == len(label_tokens) == len(task.labels):
        return None
    shares = [None if v is None else v / tokens for v, tokens in zip(row, label_tokens, strict=True)]
    return scores.read(shares, task)
