"""`sdc report generators`: its flags, and what it prints."""

from typing import Annotated, Any

import typer

from sdc.cli import incomplete, options, reported
from sdc.pipelines.report import FOR_PROGRAMS


def generators(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    repeats: Annotated[int, typer.Option(min=1, help="Fits per generation, each on a choice of its rows.")] = 5,
    seed: options.SeedOption = 1337,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Rank the generations of a cell without a human test: students of each are tested on the rows of the others.

    Without --lang and --task: all cells that have several generations.
    """
    from sdc.pipelines.report import generators as stage
    from sdc.pipelines.report import panels

    output = reported.format_of(output, out, as_json=as_json)
    context = options.context(store)
    cells = stage.cells(context, lang, task)
    records: list[dict[str, Any]] = []
    with incomplete.Cells("report generators", total=len(cells)) as doing:
        for cell in cells:
            with doing.one(cell):
                records += stage.run(context, cell, repeats=repeats, seed=seed)
        with reported.into(out if records else None):
            if records and output in FOR_PROGRAMS:
                reported.write(records, output)
            elif records:
                reported.show(panels.table(records, title=stage.TITLE), output)
