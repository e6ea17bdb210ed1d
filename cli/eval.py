"""`sdc eval`: its flags."""

from typing import Annotated

import typer

from sdc.cli import options, render
from sdc.pipelines import eval as stage
from sdc.pipelines.stage import are_there


def evaluate(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    reader: Annotated[
        str, typer.Option(help="How answers are read: auto (scores, else strict), strict, paper-code or scores.")
    ] = "auto",
    everything: options.AllOption = False,
    store: options.StoreOption = None,
    force: options.ForceOption = False,
    dry_run: options.DryRunOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Read the answers of runs and compute accuracy, macro-F1, intervals, unparsed and majority rates.

    KEYs are runs (of train or icl). Without keys: the runs on the newest samples of --lang and --task, and zero-shot.
    """
    context = options.context(store, force=force)
    config = stage.EvalConfig(reader=reader)
    pairs = []
    for cell, artifact in options.inputs(context, keys, lang, task, stages=("train", "icl")):
        found = [artifact] if artifact else stage.find_runs(context, cell, everything=everything)
        if artifact is None:
            which = "of all samples and tests" if everything else "on the newest samples and zero-shot"
            render.note(f"eval {cell}: {len(found)} runs {which}")
        pairs += [(cell, run) for run in found]
    if dry_run:
        planned = stage.plan(context, config, pairs)
        there = are_there(context, [item.key for item in planned])
        rows = [
            {"key": p.short, "stage": "eval", "cell": f"{p.lang}/{p.task}", "cached": p.key in there} for p in planned
        ]
        render.plan_lines(rows, as_json=as_json)
        return
    outcomes = stage.run(context, config, pairs)
    hits = sum(outcome.hit for outcome in outcomes)
    failed = sum(bool(outcome.summary.get("failed_run")) for outcome in outcomes)
    render.note(
        f"eval: {len(outcomes)} runs, {hits} already there{f', {failed} failed or below chance' if failed else ''}"
    )
    render.emit(outcomes, as_json=as_json)
