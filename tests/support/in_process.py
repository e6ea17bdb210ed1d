"""An executor that works in the process of the test: a worker of its own spends seconds on imports.

Here: for what is not about workers. Not here: those (`pipelines/run/test_local.py`, `test_driver.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from sdc.errors import SdcError
from sdc.pipelines.progress import silent
from sdc.pipelines.run.batches import Job, work
from sdc.pipelines.run.executors.local import compact
from sdc.pipelines.run.executors.protocol import Event, JobEnded, JobFailed, RunsEnded
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


class InProcess:
    """Works on one job after the other; see `Executor`."""

    num_workers = 1

    def __init__(self, context: Context, site: Site) -> None:
        self._context = replace(context, progress=silent)

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        """Yields what becomes of jobs."""
        while (job := take()) is not None:
            try:
                for together in work(self._context, job):
                    yield RunsEnded(job=job, made=[compact(one) for one in together])
            except SdcError as error:
                yield JobFailed(job=job, worker="this process", error=error)
            else:
                yield JobEnded(job=job, worker="this process")

    def close(self) -> None:
        """Nobody works any more."""
