"""What the elements of a job array have made, taken over into the store of the experiment and evaluated there.

Here: merging, and what the experiment comes to by it. Not here: submitting (`submitting.py`), single parts
(`parts.py`).
"""

from collections import Counter

from sdc.cache.counted import counted
from sdc.errors import SdcError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.run import stops
from sdc.pipelines.run.array import parts, slurm
from sdc.pipelines.run.driver import Doing, Driver
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


def collect(context: Context, experiment: Experiment) -> experiments.ExperimentEnded:
    """Takes over what the elements have made so far, and evaluates what is not evaluated.

    Raises:
        UsageError: No element has begun.
        StoreError: A part cannot be read, or is of another plan; the others are taken over all the same.
    """
    plan = experiments.look(context, experiment)
    folder = PlanFolder(context.store, plan.digest)
    if not parts.all_of(folder):
        fix = "give the flags that it was submitted with; `sdc run FILE --on SITE` submits it"
        raise UsageError("there is nothing to collect", str(folder.parts), fix)
    before = set(plan.there(context.store))
    problems = collected(context, plan, folder)
    if problems:
        raise problems[0]
    return ended(context, plan, folder, before)


def collected(context: Context, plan: ExperimentPlan, folder: PlanFolder) -> list[SdcError]:
    """Merges all parts and evaluates; returns what was wrong with parts, each of which was said."""
    problems = parts.taken_over(context, folder, plan)
    if parts.all_of(folder):
        done = experiments.done(context, plan, retry_failed=False)
        Driver(context, plan, [], folder, done, site=Site()).evaluate()
    return problems


def ended(context: Context, plan: ExperimentPlan, folder: PlanFolder, before: set[str]) -> experiments.ExperimentEnded:
    """Returns what an experiment came to, where `before` are the keys of the runs that were there before."""
    there = plan.there(context.store)
    new = {key: about for key, about in there.items() if key not in before}
    failed = sum(about.get("status") == "failed" for about in new.values())
    num_spared = len(spared(context, plan) - there.keys())
    doing = Doing(
        runs=len(plan.runs), there=len(there) - len(new), num_made=len(new), num_spared=num_spared, failed=failed
    )
    found = experiments.ExperimentEnded(plan=plan, doing=doing, folder=folder)
    if found.num_missing:
        _say_fates(context, folder)
    return found


def spared(context: Context, plan: ExperimentPlan) -> set[str]:
    """Returns the runs of points whose interval is narrow enough."""
    half_width = plan.experiment.stop.half_width
    if half_width is None or not context.store.exists():
        return set()
    narrow = stops.narrow(context.store, plan, half_width)
    return {run.key for run in plan.runs if stops.point_of(run) in narrow}


def _say_fates(context: Context, folder: PlanFolder) -> None:
    """Says how those elements are that have not made all of their runs."""
    known = slurm.fates(folder.submitted()) if slurm.is_here() else {}
    found = Counter(
        known.get(part.element) or part.ended or "at work, or killed"
        for part in parts.all_of(folder)
        if part.ended != parts.WHOLE
    )
    for how, number in found.most_common(5):
        context.say(f"{counted(number, 'element')} with runs missing: {how}; see {folder.path / 'logs'}")
