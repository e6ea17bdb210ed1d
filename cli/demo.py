"""`sdc demo`: its flags."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render
from sdc.cli.report import report as show_report
from sdc.pipelines import cells, presets
from sdc.pipelines.engines import models
from sdc.pipelines.run import demo as chain
from sdc.pipelines.run.demo import DemoConfig

_STORE = Path(".sdc-demo/store.duckdb")


def demo(
    lang: Annotated[str, typer.Option("--lang", "-l", help="te, sw or en; others need data in the store.")] = "te",
    task: Annotated[
        str, typer.Option("--task", "-t", help="intent or topic; others need data in the store.")
    ] = "intent",
    model: Annotated[str, typer.Option(help="Generator: an alias, a hub id or a folder.")] = models.TEACHER,
    student: Annotated[str, typer.Option(help="Small model to fine-tune and prompt.")] = models.STUDENT,
    quota: Annotated[int, typer.Option(min=1, max=1_000_000, help="Synthetic texts per label.")] = DemoConfig.quota,
    store: Annotated[
        Path | None, typer.Option("--store", help=f"The store file. Default: {_STORE}, apart from your own work.")
    ] = None,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    output: Annotated[str, typer.Option("--format", help="Of the report: table, md, csv, json or latex.")] = "table",
) -> None:
    """Run the whole chain on a small example, from human examples to a report; run again, it goes on."""
    path = store or _STORE
    context = options.context(path)
    cell = cells.expand(context.store, [lang], [task])[0]
    if model == models.TEACHER or student == models.STUDENT:
        render.note("The bundled pocket models are for trying and testing; real work names a real --model.")
    config = DemoConfig(model=model, student=student, quota=quota, preset=preset, seed=seed)
    outcomes = chain.run(context, config, cell)
    show_report(keys=[outcome.key for outcome in outcomes], output=output, store=path)
    render.note(f"Everything is in {path}; look with: sdc store ls --store {path}")
