"""What a strategy chooses from, and the prefixes of an order in which labels take turns.

Here: rows as strategies see them. Not here: the strategies, where rows come from (`sample/rows.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Fewest rows of each label in a balanced draw.
_LEAST_PER_LABEL = 2


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The rows that a draw may hold. A strategy sees training rows alone: no test row, and no label of one.

    Args:
        labels: Label id of each row.
        num_labels: Labels of the task; at least 2.
        texts: Of each row; empty where only numbers of rows are asked for.
        seeds: Text and label id of the rows that stand in every draw.
        vectors_NE: Embedding of each row, of length 1; None for strategies that ask for none.
        seed_vectors_SE: Those of the seeds.
    """

    labels: Sequence[int]
    num_labels: int
    texts: Sequence[str] = ()
    seeds: Sequence[tuple[str, int]] = ()
    vectors_NE: Any = None
    seed_vectors_SE: Any = None

    def by_label(self) -> list[list[int]]:
        """Returns the positions of each label's rows, in their order."""
        found: list[list[int]] = [[] for _ in range(self.num_labels)]
        for position, label in enumerate(self.labels):
            found[label].append(position)
        return found


def num_balanced(counts: Sequence[int], size: int) -> int:
    """Returns the real rows of a balanced draw: `max(2, size // labels)` of each label, if every label has them.

    Args:
        counts: Rows of each label.
        size: The nominal size.

    >>> num_balanced([5, 9], 7), num_balanced([5, 9], 100), num_balanced([5, 9], 1)
    (6, 10, 4)

    Source: appendix A of the paper; the released script's `max(2, size // labels)`.
    """
    return min(min(counts), max(_LEAST_PER_LABEL, size // len(counts))) * len(counts)


def taking_turns(ordered: Sequence[Sequence[int]], sizes: Sequence[int], counts: Sequence[int]) -> list[list[int]]:
    """Returns balanced draws: row k of every label before row k + 1 of any, so sizes are nested.

    Args:
        ordered: Positions of each label's rows, best first; as many as the largest size takes.
        sizes: Nominal sizes.
        counts: Rows of each label.

    >>> taking_turns([[3, 1], [0, 2]], [2, 4], [2, 2])
    [[3, 0, 1, 2], [3, 0, 1, 2]]
    """
    turns = [rows[k] for k in range(min(map(len, ordered))) for rows in ordered]
    return [turns[: num_balanced(counts, size)] for size in sizes]
