"""ray: actors on the machines of a Ray cluster, each for the jobs of one model.

An actor that is lost is not started again by Ray, which would do again what it had given already: its job is lost, and
another actor that answers gets what is missing. Here: handing out jobs, noticing that an actor is gone. Not here: the
cluster (`ray_cluster.py`), what a worker does (`batches.work`).
"""

import atexit
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sdc import __version__
from sdc.cache import scratch
from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, first_line
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.run.batches import Job, work
from sdc.pipelines.run.executors.local import compact
from sdc.pipelines.run.executors.protocol import Event, JobEnded, JobFailed, JobLost, RunsEnded, broke
from sdc.pipelines.run.executors.ray_cluster import RayCluster
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.tracking import Tracker

#: Actors that are gone before they answer, one after another: the next ones will be, too.
_FALSE_STARTS = 3
#: How often it is looked whether the cluster is still there, in seconds.
_LOOK_EVERY_S = 15.0
#: How long an actor may wait for a place in the cluster until that is said, and until all is given up, in seconds.
_SAY_AFTER_S, _GIVE_UP_AFTER_S = 60.0, 3600.0


@dataclass(kw_only=True)
class _Actor:
    """One worker.

    Args:
        name: What people call it.
        handle: What Ray calls it.
        worker_class: Of the jobs that it gets.
        job: What it works on.
        awaited: What it gives next: whether it is there, or what it makes of its job.
        is_there: Whether it has answered since it got its job.
        since: When it got its job.
        is_late: Whether it was said that it waits.
    """

    name: str
    handle: Any
    worker_class: str
    job: Job | None = None
    awaited: Any = None
    is_there: bool = False
    since: float = 0.0
    is_late: bool = False


class RayExecutor:
    """Actors of a Ray cluster.

    Args:
        context: Engines are run as it says; it hears what is slow. Actors do not know its store.
        site: Where the cluster is, how many workers, their GPUs.

    Raises:
        UsageError: The address is of a kind that jobs cannot be given to.
        EngineError: Ray is not installed, or the cluster cannot be reached or started.
    """

    def __init__(self, context: Context, site: Site) -> None:
        self._context, self._site = context, site
        self._cluster = RayCluster(site)
        self._ray = self._cluster.ray
        have = self._ray.cluster_resources()
        self._has_gpus = have.get("GPU", 0) > 0
        share = site.gpus_per_worker
        room = have.get("GPU", 0) * int(1 / share) if share < 1 else have.get("GPU", 0) / share
        cores = have.get("CPU", 1)  # each takes one
        self.num_workers = site.workers or max(1, int(min(room, cores) if self._has_gpus else cores))
        self._class = self._ray.remote(RayWorker)
        self._actors: list[_Actor] = []
        self._started = self._false_starts = 0
        self._heard_at = self._looked_at = time.monotonic()

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        """Yields what becomes of jobs; see `Executor`.

        Raises:
            EngineError: The cluster is gone, gives no worker, or one with another sdc.
        """
        while True:
            self._hand_out(take)
            if not self._actors:
                return
            awaited = [actor.awaited for actor in self._actors]
            ready, _ = self._ray.wait(awaited, num_returns=1, timeout=_LOOK_EVERY_S, fetch_local=False)
            if ready:  # all that are, so that none waits behind the others
                ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0, fetch_local=False)
                self._heard_at = time.monotonic()
            for actor in [actor for actor in self._actors if actor.awaited in ready]:
                yield from self._heard(actor)
            if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
                self._look()

    def close(self) -> None:
        """Ends all workers at once, and a cluster that was started for them."""
        for actor in list(self._actors):
            self._drop(actor)
        self._cluster.close()

    def _hand_out(self, take: Callable[[], Job | None]) -> None:
        """Gives jobs out while there is room; lets actors go that have none, so that the cluster can shrink."""
        while (idle := [actor for actor in self._actors if actor.job is None]) or len(self._actors) < self.num_workers:
            job = take()
            alike = [actor for actor in idle if job is not None and actor.worker_class == job.worker_class]
            if job is None or (not alike and len(self._actors) >= self.num_workers):
                for actor in idle if job is None else idle[:1]:
                    self._let_go(actor)
            if job is None:
                return
            self._begin(alike[0] if alike else self._start(job), job)

    def _start(self, job: Job) -> _Actor:
        gpus = self._site.gpus_per_worker if job.uses_gpu and self._has_gpus else 0
        handle = self._class.options(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0).remote()
        actor = _Actor(name=f"worker {self._started}", handle=handle, worker_class=job.worker_class)
        self._started += 1
        self._actors.append(actor)
        return actor

    def _begin(self, actor: _Actor, job: Job) -> None:
        """Asks an actor whether it is there; it gets the job when it says so."""
        actor.job, actor.is_there, actor.since = job, False, time.monotonic()
        actor.awaited = actor.handle.hello.remote()

    def _heard(self, actor: _Actor) -> Iterator[Event]:
        job = actor.job
        assert job is not None
        try:
            if not actor.is_there:
                self._greet(actor, self._ray.get(actor.awaited))
                work_on = actor.handle.work.options(num_returns="streaming")
                actor.awaited = work_on.remote(job, self._context.engine, self._context.budget, self._context.track)
                return
            kind, content = self._ray.get(next(actor.awaited))
        except self._ray.exceptions.RayTaskError as error:  # the job did not even reach it
            said = broke(error.cause, job), str(error).splitlines()
            yield from self._said(actor, job, "failed", said)
        except self._ray.exceptions.RayError as error:
            yield from self._gone(actor, job, error)
        else:
            yield from self._said(actor, job, kind, content)

    def _said(self, actor: _Actor, job: Job, kind: str, content: Any) -> Iterator[Event]:
        if kind == "made":
            yield RunsEnded(job=job, made=content)
        elif kind == "spent":
            self._context.budget.add(*content)
        elif kind == "ended":
            actor.job = None
            yield JobEnded(job=job, worker=actor.name)
        else:
            actor.job = None
            error, lines = content
            for line in lines:
                self._context.say(line)
            yield JobFailed(job=job, worker=actor.name, error=error)

    def _greet(self, actor: _Actor, about: Mapping[str, str]) -> None:
        if about["sdc"] != __version__:
            what = f"the worker on {about['host']} has sdc {about['sdc']}, and this is sdc {__version__}"
            raise EngineError(what, f"site {self._site.name}", "use one sdc on every machine")
        actor.is_there, actor.name = True, f"{actor.name.partition(' on ')[0]} on {about['host']}"
        self._false_starts = 0

    def _gone(self, actor: _Actor, job: Job, error: Exception) -> Iterator[Event]:
        how, is_place = _how(error)
        self._drop(actor)
        if actor.is_there:
            yield JobLost(job=job, worker=actor.name, how=how, is_place=is_place)
            return
        self._false_starts += not is_place
        if self._false_starts >= _FALSE_STARTS:
            fix = "install the same sdc and Ray on every machine, or see Ray's logs there"
            raise EngineError(f"no worker starts ({how})", f"site {self._site.name}", fix)
        self._begin(self._start(job), job)

    def _look(self) -> None:
        """Says which actors wait long for a place.

        Raises:
            EngineError: The cluster is gone, or gives no place.
        """
        self._cluster.check()
        self._looked_at = time.monotonic()
        waiting = [actor for actor in self._actors if not actor.is_there]
        for actor in waiting:
            if not actor.is_late and time.monotonic() - actor.since >= _SAY_AFTER_S:
                actor.is_late = True
                self._context.say(f"{actor.name} ({actor.worker_class}) waits for a place in the cluster")
        if len(waiting) == len(self._actors) and time.monotonic() - self._heard_at >= _GIVE_UP_AFTER_S:
            what = f"the cluster has given no worker for {_GIVE_UP_AFTER_S / 60:.0f} minutes"
            raise EngineError(what, f"site {self._site.name}", "see `ray status`, and gpus_per_worker of the site")

    def _let_go(self, actor: _Actor) -> None:
        """Lets an actor end that has nothing to do."""
        self._actors.remove(actor)
        actor.handle.__ray_terminate__.remote()

    def _drop(self, actor: _Actor) -> None:
        """Ends an actor, whatever it does."""
        self._actors.remove(actor)
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(actor.handle)


