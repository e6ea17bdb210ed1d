"""run: a whole experiment, from a TOML file to evaluated runs, on whatever machines there are.

The state of an experiment is the store: what is planned and not there is to do. So it can be stopped at any second.

Here: the order of things. Not here: the file (`experiment.py`), inputs (`inputs.py`), runs (`plan.py`), batches
(`batches.py`), commits (`driver.py`), workers (`executors/`); other chains of stages (`demo.py`, `until_accepted.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sdc.errors import UsageError
from sdc.pipelines.records import runs
from sdc.pipelines.run import inputs, stops
from sdc.pipelines.run import plan as planning
from sdc.pipelines.run.array import parts, slurm
from sdc.pipelines.run.batches import RunBatch, shared_out
from sdc.pipelines.run.driver import Doing, Driver
from sdc.pipelines.run.estimate import Measured, model_names
from sdc.pipelines.run.executors import of_site
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.folder import FrozenPlan, PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan, PlannedRun
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS


@dataclass(frozen=True, kw_only=True)
class ExperimentEnded:
    """What an experiment came to.

    Args:
        plan: What was planned.
        doing: How it went.
        folder: Where plan and attempts stand.
    """

    plan: ExperimentPlan
    doing: Doing
    folder: PlanFolder

    @property
    def num_missing(self) -> int:
        """Runs that are not there yet."""
        return self.doing.runs - self.doing.there - self.doing.num_made - self.doing.num_spared


def look(context: Context, experiment: Experiment) -> ExperimentPlan:
    """Returns the plan as far as it is known without making anything; optional students that cannot be had are out."""
    plan = planning.plan(context, experiment, inputs.there(context, experiment))
    return plan.without([line for line in plan.unknown if experiment.lines[line].is_optional])


def run(context: Context, experiment: Experiment, site: Site, *, retry_failed: bool = False) -> ExperimentEnded:
    """Makes what is missing: data, texts, draws; then the runs, wave by wave; then their evaluations.

    Args:
        context: Where results are kept, and how models are run.
        experiment: Which.
        site: Where batches run.
        retry_failed: Runs that failed are missing, too.

    Raises:
        UsageError: A model or a setting is wrong.
        DataError: A cell has no data.
        EngineError: A model cannot be had, or there are no workers.
    """
    stops.check(experiment, site)
    plan = planned(context, experiment)
    folder = PlanFolder(context.store, plan.digest)
    with folder.alone(context.say):
        there = done(context, plan, retry_failed=retry_failed)
        if len(there) < len(plan.runs):
            refuse_live(folder)
            if parts.all_of(folder):  # of an array that has ended, or was cancelled: what it made is made
                parts.taken_over(context, folder, plan)
                there = done(context, plan, retry_failed=retry_failed)
        batches = batches_of(context, plan, there)
        folder.freeze(experiment.name, FrozenPlan(plan=plan.digest, batches=batches))
    driver = Driver(context, plan, batches, folder, there, site=site, overwrite=retry_failed)
    if batches:
        if context.budget.is_limited and any(line.method == "icl" for line in experiment.lines):
            site = replace(site, workers=1)  # what several ask at once is known to none of them
        driver.run(of_site(context, site))
    else:
        driver.evaluate()
    return ExperimentEnded(plan=plan, doing=driver.doing, folder=folder)


def planned(context: Context, experiment: Experiment) -> ExperimentPlan:
    """Returns the plan with every run known by its key; what runs are made from is made where it is missing.

    Raises:
        UsageError: A model or a setting is wrong.
        DataError: A cell has no data.
        EngineError: A model cannot be had.
    """
    plan = planning.plan(context, experiment, inputs.made(context, experiment))
    lines = experiment.lines
    for line, why in plan.unknown.items():
        if not lines[line].is_optional:
            raise UsageError(why, f"{experiment.name}: {lines[line]}", "see `sdc run FILE --dry-run`")
        context.say(f"{experiment.name}: without {lines[line]}: {why}")
    return plan.without(plan.unknown)


def refuse_live(folder: PlanFolder) -> None:
    """Raises a UsageError where a job array is at work on a plan: everything would be made twice."""
    states = slurm.live(folder)
    if states:
        fix = "`sdc run FILE --on SITE` waits for it, and --cancel ends it"
        raise UsageError(f"a job array is at work on this plan ({slurm.in_words(states)})", str(folder.path), fix)


def evaluations(context: Context, plan: ExperimentPlan) -> list[str]:
    """Returns the keys of the evaluations of a plan's runs, in the order of the runs."""
    found = runs.evaluations(context.store, [run.key for run in plan.runs if run.run is not None])
    return [key for run in plan.runs for key in found.get(run.key, ())]


def done(context: Context, plan: ExperimentPlan, *, retry_failed: bool) -> set[str]:
    """Returns the keys of the runs that need not be made."""
    found = plan.there(context.store)
    context.store.touch(list(found))
    return {key for key, about in found.items() if not retry_failed or about.get("status") != "failed"}


def batches_of(context: Context, plan: ExperimentPlan, there: set[str]) -> list[RunBatch]:
    """Returns what is to do, shared out into batches."""
    lines = plan.experiment.lines
    return shared_out(plan, there, seconds_of(context, plan), pack=lambda line: _pack(lines[line].method))


def seconds_of(context: Context, plan: ExperimentPlan) -> Callable[[PlannedRun], float | None]:
    """Returns what gives the seconds that a run should take; None where none of its kind was measured."""
    measured = Measured(context.store, model_names(context, plan))
    lines = plan.experiment.lines
    return lambda run: measured.seconds(lines[run.line], run.draw.num_rows if run.draw else 0)


def _pack(method: str) -> int:
    return STUDENTS[method].together if method in STUDENTS else 1
