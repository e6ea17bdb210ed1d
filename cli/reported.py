"""What the commands of `sdc report` have in common: keys, cells or an experiment by the same flags, how they print."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cache.store import Artifact
from sdc.cli import boundary, options, render
from sdc.cli.help import INPUT, OUTPUT
from sdc.errors import DataError, UsageError, one_of, system_reason
from sdc.pipelines import files
from sdc.pipelines import report as stage
from sdc.pipelines.report import formats, inputs
from sdc.pipelines.report.latex import as_latex
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
    str | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="table, md, csv, json, jsonl or latex. Default: as --out ends, else table.",
        rich_help_panel=OUTPUT,
    ),
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(
        "--reference", metavar="MODEL", help="Whom to compare with. Default: the one that wrote the synthetic rows."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write to this file instead of stdout.", rich_help_panel=OUTPUT),
]
SiteOption = Annotated[
    str | None, typer.Option("--on", metavar="SITE", help="Whose price per hour and kg CO2e per kWh count.")
]


#: How the name of a file ends -> the format that it gets.
_SUFFIXES = {".md": "md", ".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".tex": "latex", ".txt": "table"}


def format_of(output: str | None, out: Path | None, *, as_json: bool) -> str:
    """Returns the format that --json or --format says, else the end of the name of --out; a table where none does.

    Raises:
        UsageError: There is no such format, or nothing can be written there.
    """
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise UsageError("there is no folder for this file, or it is one", str(out), "correct --out")
    found = "jsonl" if as_json else output
    if found is None and out is not None and (found := _SUFFIXES.get(out.suffix.lower())) is None:
        fix = f"add --format, or let it end in {', '.join(_SUFFIXES)}"
        raise UsageError(f"the name does not say a format: {out.name[:80]!r}", "--out", fix)
    if found is not None and found not in stage.FORMATS:
        raise UsageError(f"unknown format {found!r}", "--format", one_of(found, stage.FORMATS))
    return found or "table"


@contextmanager
def into(out: Path | None) -> Iterator[None]:
    """Writes what goes to stdout meanwhile to a file, when all of it is there; to stdout without one."""
    if out is None:
        yield
        return
    with redirect_stdout(StringIO()) as text:
        yield
    save(text.getvalue(), out)


def save(text: str, out: Path) -> None:
    """Writes a text to a file, and says so.

    Raises:
        UsageError: It cannot be written there.
    """
    if files.waits(out):
        raise UsageError("it is a pipe, not a file", str(out), "name another file with --out")
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        if error.errno in boundary.FULL:  # no fault of the file that is named
            raise
        what = f"cannot be written: {system_reason(error)}"
        raise UsageError(what, str(out), "name another file with --out") from error
    render.note(f"Written to {out}")


def find(
    store: Path | None,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
    experiment: str | None,
    *,
    everything: bool = False,
    reference: str | None = None,
) -> stage.Found:
    """Returns the points that the flags of a command mean.

    Raises:
        DataError: There is nothing to report.
    """
    context = options.context(store)
    evals, wanted = asked(context, None, langs, tasks, experiment)
    config = stage.ReportConfig(generator=reference, everything=everything)
    return stage.find(context, config, evals=evals, wanted=wanted)


def show(table: formats.Table, output: str, *, csv_safe: bool = False) -> None:
    """Writes a table to stdout, as --format says."""
    if output == "table":
        render.table(table.columns, table.rows, title=table.title, spare=table.spare, meanings=table.meanings)
    elif output in stage.FOR_PROGRAMS:
        write([dict(zip(table.columns, row, strict=True)) for row in table.rows], output, csv_safe=csv_safe)
    else:
        text = formats.markdown(table) if output == "md" else as_latex(table)
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
    given = options.keys(keys) if keys else []
    context.store.must_exist()
    if experiment and not given:
        given = of_experiment(context, experiment)
    return inputs.of(context, given, langs, tasks)


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
