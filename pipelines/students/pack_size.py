"""How many LoRA runs train at once: as many as fit into memory, and keep the processor busy.

Here: that number. Not here: training; the results of runs do not depend on it.
"""

from collections.abc import Sequence

import torch

from sdc.pipelines.students.instruct import Row
from sdc.pipelines.students.packed_layers import Stack
from sdc.pipelines.students.packed_passes import Passes

#: Padded tokens of a step that keep a processor busy: with more, runs take longer and none ends earlier.
_BUSY_TOKENS = {"cpu": 2048, "cuda": 32768}
#: Share of the free memory that may be planned for.
_SHARE = 0.8
#: What a run keeps beside its activations: adapter, gradient and two moments.
_COPIES = 4


def choose(passes: Passes, runs: Sequence[Sequence[Row]], *, rows_per_run: int) -> int:
    """Returns how many of these runs to train at once, at least 1.

    On a GPU one step of a single run with the longest rows is tried, and its memory is taken for that of every run.

    Args:
        passes: Over the base of the runs.
        runs: The rows of each run.
        rows_per_run: Rows per step of each run.
    """
    longest = sorted((row for rows in runs for row in rows), key=lambda row: len(row.ids))[-rows_per_run:]
    tokens = len(longest[-1].ids) * rows_per_run
    size = min(len(runs), max(1, _BUSY_TOKENS[passes.device] // tokens))
    if passes.device == "cuda" and size > 1:
        size = min(size, max(1, int(_SHARE * _free_bytes() / _bytes_per_run(passes, longest))))
    return size


def _free_bytes() -> int:
    free: int = torch.cuda.mem_get_info()[0]
    return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()


def _bytes_per_run(passes: Passes, longest: Sequence[Row]) -> int:
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    adapters = passes.adapters
    stack = Stack(adapters, adapters.initial(0).to(passes.device)[None], trained=True)
    passes.gradients(stack, [longest], [0])
    kept = _COPIES * adapters.num_parameters * adapters.dtype.itemsize
    peak: int = torch.cuda.max_memory_allocated()
    return peak - before + kept
