"""local: processes on this machine, one per GPU, or one per core where there is none.

Here: starting them, handing out jobs, noticing that one is gone. Not here: what a worker does (`batches.work`).
"""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from sdc.errors import SdcError
from sdc.pipelines import cores
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.progress import Step
from sdc.pipelines.run.batches import Job, work
from sdc.pipelines.run.executors.protocol import (
    Event,
    JobEnded,
    JobFailed,
    JobLost,
    JobProgress,
    RunsEnded,
    broke,
)
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context, Made, Together
from sdc.pipelines.tracking import Tracker

#: A worker sends its progress no more often, in seconds.
_TELL_EVERY_S = 0.5


@dataclass(kw_only=True)
class _Worker:
    name: str
    process: Any
    pipe: Connection
    model: str = ""
    job: Job | None = None


class LocalExecutor:
    """Processes of this machine.

    Args:
        context: Its store is where workers look up models; they keep nothing in it. Engines are run as it says.
        site: How many workers; their GPUs.
    """

    def __init__(self, context: Context, site: Site) -> None:
        self._context = context
        self._gpus = _gpus()
        share = site.gpus_per_worker
        slots = [gpu for gpu in self._gpus for _ in range(max(1, round(1 / share)) if share < 1 else 1)]
        if share > 1:
            width = round(share)
            slots = [",".join(self._gpus[i : i + width]) for i in range(0, len(self._gpus) - width + 1, width)]
        usable = cores.usable()
        self.num_workers = site.workers or len(slots) or usable
        self._threads = max(1, usable // self.num_workers)
        self._slots = slots
        self._workers: list[_Worker] = []

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        """Yields what becomes of jobs; see `Executor`."""
        while True:
            while len(self._workers) < self.num_workers or self._idle():
                job = take()
                if job is None:
                    break
                worker = self._worker_for(job)
                worker.job, worker.model = job, job.worker_class
                with suppress(OSError):  # one that is gone is noticed below
                    worker.pipe.send(job)
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            ready = wait([each for worker in busy for each in (worker.pipe, worker.process.sentinel)])
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._heard(worker)
                elif worker.process.sentinel in ready:
                    yield self._lost(worker)

    def close(self) -> None:
        """Ends all workers at once."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _idle(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.job is None]

    def _worker_for(self, job: Job) -> _Worker:
        """Returns who takes a job while not all work: who holds its model, else a new one, else who has another."""
        idle = self._idle()
        alike = [worker for worker in idle if worker.model == job.worker_class]
        if alike:
            return alike[0]
        return self._start() if len(self._workers) < self.num_workers else idle[0]

    def _start(self) -> _Worker:
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe()
        taken = {worker.name for worker in self._workers}
        number = next(n for n in range(self.num_workers) if f"worker {n}" not in taken)
        environment = {"OMP_NUM_THREADS": str(self._threads)}
        if self._slots:
            environment["CUDA_VISIBLE_DEVICES"] = self._slots[number % len(self._slots)]
        context = self._context
        here_is = (context.store.path, context.engine, context.budget, context.track, os.getpid())
        process = spawn.Process(target=_serve, args=(there, environment, *here_is), daemon=True)
        process.start()
        there.close()
        worker = _Worker(name=f"worker {number}", process=process, pipe=here)
        self._workers.append(worker)
        return worker

    def _heard(self, worker: _Worker) -> Iterator[Event]:
        job = worker.job
        assert job is not None
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            yield self._lost(worker)
            return
        if kind == "made":
            yield from (RunsEnded(job=job, made=together) for together in content)
        elif kind == "spent":
            self._context.budget.add(*content)
        elif kind == "progress":
            yield JobProgress(job=job, step=content)
        elif kind == "failed":
            worker.job = None
            yield JobFailed(job=job, worker=worker.name, error=content)
        else:
            worker.job = None
            yield JobEnded(job=job, worker=worker.name)

    def _lost(self, worker: _Worker) -> Event:
        job = worker.job
        assert job is not None
        worker.process.join()
        code = worker.process.exitcode
        worker.pipe.close()
        self._workers.remove(worker)
        return JobLost(job=job, worker=worker.name, how=f"signal {-code}" if code < 0 else f"exit code {code}")


def _gpus() -> list[str]:
    """Returns the names of the GPUs that a process here may use, as CUDA_VISIBLE_DEVICES has them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name and name != "-1"]
    devices = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    return [name.removeprefix("nvidia") for name in devices]


# -- in the worker -------------------------------------------------------------------------------------------------


def _serve(
    pipe: Connection,
    environment: Mapping[str, str],
    store: Path,
    engine: EngineOptions,
    budget: Budget,
    track: Tracker | None,
    parent: int,
) -> None:
    """Works on jobs until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's
    os.environ.update(environment)
    _die_with(parent)
    from sdc.cache.store import Store

    told, spent = 0.0, budget.spent

    def tell(kind: str, content: Any) -> None:
        nonlocal spent
        if budget.spent != spent:
            pipe.send(("spent", budget.since(spent)))
            spent = budget.spent
        pipe.send((kind, content))

    def progress(step: Step) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            tell("progress", step)

    context = Context(store=Store(store), progress=progress, engine=engine, budget=budget, track=track)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            _tell_of(work(context, job), tell)
            tell("ended", None)
        except SdcError as error:
            tell("failed", error)
        except Exception as error:  # noqa: BLE001 (a bug; the other jobs go on)
            traceback.print_exc()
            tell("failed", broke(error, job))


def _tell_of(made: Iterator[Together], tell: Callable[[str, Any], None]) -> None:
    """Tells of runs as they end: at once where they take long, else as often as of progress."""
    ended: list[Together] = []
    since = time.monotonic()
    try:
        for together in made:
            ended.append([compact(one) for one in together])
            if time.monotonic() - since >= _TELL_EVERY_S:
                tell("made", ended)
                ended, since = [], time.monotonic()
    finally:
        if ended:
            tell("made", ended)


def compact(made: Made) -> Made:
    """Returns a run with its rows as Arrow tables, which travel a hundred times faster than lists, but single ones."""
    from sdc.cache import columns

    rows = {
        name: columns.table(each) if isinstance(each, list) and len(each) != 1 else each
        for name, each in made.rows.items()
    }
    return replace(made, rows={name: each for name, each in rows.items() if each is not None})


def _die_with(parent: int) -> None:
    """Has this process end when its parent is gone, also where that was killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
