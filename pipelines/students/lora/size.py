"""How many LoRA runs train at once: on a GPU as many as fit into memory, and keep it busy; on a CPU one.

On a CPU a pack is hardly faster than its runs one after another, and a run that trains alone rounds the same whatever
else there is to train.

Here: that number. Not here: training.
"""

from collections.abc import Iterable, Sequence

import torch

from sdc.pipelines.students.lora.instruct import TokenRow
from sdc.pipelines.students.lora.layers import Stack
from sdc.pipelines.students.lora.passes import Passes

#: Padded tokens of a step that keep a GPU busy: with more, runs take longer and none ends earlier.
_BUSY_TOKENS = 32768
#: Share of the free memory that may be planned for.
_SHARE = 0.8
#: What a run keeps beside its activations: adapter, gradient and two moments.
_COPIES = 4


def choose(passes: Passes, rows: Iterable[TokenRow], *, rows_per_run: int) -> int:
    """Returns how many runs to train at once, a power of two.

    One step of a single run with the longest rows is tried, and its memory is taken for that of every run. A power of
    two is the same whether a little more or less memory is free, and its half splits packs without mixing them.

    Args:
        passes: Over the base of the runs.
        rows: Those of all runs of the command, also of those that are there: what a kill left must be packed alike.
        rows_per_run: Rows per step of each run.
    """
    if passes.device == "cpu":
        return 1
    longest = sorted(rows, key=lambda row: len(row.ids))[-rows_per_run:]
    tokens = len(longest[-1].ids) * rows_per_run
    size = max(1, _BUSY_TOKENS // tokens)
    if size > 1:
        size = min(size, max(1, int(_SHARE * _free_bytes() / _bytes_per_run(passes, longest))))
    return power_of_two(size)


def power_of_two(most: int) -> int:
    """Returns the largest power of two that is at most `most`.

    >>> [power_of_two(most) for most in (1, 2, 3, 4, 31, 32)]
    [1, 2, 2, 4, 16, 32]
    """
    return 1 << (most.bit_length() - 1)


def _free_bytes() -> int:
    free: int = torch.cuda.mem_get_info()[0]
    return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()


def _bytes_per_run(passes: Passes, longest: Sequence[TokenRow]) -> int:
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    adapters = passes.adapters
    stack = Stack(adapters, adapters.initial(0).to(passes.device)[None], trained=True)
    passes.gradients(stack, [longest], [0])
    kept = _COPIES * adapters.num_parameters * adapters.dtype.itemsize
    peak: int = torch.cuda.max_memory_allocated()
    return peak - before + kept
