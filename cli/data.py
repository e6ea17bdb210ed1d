"""`sdc data add | fetch`: their flags, and what they print. The others are in `data_show.py` and `data_push.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from sdc.cache.counted import counted
from sdc.cache.key import SHORT
from sdc.cli import data_push, data_show, options, render
from sdc.cli.groups import grouped
from sdc.cli.help import INPUT
from sdc.cli.plain import PlainGroup
from sdc.errors import UsageError
from sdc.pipelines import cells
from sdc.pipelines import data as stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import tables
from sdc.pipelines.data.files import FileFormat
from sdc.pipelines.data.rows import NO_EXAMPLE
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context, Outcome

DropLeaksOption = Annotated[
    bool, typer.Option("--drop-leaks", help="Train rows that are test rows get the status leak, and are not used.")
]

app = typer.Typer(cls=PlainGroup, help="Take in labelled examples, and see what is in them.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file is laid out."""

    heading: ClassVar[str] = "Layout of the files"

    delimiter: Annotated[
        str | None, typer.Option(metavar="SIGN", help="Between cells: tab, comma, semicolon, pipe, or any character.")
    ] = None
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first row has names; without, columns are 1, 2 ..."),
    ] = None
    quoting: Annotated[
        str,
        typer.Option(metavar="HOW", help="minimal: cells may stand in quotes; none: quotes are part of the text."),
    ] = "minimal"
    encoding: Annotated[str, typer.Option(metavar="NAME", help="Of text files: utf-8, utf-16, latin-1, cp1252 ...")] = (
        "utf-8"
    )
    records: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where a JSON object has the list of rows: data.items")
    ] = None

    @property
    def form(self) -> FileFormat:
        """The layout, as readers of files take it."""
        delimiter = None if self.delimiter is None else tables.named(self.delimiter)
        return FileFormat(**{**vars(self), "delimiter": delimiter})


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What stands in which column, and which rows count."""

    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column with the texts. Default: found by name.")
    ] = None
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column with names, aliases or ids. Default: found.")
    ] = None
    label_map: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE=LABEL", help='What values mean: "1=positive,-1=negative,0=skip". Repeatable.'),
    ] = None
    first_label: Annotated[
        bool, typer.Option("--first-label", help="Of several labels of a text the first counts.")
    ] = False
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Only rows with this value: partition=train. Repeatable."),
    ] = None
    subset: Annotated[bool, typer.Option("--subset", help="Leave out rows with labels that the task lacks.")] = False


@app.command("add")
@grouped
def add(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help=".csv, .tsv, .txt, .json, .jsonl or .parquet; several are one set."),
    ] = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            help="What the rows are for: train, test, or dev, which is only taken by its key.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help="Who wrote the texts: human or synthetic.", rich_help_panel=INPUT)
    ] = "human",
    append: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Add the rows to this data of the split; or: newest.", rich_help_panel=INPUT),
    ] = None,
    drop_leaks: DropLeaksOption = False,
    paper: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Take a whole folder in the layout of the paper's data.", rich_help_panel=INPUT
        ),
    ] = None,
    *,
    meaning: Meaning,
    layout: Layout,
    store: options.StoreOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Take in files of labelled examples, or the paper's whole data folder.

    Examples:
        sdc data add train.csv --lang te --task topic --split train
        sdc data add all.jsonl --lang te --task topic --split test --where split=test
        sdc data add --paper data
    """
    context = options.context(store, force=force)
    config = stage.DataConfig(
        **{**vars(meaning), "label_map": tuple(meaning.label_map or ()), "where": tuple(meaning.where or ())},
        split=split or "train", source=source, form=layout.form,
    )  # fmt: skip
    if paper is not None:
        if files or lang or task or split or append or drop_leaks or config != stage.DataConfig():
            raise UsageError("--paper takes a whole folder", "sdc data add", "leave FILE and the other flags out")
        outcomes = stage.add_paper(context, paper)
        _paper_table(outcomes)
        _incomplete(context, outcomes)
    else:
        cell = _cell(context, files, lang, task, split, source)
        outcomes = stage.add_set(context, cell, files or [], config, append=append, drop_leaks=drop_leaks)
        _say(cell, outcomes, " + ".join(file.name for file in files or []))
    render.emit(outcomes, as_json=as_json)


def _cell(
    context: Context,
    files: list[Path] | None,
    lang: list[str] | None,
    task: list[str] | None,
    split: str | None,
    source: str,
) -> Cell:
    """Returns the one language and task that files hold."""
    if not files:
        raise UsageError("no file", "sdc data add", "name a FILE with --lang, --task and --split, or --paper FOLDER")
    if not lang or not task or (split is None and source != "synthetic"):
        missing = [flag for flag, value in (("--lang", lang), ("--task", task), ("--split", split)) if not value]
        raise UsageError(f"{' and '.join(missing)} missing", "sdc data add", "say what the file holds: --split test")
    found = cells.expand(context.store, lang, task, of_paper=True)
    if len(found) != 1:
        raise UsageError("a file holds one language and one task", "--lang/--task", "give one of each")
    return found[0]


