"""`sdc report page`: its flags."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import defaults as settings
from sdc.cli import options, render, reported
from sdc.cli.help import OUTPUT
from sdc.errors import UsageError


def page(
    keys: options.KeysArgument = None,
    out: Annotated[Path, typer.Option(help="The file to write.", rich_help_panel=OUTPUT)] = Path("report.html"),
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "What the small students make of the texts",
    reference: reported.ReferenceOption = None,
    on: reported.SiteOption = None,
    card: Annotated[
        list[Path] | None, typer.Option(help="A data or model card to link, as card.html. Repeatable.")
    ] = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Write the report as one HTML page, for a browser without a network: which student, and every number behind it.

    KEYs are evals. Without keys: all evals of the newest samples, of --lang and --task if given.

    Examples:
        sdc report page --lang te --task topic --out te-topic.html
    """
    from sdc.pipelines import report as stage
    from sdc.pipelines.report import page as report_page
    from sdc.pipelines.report.page import parts
    from sdc.pipelines.report.page.registers import Register
    from sdc.pipelines.run import sites

    if out.is_dir() or not out.parent.is_dir():
        raise UsageError("there is no folder for this file, or it is one", str(out), "correct --out")
    for file in card or ():
        if not file.is_file():
            raise UsageError("there is no such file", str(file), "correct --card")
    context, site = options.context(store), sites.load(on)
    evals, wanted = reported.asked(context, keys, lang, task, experiment)
    found = stage.find(
        context, stage.ReportConfig(generator=reference, everything=everything), evals=evals, wanted=wanted
    )
    register = Register(
        defaults=settings.of_all(),
        kg_per_kwh=site.kg_co2e_per_kwh,
        price_per_hour=site.price_per_hour,
        cards=card or (),
    )
    made = parts.page(context, found, title=title, register=register, out=out)
    for path in report_page.write(made, out):
        render.path(path, as_json=as_json)
