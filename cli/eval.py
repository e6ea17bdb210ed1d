"""`sdc eval`: its flags."""

from typing import Annotated

import typer

from sdc.cache.counted import counted
from sdc.cli import incomplete, options, render
from sdc.cli.groups import Common, grouped
from sdc.pipelines import eval as stage
from sdc.pipelines import readers
from sdc.pipelines.records import inputs as records
from sdc.pipelines.stage import Outcome


@grouped
def evaluate(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    reader: Annotated[
        str,
        typer.Option(
            metavar="READER", help=f"How answers are read; auto is scores, else strict: {', '.join(readers.NAMES)}."
        ),
    ] = "auto",
    everything: options.AllOption = False,
    *,
    common: Common,
) -> None:
    """Read the answers of runs and compute accuracy, macro-F1, intervals, unparsed and majority rates.

    KEYs are runs (of train or icl). Without keys: the runs on the newest samples, and zero-shot; of all cells, or of
    --lang and --task.

    Examples:
        sdc eval --lang te --task topic
        sdc train --lang te --task topic | sdc eval -
    """
    context = common.context()
    config = stage.EvalConfig(reader=reader)
    runs = records.by_cell(options.inputs(context, keys, lang, task, stages=("train", "icl"), otherwise_all=True))
    outcomes: list[Outcome] = []
    with incomplete.Cells("eval", total=len(runs), as_json=common.as_json) as doing:
        for cell, given in runs:
            with doing.one(cell):
                found = given or stage.find_runs(context, cell, everything=everything)
                if not given:
                    which = "of all samples and tests" if everything else "on the newest samples and zero-shot"
                    render.note(f"eval {cell}: {counted(len(found), 'run')} {which}")
                pairs = [(cell, run) for run in found]
                if common.dry_run:
                    doing.planned.add(stage.dry_run(context, config, pairs))
                    continue
                made = stage.run(context, config, pairs)
                doing.done(made)
                outcomes += made
        hits = sum(outcome.hit for outcome in outcomes)
        failed = sum(bool(outcome.summary.get("failed_run")) for outcome in outcomes)
        lost = f", {failed} failed or below chance" if failed else ""
        if not common.dry_run and outcomes:
            render.note(f"eval: {counted(len(outcomes), 'run')}, {hits} already there{lost}")
