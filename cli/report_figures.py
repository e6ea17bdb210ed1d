"""`sdc report figures`: its flags, and the files that it names."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render, reported
from sdc.cli.help import OUTPUT
from sdc.pipelines.text import commas


def figures(
    keys: options.KeysArgument = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For the files; it is made if need be.", rich_help_panel=OUTPUT)
    ] = Path("figures"),
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMS",
            help="svg, png, pdf and html, separated by commas; numbers are always CSV.",
            rich_help_panel=OUTPUT,
        ),
    ] = "svg,png",
    only: Annotated[
        str | None, typer.Option(metavar="FIGURES", help="Only these: figure-2,b1,table-2. Default: all.")
    ] = None,
    band: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What bands show: interval (95 %), runs (std over runs), means (std over repeats of the mean).",
        ),
    ] = "interval",
    fewer_cells: Annotated[
        bool, typer.Option("--fewer-cells", help="Go on, dotted, at sizes that only some cells have.")
    ] = False,
    reference: reported.ReferenceOption = None,
    reader: Annotated[str, typer.Option(metavar="READER", help="Whose readings, as in `sdc report`.")] = "auto",
    csv_safe: options.CsvSafeOption = False,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Draw the paper's figures 1 to 11 and tables 1 and 2, and six more, from the evaluated runs.

    KEYs are evals. Without keys: all evals of the newest samples, of --lang and --task if given.
    Prints the files that it has written, one a line, and says on stderr which figures cannot be drawn and why.

    Examples:
        sdc report figures --only figure-2,table-2 --out figures
    """
    from sdc.pipelines import report as stage
    from sdc.pipelines.report import figures as drawing
    from sdc.pipelines.report.claims import check, claim, findings

    config = drawing.FiguresConfig(
        formats=tuple(commas.parts(output)), band=band, with_fewer_cells=fewer_cells, only=tuple(commas.parts(only)),
        csv_safe=csv_safe,
    )  # fmt: skip
    context = options.context(store)
    evals, wanted = reported.asked(context, keys, lang, task, experiment)
    about = stage.ReportConfig(generator=reference, reader=reader, everything=everything)
    found = stage.find(context, about, evals=evals, wanted=wanted)
    titles = findings.titles(check.check(context.store, found, claim.load()))
    for file in drawing.run(context, replace(config, findings=titles), found, out=out):
        render.path(file, as_json=as_json)
