"""An experiment as a job array, seen from where it is submitted: prepared, submitted, waited for, collected, ended.

Here: the order of things. Not here: what an element does (`element.py`), the script (`script.py`), SLURM's commands
(`slurm.py`), the elements' stores (`parts.py`), what is made of them (`collecting.py`).
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdc.cache.counted import counted
from sdc.errors import EngineError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.openai.secrets import KEYS
from sdc.pipelines.progress import Step
from sdc.pipelines.run import file as files
from sdc.pipelines.run import inputs, stops
from sdc.pipelines.run.array import collecting, parts, slurm
from sdc.pipelines.run.array.script import ArrayScript, engine_flags
from sdc.pipelines.run.array.shares import num_elements, shared
from sdc.pipelines.run.batches import RunBatch, expected_seconds
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.folder import FrozenPlan, PlanFolder, Submitted
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.text import tables

#: What elements have to know of their site.
_OF_SITE = ("workers", "gpus_per_worker", "price_per_hour", "time")
#: The cluster is asked so often where an array is: at first, and at last, in seconds.
_ASK_FIRST_S, _ASK_LAST_S = 2.0, 60.0
#: So many times in a row the cluster may not answer.
_MISSED = 20


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An array that can be submitted.

    Args:
        script: The file.
        chunks: Which elements make one array.
        environment: Values of variables that the script names, beside those of this process.
    """

    script: Path
    chunks: Sequence[slurm.Chunk]
    environment: dict[str, str]

    @property
    def commands(self) -> list[list[str]]:
        """The words that submit it."""
        return [slurm.command(self.script, chunk) for chunk in self.chunks]


@dataclass(frozen=True, kw_only=True)
class ArrayExperiment:
    """An experiment on a site with SLURM.

    Args:
        context: Where results are kept, and how models are run.
        experiment: Which.
        site: Where.
        flags: The words that chose what of the file is run, as `--set`.
        retry_failed: Runs that failed are missing, too.
    """

    context: Context
    experiment: Experiment
    site: Site
    flags: Sequence[str] = ()
    retry_failed: bool = False


def run(array: ArrayExperiment, *, detach: bool) -> experiments.ExperimentEnded:
    """Submits what is missing, waits for it, and collects it; an array that is at work is only waited for.

    Args:
        array: What and where.
        detach: Come back when it is submitted.

    Raises:
        UsageError: A model, a setting or a limit does not fit.
        EngineError: SLURM is not here, does not answer, or refuses it.
        StoreError: The folder of the plan cannot be written.
    """
    slurm.check_here()
    size = slurm.max_array_size()  # whether the cluster answers is known before hours of writing texts
    _check_limits(array)
    plan = experiments.planned(array.context, array.experiment)
    folder = PlanFolder(array.context.store, plan.digest)
    before = set(plan.there(array.context.store))
    with folder.alone(array.context.say):
        if not slurm.live(folder):
            collecting.collected(array.context, plan, folder)
            batches = _batches(array, plan)
            if batches:
                _submit(array, folder, _prepare(array, plan, batches, size))
    if not detach:
        try:
            _wait(array.context, folder, plan)
        except KeyboardInterrupt:
            array.context.say(f"run {plan.experiment.name}: the array goes on; --cancel ends it")
            raise
        collecting.collected(array.context, plan, folder)
    return collecting.ended(array.context, plan, folder, before)


def render(array: ArrayExperiment) -> Prepared | None:
    """Writes all that is needed to submit an experiment, and submits nothing; None if nothing is missing.

    Raises:
        UsageError: A model, a setting or a limit does not fit, or an array is at work on it.
        StoreError: The folder of the plan cannot be written.
    """
    _check_limits(array)
    plan = experiments.planned(array.context, array.experiment)
    folder = PlanFolder(array.context.store, plan.digest)
    size = slurm.MAX_ARRAY_SIZE
    with suppress(EngineError):  # there need be no cluster to look at the script
        size = slurm.max_array_size()
    with folder.alone(array.context.say):
        experiments.refuse_live(folder)
        batches = _batches(array, plan)
        return _prepare(array, plan, batches, size) if batches else None


def _batches(array: ArrayExperiment, plan: ExperimentPlan) -> list[RunBatch]:
    there = experiments.done(array.context, plan, retry_failed=array.retry_failed)
    return experiments.batches_of(array.context, plan, there | collecting.spared(array.context, plan))


