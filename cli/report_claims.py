"""`sdc report claims`: its flags, and what it prints."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render, reported
from sdc.cli.help import INPUT
from sdc.errors import ClaimError, DataError, UsageError
from sdc.pipelines.report import FOR_PROGRAMS


def claims(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="CLAIM", help="Only these, panel by panel: C4, or C4.icl.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--claims", help="A TOML file with claims of your own. Default: the paper's.", rich_help_panel=INPUT
        ),
    ] = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    csv_safe: options.CsvSafeOption = False,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Check what the paper claims, or a file of yours, against the store: holds, does not hold, cannot tell, not run.

    Exit code 7 says that a claim does not hold.
    """
    from sdc.pipelines.report.claims import check, claim, formats
    from sdc.pipelines.text.tables import nearest

    output = reported.format_of(output, out, as_json=as_json)
    every = claim.load(file)
    known = {name for one in every for name in (one.id, one.id.split(".")[0])}
    for name in named or []:
        if name not in known:
            raise UsageError(f"there is no claim {name[:80]!r}", fix=nearest(name, sorted(known)))
    wanted = [one for one in every if not named or {one.id, one.id.split(".")[0]} & set(named)]
    found = reported.find(store, lang, task, experiment, everything=everything)
    checked = check.check(options.store(store), found, wanted)
    with reported.into(out):
        if output in FOR_PROGRAMS:
            reported.write(formats.records(checked), output, csv_safe=csv_safe)
        else:
            for table in [formats.panels(one) for one in checked] if named else [formats.table(checked)]:
                reported.show(table, output)
    for one in checked if named else []:
        render.note(f"{one.claim.id}: {one.query}")
    if all(one.verdict == check.NOT_RUN for one in checked):
        raise DataError("nothing that these claims are about was run", fix="see `sdc run paper --dry-run`")
    wrong = [one.claim.id for one in checked if one.verdict == check.DOES_NOT]
    if wrong:
        does_not = "does not hold" if len(wrong) == 1 else "do not hold"
        raise ClaimError(f"{', '.join(wrong)} {does_not}", fix="name one to see its panels and runs")
