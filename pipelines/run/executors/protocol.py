"""What an executor is, and what it says becomes of a job.

An executor asks for jobs as it has room for them, and says what becomes of each. It keeps nothing: the driver alone
commits. Here: the protocol. Not here: what is done about a lost batch (`driver.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdc.errors import EngineError, SdcError, first_line
from sdc.pipelines.progress import Step
from sdc.pipelines.run.batches import Job
from sdc.pipelines.stage import Made


@dataclass(frozen=True, kw_only=True)
class RunsEnded:
    """Runs of a job, which are kept all or none."""

    job: Job
    made: Sequence[Made]


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """A job that is through."""

    job: Job
    worker: str


@dataclass(frozen=True, kw_only=True)
class JobLost:
    """A job whose worker is gone before it was through.

    Args:
        job: The job.
        worker: Who had it.
        how: What is known: `signal 9`, `exit code 1`.
        is_place: Whether the whole machine is gone, with all that worked there: that says nothing of the job.
    """

    job: Job
    worker: str
    how: str
    is_place: bool = False


@dataclass(frozen=True, kw_only=True)
class JobFailed:
    """A job that ended in an error, which another worker would meet as well."""

    job: Job
    worker: str
    error: SdcError


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """What a worker says meanwhile."""

    job: Job
    step: Step


Event = RunsEnded | JobEnded | JobLost | JobFailed | JobProgress


def broke(error: Exception, job: Job) -> EngineError:
    """Returns what a worker says of a bug; the other jobs go on."""
    what = f"a worker broke ({type(error).__name__}: {first_line(error)})"
    return EngineError(what, job.name, "this is a bug: its traceback stands above")


class Executor(Protocol):
    """Workers on one machine or many."""

    #: How many work at once, where that is known.
    num_workers: int

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        """Yields what becomes of jobs, until none is left.

        Args:
            take: Returns the next job, which is begun at once; None while there is none. A lost job may come again, so
                it is asked once more after every event.
        """
        ...

    def close(self) -> None:
        """Ends all workers, whatever they do."""
        ...
