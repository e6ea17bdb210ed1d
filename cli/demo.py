"""`sdc demo`: its flags."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render, reported
from sdc.cli.help import INPUT, MODEL, OUTPUT
from sdc.pipelines import cells, presets, report
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.report import ReportConfig, formats
from sdc.pipelines.report.points import Point
from sdc.pipelines.run import demo as chain
from sdc.pipelines.run import demo_words
from sdc.pipelines.run.demo import DemoConfig

_COLUMNS = ("method", "source", "rows", "shots", "mean ± std", "vs generator")
_STORE = Path(".sdc-demo/store.duckdb")


def demo(
    lang: Annotated[
        str,
        typer.Option(
            "--lang", "-l", metavar="TAG", help="te, sw or en; others need data in the store.", rich_help_panel=INPUT
        ),
    ] = "te",
    task: Annotated[
        str,
        typer.Option(
            "--task",
            "-t",
            metavar="TASK",
            help="intent or topic; others need data in the store.",
            rich_help_panel=INPUT,
        ),
    ] = "intent",
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="Generator: an alias, a hub id or a folder.", rich_help_panel=MODEL)
    ] = models.TEACHER,
    student: Annotated[
        str, typer.Option(metavar="MODEL", help="Small model to fine-tune and prompt.", rich_help_panel=MODEL)
    ] = models.STUDENT,
    quota: Annotated[int, typer.Option(min=1, max=1_000_000, help="Synthetic texts per label.")] = DemoConfig.quota,
    num_seeds: Annotated[
        int, typer.Option(min=1, help="Human examples per label; students see no others.", rich_help_panel=INPUT)
    ] = DemoConfig.num_seeds,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", help=f"The store file. Default: {_STORE}, apart from your own work.", rich_help_panel=OUTPUT
        ),
    ] = None,
    preset: options.PresetOption = presets.DEFAULT,
    seed: options.SeedOption = 1337,
    output: reported.FormatOption = "table",
    as_json: options.JsonOption = False,
) -> None:
    """Run the whole chain on a small example, from human examples to a report; run again, it goes on.

    Examples:
        sdc demo
        sdc demo --lang te --task topic --model llama-3.1-8b
    """
    output = reported.format_of(output, None, as_json=as_json)
    path = store or _STORE
    context = options.context(path)
    cell = cells.expand(context.store, [lang], [task])[0]
    config = DemoConfig(model=model, student=student, quota=quota, num_seeds=num_seeds, preset=preset, seed=seed)
    outcomes = chain.run(context, config, cell)
    evals = context.store.resolve_many([outcome.key for outcome in outcomes])
    rows = report.run(context, ReportConfig(), evals=evals)
    if output == "table":
        _show(cell, rows)
    else:
        reported.show_rows(rows, output)
    render.note(f"It is kept; all of it: sdc report --store {path}")


def _show(cell: Cell, rows: Sequence[Point]) -> None:
    """Draws what fits 80 columns, and says what it means."""
    table = formats.narrow(formats.for_people(rows, aggregated=False), _COLUMNS)
    title = f"{cell}, {table.title}"
    render.table(table.columns, table.rows, title=title, spare=table.spare, meanings=table.meanings)
    for sentence in demo_words.sentences(rows):
        for line in textwrap.wrap(sentence.replace(" %", "\u00a0%"), 80):  # which is no place to break a line at
            render.note(line.replace("\u00a0", " "))
