"""Where choices go on or part: all that has to be asked of a model to know how likely each is as the whole answer.

Here: the beginnings that choices share, from their tokens. Not here: which tokens a choice is (`answers.py`), asking
for all of them in one pass (`local/choice_tree.py`) or one by one (`vllm/calls.py`, `openai/exact.py`).
"""

from collections.abc import Sequence


def forks(choices: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[int]]:
    """Returns each beginning of a choice, once and after its own beginnings, with the tokens that follow it.

    >>> forks([[5, 9], [5, 6, 9]])
    {(): [5], (5,): [9, 6], (5, 6): [9]}

    Args:
        choices: Token ids.
    """
    following: dict[tuple[int, ...], dict[int, None]] = {}
    for choice in choices:
        for i, token in enumerate(choice):
            following.setdefault(tuple(choice[:i]), {})[token] = None
    return {start: list(tokens) for start, tokens in following.items()}
