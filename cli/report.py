"""`sdc report`: its flags, and the commands beside it (`sdc report data`)."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import typer

from sdc.cli import (
    flags,
    incomplete,
    options,
    render,
    report_claims,
    report_costs,
    report_data,
    report_deviations,
    report_figures,
    report_follow,
    report_generators,
    report_page,
    report_statistics,
    reported,
)
from sdc.cli.groups import grouped
from sdc.cli.help import OUTPUT
from sdc.cli.plain import PlainGroup
from sdc.errors import DataError, UsageError
from sdc.pipelines import cells, readers
from sdc.pipelines import report as stage
from sdc.pipelines.report import audit as report_audit
from sdc.pipelines.report import formats, pivot
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.stage import Context
from sdc.pipelines.text import commas


class _KeysOrCommand(PlainGroup):
    """Reads `sdc report data ...` as a command, and whatever begins otherwise as keys and flags of `sdc report`.

    No key can be mistaken for a command: keys are hexadecimal.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the command line; what is left over is the command and its arguments."""
        if args and args[0] in self.commands:
            super().parse_args(ctx, [])
            ctx.args = list(args)
            return args
        options = {option for param in self.get_params(ctx) for option in param.opts}
        for flag in (arg.partition("=")[0] for arg in args):
            if flag.startswith("--") and flag not in options and (name := flag.removeprefix("--")) in self.commands:
                raise UsageError("it is a command, not a flag", flag, f"write `{ctx.command_path} {name} ...`")
        ctx.allow_interspersed_args = True  # flags may follow keys, as in any command that is no group
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was named, else the report itself."""
        with _most_stays():
            if not ctx.args:
                flags.check(ctx)
                return super().invoke(ctx)
            name, *args = ctx.args
            # Not a child of this context: the path of a command would have the group's [KEY]... in it.
            with self.commands[name].make_context(f"{ctx.info_name} {name}", args, parent=ctx.parent) as inner:
                return inner.command.invoke(inner)


@contextmanager
def _most_stays() -> Iterator[None]:
    """Looks for rubbish less often: a report makes half a million objects, and nearly all stay until it is shown."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


app = typer.Typer(cls=_KeysOrCommand, invoke_without_command=True, subcommand_metavar="| COMMAND ...")
app.command("data")(report_data.data)
app.command("claims")(report_claims.claims)
app.command("break-even")(report_statistics.break_even)
app.command("costs")(report_costs.costs)
app.command("deviations")(report_deviations.deviations)
app.command("gap")(report_statistics.gap)
app.command("failed")(report_statistics.failed)
app.command("compare")(report_statistics.compare)
app.command("variance")(report_statistics.variance)
app.command("figures")(report_figures.figures)
app.command("generators")(report_generators.generators)
app.command("page")(report_page.page)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is shown of the results."""

    by: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS", help="Average over cells, keeping these apart: task,lang,group,method,source,size."
        ),
    ] = None
    metric: Annotated[
        str | None, typer.Option(metavar="METRIC", help="accuracy or macro_f1. Default: the task's own.")
    ] = None
    reference: reported.ReferenceOption = None
    reader: Annotated[str, typer.Option(metavar="READER", help=f"Whose readings: {', '.join(readers.NAMES)}.")] = "auto"
    audit: Annotated[bool, typer.Option("--audit", help="Show what each reader makes of the same replies.")] = False

    def config(self, selection: PointSelection, *, everything: bool) -> stage.ReportConfig:
        """Returns it as the settings of a report."""
        return stage.ReportConfig(
            by=tuple(commas.parts(self.by)),
            metric=self.metric,
            generator=self.reference,
            reader=self.reader,
            everything=everything,
            selection=selection,
        )


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which results are shown; what they are held against stands beside them in any case."""

    heading: ClassVar[str] = "Only results"

    method: Annotated[
        list[str] | None, typer.Option(metavar="METHOD", help="Of these methods, by commas or repeated.")
    ] = None
    model: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="Of these students.")] = None
    source: Annotated[list[str] | None, typer.Option(metavar="SOURCE", help="On rows of these sources.")] = None
    size: Annotated[list[str] | None, typer.Option(metavar="SIZE", help="On draws of these nominal sizes.")] = None
    strategy: Annotated[list[str] | None, typer.Option(metavar="STRATEGY", help="On rows drawn in this way.")] = None
    generator: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="On rows that these wrote.")] = None

    @property
    def selection(self) -> PointSelection:
        """The points that are meant."""
        given: dict[str, Any] = {name: tuple(commas.parts(values)) for name, values in vars(self).items()}
        return PointSelection(**given)


@app.callback()
@grouped
def report(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    csv_safe: options.CsvSafeOption = False,
    everything: options.AllOption = False,
    wide: Annotated[
        bool,
        typer.Option(
            "--wide", help="One line per language, source and method; sizes are columns.", rich_help_panel=OUTPUT
        ),
    ] = False,
    experiment: reported.ExperimentOption = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Draw the report of --experiment again while `sdc run` goes on.", rich_help_panel=OUTPUT
        ),
    ] = False,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
    *,
    asked: Asked,
    filters: Filters,
) -> None:
    """Show what the evaluated runs say, beside the generator, the majority rate and a linear student.

    KEYs are evals. Without keys: all evals of the newest samples, of --lang and --task if given.

    Examples:
        sdc report --lang te --task topic
        sdc report --by group,method,source --wide
        sdc report --method linear --source synthetic,human --out table.tex
    """
    form = reported.format_of(output, out, as_json=as_json)
    context = options.context(store)
    config = asked.config(filters.selection, everything=everything)
    if follow:
        report_follow.show(context, config, experiment, lang, task)
        return
    evals, wanted = reported.asked(context, keys, lang, task, experiment)
    with incomplete.Cells("report", total=max(1, len(wanted or []))) as doing:
        with reported.into(out):
            if asked.audit:
                found = report_audit.run(context, evals=evals, wanted=wanted, everything=everything)
                reported.show(found, form, csv_safe=csv_safe)
            else:
                rows = stage.run(context, config, evals=evals, wanted=wanted)
                _show(rows, form, aggregated=bool(config.by), wide=wide, csv_safe=csv_safe)
        for cell, error in [] if evals else _lacking(context, wanted or [], lang, task):
            doing.lacks(cell, error)


def _show(rows: Sequence[Point], form: str, *, aggregated: bool, wide: bool, csv_safe: bool) -> None:
    if wide:
        for table in _by_size(formats.for_people(rows, aggregated=aggregated), form):
            reported.show(table, form, csv_safe=csv_safe)
    else:
        reported.show_rows(rows, form, aggregated=aggregated, csv_safe=csv_safe)


def _lacking(
    context: Context, wanted: Sequence[tuple[str, str]], lang: Sequence[str] | None, task: Sequence[str] | None
) -> list[tuple[str, DataError]]:
    """Returns what was named and nothing is reported of; `all` names nothing."""
    langs, tasks = (bool(flag) and cells.ALL not in commas.parts(flag) for flag in (lang, task))
    return stage.lacking(context, wanted, langs=langs, tasks=tasks)


def _by_size(table: formats.Table, output: str) -> list[formats.Table]:
    """Returns the report with sizes as columns; on a narrow terminal means alone, then some sizes at a time."""
    found = pivot.by_size(table)
    if output != "table" or _fits(found):
        return [found]
    return pivot.in_parts(pivot.by_size(table, spread=False), _fits)


def _fits(table: formats.Table) -> bool:
    return render.is_wide_enough(table.columns, table.rows, spare=table.spare)
