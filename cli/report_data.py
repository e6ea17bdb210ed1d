"""`sdc report data`: its flags, and what it prints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdc.cli import incomplete, options, render, reported
from sdc.cli.help import OUTPUT
from sdc.errors import DataError, UsageError, one_of

if TYPE_CHECKING:  # a dozen modules: `sdc --help` must not load them
    from sdc.pipelines.report.card import Card
    from sdc.pipelines.report.card.conditions import Condition


def data(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    all_rows: Annotated[bool, typer.Option("--all-rows", help="Count rows that the judge rejected too.")] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORM",
            help="table, md, json, jsonl or html. Default: as --out ends, else table.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write to this file instead of stdout, such as card.html.", rich_help_panel=OUTPUT),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT>X", help="Exit with 5 if that holds: 'auc>0.95,seed_copies>0.02'. Repeatable."),
    ] = None,
    seed: options.SeedOption = 1337,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show how synthetic rows differ from human ones, and what is copied: the data card.

    KEYs are generations or judgements. Without keys: the newest of each cell, of --lang and --task if given.
    docs/data-card.md has what --fail-on may name.

    Examples:
        sdc report data --lang te --task topic
        sdc report data --out card.html --fail-on 'auc>0.95'
    """
    from sdc.pipelines.report import data as report_data
    from sdc.pipelines.report.card import conditions

    asked, form = conditions.parse(fail_on or []), _format("jsonl" if as_json else output, out)
    context = options.context(store)
    if keys:
        found = options.inputs(context, keys, lang, task, stages=("gen", "judge"))
    else:
        found = [(cell, None) for cell in report_data.cells_of(context, lang, task)]
    config = report_data.CardConfig(all_rows=all_rows, seed=seed)
    cards = []
    with incomplete.Cells("report data", total=len(found)) as doing:
        for cell, artifact in found:
            with doing.one(cell):
                cards.append(report_data.run(context, config, cell, artifact=artifact))
        if cards:
            if form == "table":
                _tables(cards)
            else:
                _write(_as_text(cards, form), out)
            _fail_on(asked, cards, doing)


def _format(output: str | None, out: Path | None) -> str:
    """Returns the format that --format and the end of --out's name mean.

    Raises:
        UsageError: There is no such format, or the file cannot be there.
    """
    from sdc.pipelines.report.data import FORMATS

    form = output or ((out.suffix.lstrip(".").lower() or "md") if out is not None else "table")
    if form not in FORMATS:
        where = "--format" if output else "--out"
        raise UsageError(f"unknown format {form[:80]!r}", where, one_of(form[:80], FORMATS))
    if out is not None:
        if form == "table":
            raise UsageError("a table is drawn for a terminal", "--out", "use --format md, json or html")
        if out.is_dir() or not out.parent.is_dir():
            raise UsageError("there is no folder for this file, or it is one", str(out), "correct --out")
    return form


def _tables(cards: "Sequence[Card]") -> None:
    """Draws the one card in full, or of several a row each."""
    from sdc.pipelines.report.card import formats

    tables = [formats.figures_table(cards[0]), formats.labels_table(cards[0])]
    tables += [formats.rejected_table(cards[0])] if cards[0].examples.get("rejected") else []
    for table in tables if len(cards) == 1 else [formats.overview(cards)]:
        render.table(table.columns, table.rows, title=table.title, spare=table.spare, meanings=table.meanings)
    for card in cards:
        for note in card.notes:
            render.note(f"{card.cell}: {note}")
    if len(cards) > 1:
        render.note("All figures of a cell: name one with --lang and --task, or use --format md, json or html.")


def _as_text(cards: "Sequence[Card]", form: str) -> str:
    from sdc.pipelines.report.card import formats, page

    return {"md": formats.as_markdown, "json": formats.as_json, "jsonl": formats.as_json_lines, "html": page.as_html}[
        form
    ](cards)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        render.data(text)
    else:
        reported.save(text, out)


def _fail_on(asked: "Sequence[Condition]", cards: "Sequence[Card]", doing: incomplete.Cells) -> None:
    """Says which conditions hold: the command ends with the exit code of bad data if any does."""
    from sdc.pipelines.report.card import formats

    for card in cards:
        for condition in asked:
            figure = card.figure(condition.name)
            if figure.synthetic is None:
                render.note(f"{card.cell}: {condition} cannot be told: {figure.note}")
            elif condition.holds(card):
                value = formats.value(figure.synthetic, figure.unit)
                doing.lacks(card.cell, DataError(f"{card.cell}: {condition} holds: {figure.what}: {value}"))