def _say(cell: Cell, outcomes: Sequence[Outcome], name: str) -> None:
    """Says what was in the files."""
    for outcome in outcomes:
        render.summary(f"data {cell}", outcome, _counts(outcome.summary))
        _say_unusable(outcome)
        if outcome.hit and outcome is outcomes[0] and outcome.summary.get("file") not in (None, name):
            render.note(f"the same rows were taken in before, as {outcome.summary['file']}")
        for file in outcome.summary.get("no_header", ()):
            render.note(f"{file}: its first row has a label in it, and was taken as a row; --header if it is none")
        odd = outcome.summary.get("odd")
        if odd:
            lines = ", ".join(map(str, odd["lines"])) + (" ..." if odd["rows"] > len(odd["lines"]) else "")
            render.note(
                f"{counted(odd['rows'], 'row has', 'rows have')} a quoted cell with a delimiter and a line break in it"
                f" (lines {lines}): look at that; if quotes swallowed rows there, use --quoting none"
            )


def _say_unusable(outcome: Outcome) -> None:
    """Names the first rows that are no labelled text, by line and why."""
    named = outcome.summary.get("unusable", ())
    for line in named:
        render.note(f"  {line}")
    more = sum(outcome.summary["statuses"].get(status, 0) for status in NO_EXAMPLE) - len(named)
    if named and more > 0:
        render.note(f"  and {more} more: `sdc show {outcome.key[:SHORT]} --status {','.join(NO_EXAMPLE)}`")


#: What of a summary says how many rows are no part of the data.
_LEFT_OUT = {
    "other_labels": "rows of other labels",
    "other_values": "rows with other values",
    "other_languages": "rows in other languages",
}


def _counts(summary: Mapping[str, Any]) -> str:
    other = [f"{count} {status}" for status, count in summary["statuses"].items() if status != "ok"]
    if summary.get("duplicates"):
        other.append(counted(summary["duplicates"], "duplicate"))
    for name, what in _LEFT_OUT.items():
        if summary.get(name):
            other.append(f"{summary[name]} {what} left out")
    kind = "synthetic" if summary["source"] == "synthetic" else summary["split"]
    return ", ".join([f"{counted(summary['rows'], f'{kind} row')}, {summary['ok']} ok", *other])


def _paper_table(outcomes: list[Outcome]) -> None:
    rows = []
    for outcome in (outcome for outcome in outcomes if not outcome.hit):
        counts = _label_counts(outcome.summary)
        row = [outcome.summary[name] for name in ("file", "rows", "ok")]
        rows.append((*row, len(counts), min(counts), max(counts)))
    if rows:
        render.table(("file", "rows", "ok", "labels", "fewest", "most"), rows, to_stderr=True)
    hits = sum(outcome.hit for outcome in outcomes)
    total = sum(outcome.summary["rows"] for outcome in outcomes)
    render.note(
        f"{counted(len(outcomes), 'file')}, {counted(total, 'row')}; {hits} were already there; see `sdc data ls`"
    )
    for outcome in outcomes:
        if outcome.summary["ok"] != outcome.summary["rows"]:
            render.note(f"{outcome.summary['file']}: {_counts(outcome.summary)}")
            _say_unusable(outcome)


def _incomplete(context: Context, outcomes: Sequence[Outcome]) -> None:
    """Says which of the languages and tasks that came in lack a test."""
    found = context.store.get_many([outcome.key for outcome in outcomes]).values()
    untested = lineage.without_test(context, [f"{artifact.lang}/{artifact.task}" for artifact in found])
    if untested:
        render.note(untested)


def _label_counts(summary: Mapping[str, Any]) -> list[int]:
    return [count["accepted"] if isinstance(count, dict) else count for count in summary["labels"].values()]


@app.command("fetch")
def fetch(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Read a local copy, not the hub.", rich_help_panel=INPUT),
    ] = None,
    drop_leaks: DropLeaksOption = False,
    store: options.StoreOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Get the paper's public train and test sets from the Hugging Face hub.

    Examples:
        sdc data fetch --lang te,sw --task topic,intent
    """
    context = options.context(store, force=force)
    found = cells.expand(context.store, lang or [], task or [], of_paper=True)
    outcomes = stage.fetch(context, found, folder=folder, drop_leaks=drop_leaks)
    for outcome in outcomes:
        render.summary(f"data {outcome.summary['file']}", outcome, _counts(outcome.summary))
    _incomplete(context, outcomes)
    render.emit(outcomes, as_json=as_json)


app.command("ls")(data_show.ls)
app.command("show")(data_show.show)
app.command("push")(data_push.push)
