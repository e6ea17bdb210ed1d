"""The same numbers each time, as far as torch can give them.

Here: torch's switches while a student is fitted or answers. torch is imported when it is used.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sdc.errors import EngineError


@contextmanager
def reproducible(model: str) -> Iterator[None]:
    """Makes torch choose repeatable algorithms and keeps its global random state; memory that runs out is an error."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; needed for repeatable sums
    import torch

    deterministic: Any = torch.utils.deterministic
    before, warn_only, fill = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        deterministic.fill_uninitialized_memory,
    )
    try:
        deterministic.fill_uninitialized_memory = False  # a help to find bugs in torch; it costs 3 %
        # On a GPU a few backward passes have no repeatable kernel: better a warning than no result.
        torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
        with torch.random.fork_rng():
            yield
    except torch.OutOfMemoryError as error:
        fix = "use a smaller --batch-size or --max-length"
        raise EngineError("the GPU ran out of memory", model, fix) from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        deterministic.fill_uninitialized_memory = fill
