"""How many threads a model computes with on a CPU.

Threads that wait for each other do so at full speed: what a tiny model computes in a moment then takes as long as the
slowest of them is kept from a core, many times as long where other programs use the cores. Here: which models are tiny,
and the limit while one computes. Not here: training, whose batches are larger.
"""

from collections.abc import Iterator
from contextlib import contextmanager

#: Weights that are computed by one thread: a second one gains next to nothing.
TINY_BYTES = 64 * 2**20


@contextmanager
def suited(num_bytes: int) -> Iterator[None]:
    """Has torch compute with one thread meanwhile, if a model of so many bytes is tiny."""
    import torch

    before = torch.get_num_threads()
    if num_bytes < TINY_BYTES:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
