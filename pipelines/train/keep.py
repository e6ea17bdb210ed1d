"""Keeping finished runs: several in one transaction while they are short, a long one at once.

Here: when they are kept. Not here: what a run is (`__init__.py`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sdc.cache import freshness
from sdc.pipelines import stage
from sdc.pipelines.stage import Context, FinishedArtifact

#: Finished runs wait this long for others before they are kept together; a killed process loses no more, in seconds.
_KEEP_EVERY_S = 2.0
#: A run that took longer than this is kept at once, for the next one may take long too, in seconds.
_LONG_RUN_S = 0.5


@contextmanager
def keeping(
    context: Context, *, overwrite: bool, seen: freshness.Seen
) -> Iterator[Callable[[Sequence[FinishedArtifact]], None]]:
    """Gives a function that keeps runs which were fitted together, all or none; short ones wait for others."""
    waiting: list[FinishedArtifact] = []
    since = time.monotonic()

    def flush() -> None:
        nonlocal since
        stage.keep(context, waiting, seen=seen, overwrite=overwrite)
        waiting.clear()
        since = time.monotonic()

    def keep(made: Sequence[FinishedArtifact]) -> None:
        waiting.extend(made)
        longest = max(artifact.seconds or 0 for artifact, _ in made)
        if time.monotonic() - since >= _KEEP_EVERY_S or longest >= _LONG_RUN_S:
            flush()

    try:
        yield keep
    finally:
        flush()
