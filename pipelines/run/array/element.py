"""One element of a job array: it works on its share of the batches, and keeps what ends in a store of its own.

Here: which batches, from the frozen plan, and whether this machine plans the same. Not here: the work itself
(`driver.py`), the store that it begins with (`parts.py`).
"""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, StoreError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.run import inputs
from sdc.pipelines.run import plan as planning
from sdc.pipelines.run.array import parts
from sdc.pipelines.run.batches import RunBatch
from sdc.pipelines.run.driver import Doing, Driver
from sdc.pipelines.run.executors.local import LocalExecutor
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.folder import FrozenPlan, PlanFolder, frozen_at
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

#: So many turns may go by without a run that comes to its end.
_FRUITLESS = 3
_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which element it is: number `element` of `elements`, from 1."""

    element: int
    elements: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Returns what K/N means.

        >>> Shard.parse("3/8")
        Shard(element=3, elements=8)

        Raises:
            UsageError: It is none.
        """
        found = _SHARD.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"{text[:80]!r} is no K/N", "--shard", "write 3/8 for the third of eight")
        return cls(element=int(found[1]), elements=int(found[2]))

    def __str__(self) -> str:
        return f"{self.element}/{self.elements}"


@dataclass(frozen=True, kw_only=True)
class ElementEnded:
    """What an element came to.

    Args:
        runs: Of its share.
        there: Those that its store had.
        doing: How it went.
    """

    runs: int
    there: int
    doing: Doing

    @property
    def num_missing(self) -> int:
        """Runs of its share that are not there yet."""
        return self.runs - self.there - self.doing.num_made - self.doing.num_spared


def run(context: Context, experiment: Experiment, shard: Shard, *, retry_failed: bool = False) -> ElementEnded:
    """Makes the runs of one share that its store does not have.

    Args:
        context: Its store is `parts/K.duckdb` in the folder of the plan; it is made from the seed.
        experiment: Which.
        shard: Whose share.
        retry_failed: Runs that failed are missing, too.

    Raises:
        UsageError: Nothing was planned, or something else, or for another number of elements.
        StoreError: The store cannot be written; what is in it is kept.
        EngineError: Turns go by, and no run comes to its end.
    """
    path = context.store.path.parent.parent
    frozen = frozen_at(path)
    if shard.elements != len(frozen.shards):
        what = f"the plan has {len(frozen.shards)} elements, not {shard.elements}"
        raise UsageError(what, f"--shard {shard}", "take the number from plan.json, or submit it again")
    folder = PlanFolder(context.store, frozen.plan, path=path, element=shard.element)
    part = parts.begin(context.store, folder, frozen.plan, shard.element)
    turn = _Turn(context.store, frozen, part.fruitless)
    try:
        turn.refuse_another(shard)
        ended = _worked(context, experiment, folder, frozen, shard, retry_failed=retry_failed)
    except (KeyboardInterrupt, SdcError) as error:
        with suppress(StoreError):
            stopped = isinstance(error, KeyboardInterrupt)
            fruitless = turn.fruitless() if stopped else 0
            parts.end(part, folder, frozen.plan, "stopped" if stopped else str(error), fruitless=fruitless)
        raise
    errors = [str(error) for _, error in ended.doing.errors]
    how = (ended.doing.stopped or "; ".join(errors) or "runs are missing") if ended.num_missing else parts.WHOLE
    parts.end(part, folder, frozen.plan, how)
    return ended


class _Turn:
    """One turn of an element, from its start to its end or to the signal that its time is up."""

    def __init__(self, store: Store, frozen: FrozenPlan, fruitless: int) -> None:
        self._store, self._frozen, self._before = store, frozen, fruitless
        self._begun, self._artifacts = time.monotonic(), self._num()

    def refuse_another(self, shard: Shard) -> None:
        """Raises an EngineError where turns go by and no run comes to its end: the next would be no better."""
        if self._before >= _FRUITLESS:
            what = f"in {self._before} turns of {self._site.time} no run came to its end"
            raise EngineError(what, f"--shard {shard}", "give the site more time, and submit it again")

    def fruitless(self) -> int:
        """Returns how many turns in a row were fruitless; one that was cut short says nothing."""
        if self._num() > self._artifacts:
            return 0
        return self._before + (time.monotonic() - self._begun >= self._site.seconds / 2)

    @property
    def _site(self) -> Site:
        return Site(**self._frozen.site)

    def _num(self) -> int:
        return int(self._store.query("select count(*) from artifacts")[0][0])


def _worked(
    context: Context,
    experiment: Experiment,
    folder: PlanFolder,
    frozen: FrozenPlan,
    shard: Shard,
    *,
    retry_failed: bool,
) -> ElementEnded:
    plan = _planned(context, experiment, frozen)
    batches = frozen.of_shard(shard.element)
    wanted = {batch.keys[position] for batch in batches for position in batch.missing}
    there = wanted & experiments.done(context, plan, retry_failed=retry_failed)
    left = [rest for batch in batches if (rest := batch.left(there)) is not None]
    own = _of(plan, batches, frozen)
    site = Site(**frozen.site)
    driver = Driver(context, own, left, folder, there, site=site, overwrite=retry_failed)
    driver.doing.seconds = sum(run.seconds or 0 for run in context.store.get_many(sorted(there)).values())
    if left:
        driver.run(LocalExecutor(context, site))
    else:
        driver.evaluate()
    return ElementEnded(runs=len(wanted), there=len(there), doing=driver.doing)


def _planned(context: Context, experiment: Experiment, frozen: FrozenPlan) -> ExperimentPlan:
    """Returns the plan as this machine makes it, which must be the frozen one."""
    plan = planning.plan(context, experiment, inputs.frozen(context, experiment, frozen.cells))
    plan = plan.without(set(range(len(experiment.lines))) - set(frozen.lines))
    for line, why in plan.unknown.items():
        raise UsageError(why, f"{experiment.name}: {experiment.lines[line]}", "elements need the models, too")
    if plan.digest != frozen.plan:
        what = f"this machine plans other runs ({plan.digest[:12]} instead of {frozen.plan[:12]})"
        fix = "use the file, the flags, the sdc and the models that it was planned with"
        raise UsageError(what, str(experiment.where), fix)
    return plan


def _of(plan: ExperimentPlan, batches: Sequence[RunBatch], frozen: FrozenPlan) -> ExperimentPlan:
    """Returns the plan of some batches alone, with the part of the limits that each of the elements has."""
    keys = {key for batch in batches for key in batch.keys}
    stop, num = plan.experiment.stop, len(frozen.shards)
    stop = replace(
        stop,
        hours=None if stop.hours is None else stop.hours / num,
        cost=None if stop.cost is None else stop.cost / num,
        half_width=frozen.half_width,
    )
    experiment = replace(plan.experiment, stop=stop)
    return replace(plan, experiment=experiment, runs=[run for run in plan.runs if run.key in keys])
