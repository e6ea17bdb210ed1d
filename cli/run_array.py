"""`sdc run` on a site with SLURM, and the flags of its job arrays.

Here: which of them was asked for, and what is said of it. Not here: the other flags (`run.py`), the work
(`pipelines/run/array/`).
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from sdc.cache.counted import counted
from sdc.cli import render
from sdc.pipelines.run import ExperimentEnded, batches_of
from sdc.pipelines.run.array import collecting, stopping
from sdc.pipelines.run.array import element as elements
from sdc.pipelines.run.array import submitting as arrays
from sdc.pipelines.run.array.shares import num_elements
from sdc.pipelines.run.array.submitting import ArrayExperiment
from sdc.pipelines.run.batches import expected_seconds
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

_PANEL = "As a job array of SLURM"


@dataclass(frozen=True, kw_only=True)
class AsArray:
    """What is done of a job array."""

    detach: Annotated[
        bool, typer.Option("--detach", help="Come back when it is submitted.", rich_help_panel=_PANEL)
    ] = False
    render: Annotated[
        bool, typer.Option("--render", help="Write script and plan; submit nothing.", rich_help_panel=_PANEL)
    ] = False
    collect: Annotated[
        bool, typer.Option("--collect", help="Take over what elements have made so far.", rich_help_panel=_PANEL)
    ] = False
    cancel: Annotated[bool, typer.Option("--cancel", help="End the array.", rich_help_panel=_PANEL)] = False
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Be one element: what the script calls.", rich_help_panel=_PANEL),
    ] = None


def submit(array: ArrayExperiment, asked: AsArray) -> ExperimentEnded | None:
    """Returns what an experiment on a site with SLURM came to; None if it was only written."""
    if not asked.render:
        return arrays.run(array, detach=asked.detach)
    prepared = arrays.render(array)
    if prepared is None:
        render.note(f"run {array.experiment.name}: nothing is missing")
        return None
    render.data(f"{prepared.script}\n")
    for words in prepared.commands:
        render.note(f"submit it with: {' '.join(words)}")
    return None


def collect(context: Context, experiment: Experiment) -> ExperimentEnded:
    """Returns what an experiment came to so far."""
    return collecting.collect(context, experiment)


def cancel(context: Context, experiment: Experiment) -> None:
    """Ends the arrays of an experiment."""
    ended = arrays.cancel(context, experiment)
    for array in ended:
        render.note(f"array {array.job} on {array.site} is cancelled; --collect takes over what it has made")
    if not ended:
        render.note(f"run {experiment.name}: no array is at work")


def element(context: Context, experiment: Experiment, text: str, *, retry_failed: bool) -> bool:
    """Works on one share; returns whether all of its runs are there, and says so."""
    shard = elements.Shard.parse(text)
    with stopping.by_signals():
        ended = elements.run(context, experiment, shard, retry_failed=retry_failed)
    failed = f", {counted(ended.doing.failed, 'failed run')}" if ended.doing.failed else ""
    render.note(
        f"run {experiment.name}, element {shard}: {counted(ended.runs, 'run')}, {ended.there} were there,"
        f" {ended.doing.num_made} made{failed}, {ended.num_missing} missing"
    )
    return not ended.num_missing


def say_expected(context: Context, plan: ExperimentPlan, site: Site) -> None:
    """Says how many elements an experiment would have on a site."""
    batches = batches_of(context, plan, set(plan.there(context.store)))
    at_once = "" if site.max_tasks is None else f", at most {site.max_tasks} at once"
    seconds = {batch.id: expected_seconds(plan, batch) for batch in batches}
    elements = counted(num_elements(seconds, site), "element")
    render.note(f"{site.name}: a job array of {elements} of {site.time}{at_once}; --render writes its script")
