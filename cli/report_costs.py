"""`sdc report costs`: its flags, and what it prints."""

from typing import Annotated

import typer

from sdc.cli import options, reported
from sdc.errors import DataError
from sdc.pipelines.report import FOR_PROGRAMS


def costs(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    on: reported.SiteOption = None,
    kg_per_kwh: Annotated[
        float | None, typer.Option(min=0, help="kg CO2e per kWh, instead of the site's; the paper counts with 0.432.")
    ] = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show what the store's artifacts took: calls, tokens, hours, energy, carbon and money, beside the paper's."""
    from sdc.pipelines.report import costs as stage
    from sdc.pipelines.report import inputs, panels
    from sdc.pipelines.run import sites

    output = reported.format_of(output, out, as_json=as_json)
    context = options.context(store)
    context.store.must_exist()
    site = sites.load(on)
    records = stage.run(
        context.store,
        cells=inputs.cells_of(context, [], lang, task),
        kg_per_kwh=site.kg_co2e_per_kwh if kg_per_kwh is None else kg_per_kwh,
        price_per_hour=site.price_per_hour,
    )
    if not records:
        raise DataError(
            "nothing here took anything", str(context.store.path), "run `sdc gen`, `sdc train` or `sdc icl`"
        )
    with reported.into(out):
        if output in FOR_PROGRAMS:
            reported.write(records, output)
        else:
            reported.show(panels.table(records, title=stage.TITLE), output)
