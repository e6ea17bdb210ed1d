"""What the commands of `sdc report` have in common: keys, cells or an experiment by the same flags, how they print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cache.store import Artifact
from sdc.cli import options, render
from sdc.cli.help import INPUT, OUTPUT
from sdc.errors import DataError, UsageError, one_of
from sdc.pipelines import cells
from sdc.pipelines import report as stage
from sdc.pipelines.records import lineage, runs
from sdc.pipelines.report import formats
from sdc.pipelines.report.points import Point
from sdc.pipelines.stage import Context

ExperimentOption = Annotated[
    str | None,
    typer.Option(
        "--experiment",
        metavar="FILE",
        help="Only the runs of an experiment, as `sdc run` plans them.",
        rich_help_panel=INPUT,
    ),
]

FormatOption = Annotated[
    str,
    typer.Option("--format", metavar="FORM", help="table, md, csv, json, jsonl or latex.", rich_help_panel=OUTPUT),
]
GeneratorOption = Annotated[
    str | None,
    typer.Option(
        "--generator", metavar="MODEL", help="Whom to compare with. Default: the one that wrote the synthetic rows."
    ),
]
SiteOption = Annotated[
    str | None, typer.Option("--on", metavar="SITE", help="Whose price per hour and kg CO2e per kWh count.")
]


def check_format(output: str, *, as_json: bool = False) -> str:
    """Returns the format that --format, or --json in its place, means.

    Raises:
        UsageError: There is no such format.
    """
    if output not in stage.FORMATS:
        raise UsageError(f"unknown format {output!r}", "--format", one_of(output, stage.FORMATS))
    return "jsonl" if as_json else output


def find(
    store: Path | None,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
    experiment: str | None,
    *,
    everything: bool = False,
) -> stage.Found:
    """Returns the points that the flags of a command mean.

    Raises:
        DataError: There is nothing to report.
    """
    context = options.context(store)
    evals, wanted = asked(context, None, langs, tasks, experiment)
    return stage.find(context, stage.ReportConfig(everything=everything), evals=evals, wanted=wanted)


def show(table: formats.Table, output: str, *, csv_safe: bool = False) -> None:
    """Writes a table to stdout, as --format says."""
    if output == "table":
        render.table(table.columns, table.rows, title=table.title, spare=table.spare)
    elif output in stage.FOR_PROGRAMS:
        write([dict(zip(table.columns, row, strict=True)) for row in table.rows], output, csv_safe=csv_safe)
    else:
        text = formats.markdown(table) if output == "md" else formats.latex(table)
        render.data(text)


def show_rows(rows: Sequence[Point], output: str, *, aggregated: bool = False, csv_safe: bool = False) -> None:
    """Writes a report to stdout, as --format says: every column for programs, those that differ for people."""
    if output in stage.FOR_PROGRAMS:
        write(formats.records(rows), output, csv_safe=csv_safe)
    else:
        show(formats.for_people(rows, aggregated=aggregated), output, csv_safe=csv_safe)


def write(records: Sequence[Mapping[str, Any]], output: str, *, csv_safe: bool = False) -> None:
    """Writes records to stdout: as CSV, as a JSON list, or as a JSON object a line."""
    if output == "jsonl":
        render.records(records)
    else:
        render.data(formats.as_csv(records, safe=csv_safe) if output == "csv" else formats.as_json(records))


def asked(
    context: Context,
    keys: Sequence[str] | None,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
    experiment: str | None,
) -> tuple[list[Artifact], list[tuple[str, str]] | None]:
    """Returns the evals that are asked for (none: all that count), and the (lang, task) pairs; None means all.

    Raises:
        UsageError: A key is no eval, or of no cell that is asked for.
        DataError: The experiment has no evaluated run.
        StoreError: There is no store, or a key is stale.
    """
    context.store.must_exist()
    given = options.keys(keys) if keys else of_experiment(context, experiment) if experiment else []
    evals = context.store.resolve_many(given, stages=("eval",)) if given else []
    lineage.refuse_stale(context, evals)
    wanted = cells_of(context, evals, langs, tasks)
    if wanted is not None:
        evals = [e for e in evals if (e.lang, e.task) in wanted]
    return evals, wanted


def is_experiment(name: str) -> bool:
    """Returns whether a name is that of a bundled experiment, or of a file of one."""
    from sdc.pipelines.run.file import bundled

    return name.endswith(".toml") or name in bundled()


def of_experiment(context: Context, file: str) -> list[str]:
    """Returns the keys of the evaluations of an experiment.

    Raises:
        DataError: There are none.
    """
    from sdc.pipelines import run as experiments
    from sdc.pipelines.run.file import load

    found = experiments.evaluations(context, experiments.look(context, load(file)))
    if not found:
        raise DataError(f"no run of {file} is evaluated", str(context.store.path), f"run `sdc run {file}`")
    return found


def cells_of(
    context: Context, evals: Sequence[Artifact], langs: Sequence[str] | None, tasks: Sequence[str] | None
) -> list[tuple[str, str]] | None:
    """Returns the (lang, task) pairs that --lang and --task mean; the flag that is missing means all in the store."""
    if not langs and not tasks:
        return None
    context.store.must_exist()
    there = runs.cells_with_runs(context.store)
    if not there:
        return []
    asked = cells.expand(
        context.store,
        langs or sorted({lang for lang, _ in there}),
        tasks or sorted({task for _, task in there}),
    )
    found = [(cell.lang, cell.task.name) for cell in asked]
    found = [pair for pair, cell in zip(found, asked, strict=True) if not cell.of_all or pair in there]
    if evals and not {(e.lang, e.task) for e in evals} & set(found):
        raise UsageError("none of the keys is of that language and task", fix="leave out --lang and --task")
    return found
