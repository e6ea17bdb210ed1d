"""`sdc report costs`: its flags, and what it prints."""

from typing import Annotated

import typer

from sdc.cli import options, reported
from sdc.errors import DataError


def costs(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    on: reported.SiteOption = None,
    kg_per_kwh: Annotated[
        float | None, typer.Option(min=0, help="kg CO2e per kWh, instead of the site's; the paper counts with 0.432.")
    ] = None,
    output: reported.FormatOption = "table",
    store: options.StoreOption = None,
) -> None:
    """Show what the store's artifacts took: calls, tokens, hours, energy, carbon and money, beside the paper's."""
    from sdc.pipelines.report import costs as stage
    from sdc.pipelines.report import panels
    from sdc.pipelines.run import sites

    reported.check_format(output)
    context = options.context(store)
    site = sites.load(on)
    records = stage.run(
        context.store,
        cells=reported.cells_of(context, [], lang, task),
        kg_per_kwh=site.kg_co2e_per_kwh if kg_per_kwh is None else kg_per_kwh,
        price_per_hour=site.price_per_hour,
    )
    if not records:
        raise DataError(
            "nothing here took anything", str(context.store.path), "run `sdc gen`, `sdc train` or `sdc icl`"
        )
    if output in ("csv", "json"):
        reported.write(records, output)
    else:
        reported.show(panels.table(records, title=stage.TITLE), output)