def _how(error: Exception) -> tuple[str, bool]:
    """Returns how an actor ended, from what Ray says in many lines, and whether its machine is what is gone.

    Ray knows of a process that ended within a second, and of a machine after some: until then it is not available.
    """
    text = str(error)
    if type(error).__name__ in ("ActorUnavailableError", "NodeDiedError") or "its node has died" in text:
        return "its machine is gone", True
    if type(error).__name__ == "OutOfMemoryError":
        return "its machine ran out of memory", False
    reasons = [line for line in text.splitlines() if "Error: " in line]
    return (first_line(reasons[-1]) if "creation task" in text and reasons else "its process is gone"), False


# -- in the worker -------------------------------------------------------------------------------------------------


class RayWorker:
    """Works on jobs in a process of the cluster; what it looks up it keeps in a folder of its own."""

    def hello(self) -> dict[str, str]:
        """Returns who answers."""
        return {"sdc": __version__, "host": os.uname().nodename}

    def work(
        self, job: Job, engine: EngineOptions, budget: Budget, track: Tracker | None = None
    ) -> Iterator[tuple[str, Any]]:
        """Yields what becomes of a job, as the driver reads it: runs as they end, what asking cost, the end."""
        spent = budget.spent
        for message in self._messages(replace(self._context, engine=engine, budget=budget, track=track), job):
            if budget.spent != spent:
                yield "spent", budget.since(spent)
                spent = budget.spent
            yield message

    def _messages(self, context: Context, job: Job) -> Iterator[tuple[str, Any]]:
        try:
            for together in work(context, job):
                yield "made", [compact(made) for made in together]
            yield "ended", None
        except SdcError as error:
            yield "failed", (error, [])
        except Exception as error:  # noqa: BLE001 (a bug; the other jobs go on)
            yield "failed", (broke(error, job), traceback.format_exc().splitlines())

    @cached_property
    def _context(self) -> Context:
        until_the_end = ExitStack()
        atexit.register(until_the_end.close)
        folder = until_the_end.enter_context(scratch.folder("worker"))
        return Context(store=Store(folder / "store.duckdb"))
