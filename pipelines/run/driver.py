"""The driver of an experiment: it alone has the store. It hands out batches, keeps what comes back, and tries again.

Here: commits, evaluations, lost batches, stop rules. Not here: who works (`executors/`), which runs there are
(`plan.py`).
"""

import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sdc.cache import freshness
from sdc.errors import SdcError
from sdc.pipelines import eval as evaluation
from sdc.pipelines import stage
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.icl import computing as icl_computing
from sdc.pipelines.icl.computing import IclRun
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.progress import Step
from sdc.pipelines.records import runs
from sdc.pipelines.run import stops
from sdc.pipelines.run.batches import Job, RunBatch, job
from sdc.pipelines.run.executors.protocol import Event, Executor, JobEnded, JobFailed, JobLost, JobProgress, RunsEnded
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan, cell_of
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.train import computing as train_computing
from sdc.pipelines.train.computing import Run

#: A batch that was lost so often is cut in halves.
_HALVE_AFTER = 2
#: A run that was alone when its worker died so often is a failed run.
_GIVE_UP_AFTER = 3
#: So many evaluated runs are one commit.
_EVALUATE_AT = 500


@dataclass(kw_only=True)
class Doing:
    """How an experiment goes.

    Args:
        runs: All runs of the plan.
        there: Of them, those that the store had.
        num_made: How many were made now, failed ones among them.
        num_spared: Repeats of points whose interval was narrow enough.
        failed: Of those made now, failed ones.
        errors: What ended batches: name of the batch and error.
        seconds: Work, all workers together.
        stopped: Why it ended before all was there; empty if it did not.
    """

    runs: int
    there: int
    num_made: int = 0
    num_spared: int = 0
    failed: int = 0
    errors: list[tuple[str, SdcError]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""


class Driver:
    """Works through the batches of a plan.

    Args:
        context: Where results are kept; it hears of progress.
        plan: All runs, each known by its key.
        batches: What is to do, in order.
        folder: Takes notes of attempts.
        there: Keys of the runs that the store has.
        site: What an hour of a worker costs.
        overwrite: Runs that are there and to do, as failed ones, give way.
    """

    def __init__(
        self,
        context: Context,
        plan: ExperimentPlan,
        batches: Sequence[RunBatch],
        folder: PlanFolder,
        there: Collection[str],
        *,
        site: Site,
        overwrite: bool = False,
    ) -> None:
        self._overwrite, self._site = overwrite, site
        self._keeper: stage.Keeper | None = None
        self._wave, self._narrow = 0, set[stops.Point]()
        self._context, self._plan, self._folder = context, plan, folder
        self._waiting = deque(batches)
        self._unread = runs.unevaluated(context.store, list(there))  # runs without an evaluation
        self._losses: Counter[tuple[str, tuple[int, ...]]] = Counter()
        self._begun: dict[str, float] = {}
        self._under_way: dict[str, float] = {}  # batch -> how much of its missing runs is done, in runs
        self._made_of = Counter[str]()  # batch -> how many of them came back
        self._dying: set[str] = set()  # batches that ended badly since anything went well
        self._num_new = 0
        self._said: set[str] = set()
        self._missing = {key for batch in batches for key in (batch.keys[position] for position in batch.missing)}
        self.doing = Doing(runs=len(plan.runs), there=len(there))

    def run(self, executor: Executor) -> Doing:
        """Returns how it went; what ended is in the store, whatever stops the rest."""
        seen = freshness.seen(self._context.store, {cell.test.key for cell in self._plan.cells if cell.test})
        try:
            with ExitStack() as closing:
                closing.callback(executor.close)
                keeper = stage.Keeper(self._context, seen=seen, overwrite=self._overwrite)
                self._keeper = closing.enter_context(keeper)
                for event in executor.run(self._take):
                    for together in self._after(event):
                        keeper.take(together)
                    if self._num_new >= _EVALUATE_AT:
                        self.evaluate()
        finally:
            self.evaluate()
        return self.doing

    def evaluate(self) -> None:
        """Evaluates the runs of the plan that are there and have no evaluation yet."""
        wanted = [run for run in self._plan.runs if run.key in self._unread]
        for start in range(0, len(wanted), _EVALUATE_AT):
            part = wanted[start : start + _EVALUATE_AT]
            there = self._context.store.get_many([run.key for run in part])
            pairs = [(cell_of(self._plan.cells, run), there[run.key]) for run in part if run.key in there]
            evaluation.run(self._context, EvalConfig(), pairs)
            self._unread -= there.keys()
        self._num_new = 0

    # -- what is next ------------------------------------------------------------------------------------------------

    def _take(self) -> Job | None:
        batch = self._next()
        if batch is None:
            return None
        self._begun[batch.id] = time.monotonic()
        attempt = 1 + self._losses[batch.id, batch.missing]
        quiet = replace(self._context, say=self._say_once)  # every batch of a cell would say the same
        return job(quiet, self._plan, batch, attempt=attempt)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._context.say(line)

    def _next(self) -> RunBatch | None:
        stop = self._plan.experiment.stop
        cost = self._context.budget.cost + (self._site.price_per_hour or 0) * self.doing.seconds / 3600
        self.doing.stopped = self.doing.stopped or stops.reached(
            stop, seconds=self.doing.seconds, cost=cost, num_dying=len(self._dying)
        )
        while self._waiting and not self.doing.stopped:
            batch = self._waiting.popleft()
            if stop.half_width is not None and batch.wave > self._wave:
                self._wave = batch.wave
                if self._keeper is not None:
                    self._keeper.flush()
                self.evaluate()
                self._narrow = stops.narrow(self._context.store, self._plan, stop.half_width)
            left = self._without_narrow(batch)
            if left is not None:
                return left
        return None

    def _without_narrow(self, batch: RunBatch) -> RunBatch | None:
        """Returns a batch without repeats of points that are known well enough; None if that is all of it."""
        if not self._narrow:
            return batch
        points = {batch.keys[i]: stops.point_of(self._plan.by_key[batch.keys[i]]) for i in batch.missing}
        spared = {key for key, point in points.items() if point in self._narrow}
        self.doing.num_spared += len(spared)
        return batch.left(spared)

    # -- what became of it -------------------------------------------------------------------------------------------

    def _after(self, event: Event) -> Iterator[stage.Together]:
        """Yields what is to be kept."""
        batch = event.job.batch
        if isinstance(event, RunsEnded):
            for made in event.made:
                self.doing.seconds += made.artifact.seconds or 0
                self.doing.failed += made.artifact.summary.get("status") == "failed"
                self._is_made(made.artifact.key)
            self._made_of[batch.id] += len(event.made)
            self._dying.clear()
            yield event.made
            self._show()
        elif isinstance(event, JobProgress):
            self._under_way[batch.id] = event.step.position * len(batch.missing)
            self._show()
        elif isinstance(event, JobEnded):
            self._is_over(batch)
            self._note(event.job, event.worker, "ended")
        elif isinstance(event, JobFailed):
            self._is_over(batch)
            self._dying.add(batch.id)
            self._note(event.job, event.worker, str(event.error))
            self.doing.errors.append((event.job.name, event.error))
            self._context.say(f"{event.job.name}: {event.error}")
        elif isinstance(event, JobLost):
            self._is_over(batch)
            self._note(event.job, event.worker, event.how)
            yield from self._lost(event, batch)

    def _lost(self, event: JobLost, batch: RunBatch) -> Iterator[stage.Together]:
        left = batch.left({key for key in batch.keys if key not in self._missing})
        if left is None:
            return
        if not event.is_place:
            self._dying.add(batch.id)
        place = (batch.id, left.missing)
        self._losses[place] += 1
        losses = self._losses[place]
        if len(left.missing) == 1 and losses >= _GIVE_UP_AFTER:
            self._dying.discard(batch.id)  # it was that run, not the place
            reason = f"its worker died {losses} times ({event.how})"
            self._context.say(f"{event.job.name}: a run is given up, {reason}")
            key = left.keys[left.missing[0]]
            yield [self._given_up(event.job, key, reason)]
            self.doing.failed += 1
            self._is_made(key)
            return
        self._context.say(f"{event.job.name}: {event.worker} is gone ({event.how}); what is missing is done again")
        if losses >= _HALVE_AFTER and len(left.missing) > 1:
            for half in reversed(left.halves()):
                if len(half.missing) > 1:
                    self._losses[batch.id, half.missing] = _HALVE_AFTER - 1
                self._waiting.appendleft(half)
        else:
            self._waiting.appendleft(left)

    def _given_up(self, lost: Job, key: str, reason: str) -> stage.Made:
        inputs, config = lost.inputs, lost.config
        (run,) = (run for run in inputs.runs if run.planned.key == key)
        if isinstance(config, IclConfig):
            assert isinstance(run, IclRun)
            return icl_computing.given_up(config, lost.cell, run, reason, model=self._context.model(config.model).name)
        assert isinstance(run, Run)
        student = config.student.build(self._context, lost.cell.task)
        return train_computing.given_up(lost.cell, student, run, reason, num_test=len(inputs.tests))

    def _is_made(self, key: str) -> None:
        self.doing.num_made += key in self._missing
        self._missing.discard(key)
        self._unread.add(key)
        self._num_new += 1

    def _note(self, of: Job, worker: str, how: str) -> None:
        begun = self._begun.get(of.batch.id)
        self._folder.note(
            batch=of.batch.id,
            name=of.name,
            attempt=of.attempt,
            worker=worker,
            runs=len(of.batch.missing),
            seconds=None if begun is None else round(time.monotonic() - begun, 1),
            how=how,
        )

    def _is_over(self, batch: RunBatch) -> None:
        self._under_way.pop(batch.id, None)
        del self._made_of[batch.id]

    def _show(self) -> None:
        doing = self.doing
        under_way = sum(max(0.0, done - self._made_of[batch]) for batch, done in self._under_way.items())
        done = doing.runs - len(self._missing) + under_way
        what = f"run {self._plan.experiment.name}"
        self._context.progress(Step(what=what, done=done, total=doing.runs, unit="run", found=doing.there))
