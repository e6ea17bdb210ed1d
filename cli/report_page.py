"""`sdc report page`: its flags."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render, reported
from sdc.errors import UsageError


def page(
    keys: options.KeysArgument = None,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "What the small students make of the texts",
    generator: Annotated[
        str | None, typer.Option(help="Model to compare with. Default: the one that wrote the synthetic rows.")
    ] = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Write the report as one HTML page, for a browser without a network: which student, and every number behind it.

    KEYs are evals. Without keys: all evals of the newest samples, of --lang and --task if given.
    """
    from sdc.pipelines import report as stage
    from sdc.pipelines.report import page as report_page
    from sdc.pipelines.report.page import parts

    if out.is_dir() or not out.parent.is_dir():
        raise UsageError("there is no folder for this file, or it is one", str(out), "correct --out")
    context = options.context(store)
    evals, wanted = reported.asked(context, keys, lang, task, experiment)
    found = stage.find(
        context, stage.ReportConfig(generator=generator, everything=everything), evals=evals, wanted=wanted
    )
    made = parts.page(context, found, title=title)
    render.data("".join(f"{path}\n" for path in report_page.write(made, out)))
