"""The statistics commands of `sdc report`: break-even, gap, failed. Their flags, and what they print."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from sdc.cli import options, reported
from sdc.errors import DataError
from sdc.pipelines.text import commas

ByOption = Annotated[str, typer.Option(help="Parts of a cell to keep apart: task,lang,group; '' for none.")]


def break_even(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    fewer_cells: Annotated[
        bool, typer.Option("--fewer-cells", help="Go on over sizes that only some of the cells have.")
    ] = False,
    output: reported.FormatOption = "table",
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Show from how many rows on a student is as good as its generator: rows, with an interval, or not reached."""
    from sdc.pipelines.report import break_even as stage

    reported.check_format(output)
    found = reported.find(store, lang, task, experiment, everything=everything)
    made = stage.run(found, commas.parts(by), with_fewer_cells=fewer_cells)
    _show(made, stage.TITLE, output, lacks="no student has rows and a generator to reach")


def gap(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    output: reported.FormatOption = "table",
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Show how much better human rows are than synthetic ones, by size, and what those are worth in human rows."""
    from sdc.pipelines.report import gap as stage

    reported.check_format(output)
    found = reported.find(store, lang, task, experiment, everything=everything)
    lacks = "no student has human and synthetic rows of one size"
    _show(stage.run(found, commas.parts(by)), stage.TITLE, output, lacks=lacks)


def failed(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    output: reported.FormatOption = "table",
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Show how many runs broke off, are below chance or collapsed, and whether synthetic rows make that more likely."""
    from sdc.pipelines.report import failed as stage

    reported.check_format(output)
    found = reported.find(store, lang, task, experiment, everything=everything)
    _show(stage.run(found, commas.parts(by)), stage.TITLE, output, lacks="no run has rows")


def _show(records: Sequence[Mapping[str, Any]], title: str, output: str, *, lacks: str) -> None:
    from sdc.pipelines.report import panels

    if not records:
        raise DataError(lacks, fix="see `sdc report`")
    if output in ("csv", "json"):
        reported.write(panels.finite(records), output)
    else:
        reported.show(panels.table(records, title=title), output)
