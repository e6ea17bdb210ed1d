"""Schedules of a fine-tuning run: batch size by draw size, learning rate, held-out rows, batches of similar length.

Here: plain functions of numbers and seeds. Not here: the loop that follows them (`loop.py`).
"""

import random
from collections.abc import Mapping, Sequence

from sdc.errors import UsageError

_ABOVE = 64
#: (most rows, rows per batch), and 64 above. `paper`: appendix A; `code`: the released script.
BATCH_SIZES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "paper": ((20, 4), (50, 8), (100, 12), (150, 16), (250, 32)),
    "code": ((20, 4), (40, 6), (100, 8), (150, 12), (250, 16), (600, 32)),
}
#: Batches that are sorted by length together: more saves padding, fewer keeps batches random.
_BUCKET = 8


def batch_size(table: str, num_rows: int) -> int:
    """Returns the rows per batch for a draw of `num_rows` rows.

    >>> batch_size("paper", 14), batch_size("paper", 50), batch_size("code", 50), batch_size("code", 601)
    (4, 8, 8, 64)

    Raises:
        UsageError: There is no such table.
    """
    if table not in BATCH_SIZES:
        raise UsageError(f"unknown batch size table {table!r}", "--batch-sizes", f"use {' or '.join(BATCH_SIZES)}")
    return next((size for most, size in BATCH_SIZES[table] if num_rows <= most), _ABOVE)


def warmup_steps(total_steps: int, warmup: float) -> int:
    """Returns the steps that warm up, of all steps of a run."""
    return int(total_steps * warmup)


def rate_factor(step: int, *, total_steps: int, warmup: float) -> float:
    """Returns the factor on the learning rate at a step: linear from 0 during warm-up, then linear down to 0.

    Args:
        step: From 0 to total_steps - 1.
        total_steps: Steps of the whole run.
        warmup: Share of the steps that warm up, in [0, 1).

    >>> [rate_factor(step, total_steps=4, warmup=0.5) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    num_warmup = warmup_steps(total_steps, warmup)
    if step < num_warmup:
        return (step + 1) / num_warmup
    return (total_steps - step) / max(1, total_steps - num_warmup)


def held_out(labels: Sequence[int], *, fraction: float, seed: int, at_least: int = 0) -> list[int]:
    """Returns the positions of a stratified part; empty if a label could not spare a row.

    Args:
        labels: Label ids.
        fraction: Share of each label's rows, rounded down.
        seed: Decides which rows.
        at_least: Rows of each label, if the share is less.

    >>> held_out([0] * 4 + [1] * 40, fraction=0.1, seed=1)
    []
    >>> len(held_out([0] * 10 + [1] * 20, fraction=0.1, seed=1))
    3
    """
    choice = random.Random(seed)
    positions: list[int] = []
    for label in sorted(set(labels)):
        rows = [i for i, other in enumerate(labels) if other == label]
        count = max(int(len(rows) * fraction), at_least)
        if not 1 <= count < len(rows):
            return []
        positions += choice.sample(rows, count)
    return sorted(positions)


def of_mean_one(weights: Sequence[float]) -> list[float]:
    """Returns what rows count in a loss, scaled to a mean of 1: the rate of learning stays as it is.

    >>> of_mean_one([3.0, 1.0, 1.0, 1.0])
    [2.0, 0.6666666666666666, 0.6666666666666666, 0.6666666666666666]
    """
    mean = sum(weights) / len(weights)
    return [weight / mean for weight in weights]


def batches(lengths: Sequence[int], *, size: int, choice: random.Random) -> list[list[int]]:
    """Returns the positions of one epoch in random batches; rows of similar length stand together.

    Args:
        lengths: Tokens of each row.
        size: Rows per batch; the last one may be smaller.
        choice: Its state decides the order; call again for the next epoch.
    """
    order = list(range(len(lengths)))
    choice.shuffle(order)
    chunk = size * _BUCKET
    found: list[list[int]] = []
    for start in range(0, len(order), chunk):
        near = order[start : start + chunk]
        near.sort(key=lambda i: lengths[i])  # stable: rows of one length keep their random order
        found += [near[i : i + size] for i in range(0, len(near), size)]
    choice.shuffle(found)
    return found


def by_tokens(lengths: Sequence[int], *, most: int) -> list[list[int]]:
    """Returns all positions from short to long, in batches of at most `most` tokens after padding, or of one row.

    >>> by_tokens([5, 1, 2, 9], most=6)
    [[1, 2], [0], [3]]
    """
    found: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if not found or (len(found[-1]) + 1) * lengths[i] > most:
            found.append([])
        found[-1].append(i)
    return found