def _prepare(
    array: ArrayExperiment, plan: ExperimentPlan, batches: Sequence[RunBatch], max_array_size: int
) -> Prepared:
    """Writes plan, file, seed and script into the folder of the plan."""
    context, site, folder = array.context, array.site, PlanFolder(array.context.store, plan.digest)
    seconds = {batch.id: expected_seconds(plan, batch) for batch in batches}
    # Afterwards what a point lacks is known here alone: who has some of its repeats cannot say that they are enough.
    half_width = None if folder.submitted() else array.experiment.stop.half_width
    elements = num_elements(seconds, site)
    text, where = files.text_of(array.experiment.where)
    file = folder.write(f"{Path(where).stem}.toml", text)
    folder.write("logs/.keep", "")  # SLURM makes no folder for what it writes
    parts.seed(context, plan, folder)
    server = {"SDC_SERVER": context.engine.server} if context.engine.server else {}
    script = ArrayScript(
        name=array.experiment.name,
        file=file,
        folder=folder.path,
        place=Path.cwd(),
        elements=elements,
        site=site,
        flags=[*array.flags, *engine_flags(context.engine), *_others(array)],
        env=[*tables.variables(" ".join([text, *array.flags])), *server, *(KEYS if server else ())],
    )
    path = folder.write("array.sh", script.text())
    frozen = FrozenPlan(
        plan=plan.digest,
        batches=batches,
        shards=shared(batches, seconds, elements, whole_points=half_width is not None),
        cells=inputs.as_frozen(plan.cells),
        lines=sorted({run.line for run in plan.runs}),
        site={name: getattr(site, name) for name in _OF_SITE},
        half_width=half_width,
    )
    folder.freeze(array.experiment.name, frozen)
    chunks = slurm.chunks(elements, at_once=site.max_tasks, max_array_size=max_array_size)
    return Prepared(script=path, chunks=chunks, environment=server)


def _others(array: ArrayExperiment) -> list[str]:
    """Returns the flags that change no plan, for the elements."""
    track = array.context.track
    return [*(["--track", track.name] if track else []), *(["--retry-failed"] if array.retry_failed else [])]


def _submit(array: ArrayExperiment, folder: PlanFolder, prepared: Prepared) -> None:
    before = None
    for chunk in prepared.chunks:
        job = slurm.submit(prepared.script, chunk, after=before, environment=prepared.environment)
        before = job if array.site.max_tasks is not None else None
        folder.note_submitted(Submitted(job=job, first=chunk.first, elements=chunk.elements, site=array.site.name))
        array.context.say(f"submitted array {job}: {counted(chunk.elements, 'element')} on {array.site.name}")


def _check_limits(array: ArrayExperiment) -> None:
    """Raises a UsageError for a limit that elements could not keep to, as none knows of the others."""
    stops.check(array.experiment, array.site)
    budget = array.context.budget
    limited = [name for name in ("max_calls", "max_tokens", "max_cost") if getattr(budget, name) is not None]
    if limited and any(line.method == "icl" for line in array.experiment.lines):
        flag = "--" + limited[0].replace("_", "-")
        raise UsageError(
            "the elements of a job array cannot share a limit on what models are asked", flag, "drop it, or run"
            " the students with `--only students.method=icl` on a site without SLURM"
        )  # fmt: skip


def _wait(context: Context, folder: PlanFolder, plan: ExperimentPlan) -> None:
    """Returns when no element is pending or at work; the cluster is asked at a slow pace."""
    pace, missed, told = _ASK_FIRST_S, 0, Counter[str]()
    total = sum(array.elements for array in folder.submitted())
    while True:
        try:
            found, missed = slurm.live(folder), 0
        except EngineError:  # nobody knows whether they have ended
            missed += 1
            if missed >= _MISSED:
                raise
        else:
            if not found:
                return
            if found != told:
                context.say(f"run {plan.experiment.name}: {slurm.in_words(found)}")
                told = found
            done = max(0, total - sum(found.values()))
            context.progress(Step(what=f"run {plan.experiment.name}", done=done, total=total, unit="element"))
        time.sleep(pace)
        pace = min(_ASK_LAST_S, pace * 1.5)


def cancel(context: Context, experiment: Experiment) -> Sequence[Submitted]:
    """Ends the arrays of an experiment that are at work, and returns them; what elements have made is kept.

    Raises:
        UsageError: Nothing was submitted.
        EngineError: SLURM is not here, or does not answer.
    """
    slurm.check_here()
    plan = experiments.look(context, experiment)
    folder = PlanFolder(context.store, plan.digest)
    arrays = folder.submitted()
    if not arrays:
        fix = "give the flags that it was submitted with"
        raise UsageError("nothing was submitted for this plan", str(folder.path), fix)
    at_work = [array for array in arrays if slurm.states([array])]
    if at_work:
        slurm.cancel(at_work)
    return at_work
