"""`sdc data add | fetch | ls | show`: their flags, and what they print."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cache.store import Artifact
from sdc.cli import options, render
from sdc.errors import UsageError
from sdc.pipelines import cells, data_profile
from sdc.pipelines import data as stage
from sdc.pipelines.data_profile import Profile
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.visible import as_json as json_text

app = typer.Typer(help="Take in labelled examples, and see what is in them.", no_args_is_help=True)


@app.command("add")
def add(
    file: Annotated[Path | None, typer.Argument(help="A .csv, .tsv, .jsonl or .parquet file.")] = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    split: Annotated[str | None, typer.Option(help="What the rows are for: train or test.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the texts. Default: found by name.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column with names, aliases or ids. Default: found.")] = None,
    source: Annotated[str, typer.Option(help="Who wrote the texts: human or synthetic.")] = "human",
    paper: Annotated[Path | None, typer.Option(help="Take a whole folder in the layout of the paper's data.")] = None,
    store: options.StoreOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Take in a file of labelled examples, or the paper's whole data folder."""
    context = options.context(store, force=force)
    if paper is not None:
        if file or lang or task or split or text_column or label_column or source != "human":
            raise UsageError("--paper takes a whole folder", "sdc data add", "leave FILE and the other flags out")
        outcomes = stage.add_paper(context, paper)
        _paper_table(outcomes)
    else:
        outcomes = [add_file(context, file, lang, task, split, text_column, label_column, source)]
    render.emit(outcomes, as_json=as_json)


def add_file(
    context: Context,
    file: Path | None,
    lang: list[str] | None,
    task: list[str] | None,
    split: str | None,
    text_column: str | None,
    label_column: str | None,
    source: str,
) -> Outcome:
    """Takes in one file and says what was in it."""
    if file is None:
        raise UsageError("no file", "sdc data add", "name a FILE with --lang, --task and --split, or --paper FOLDER")
    if split is None and source == "synthetic":
        split = "train"
    if not lang or not task or split is None:
        missing = [flag for flag, value in (("--lang", lang), ("--task", task), ("--split", split)) if not value]
        raise UsageError(f"{' and '.join(missing)} missing", "sdc data add", "say what the file holds: --split test")
    found = cells.expand(context.store, lang, task)
    if len(found) != 1:
        raise UsageError("a file holds one language and one task", "--lang/--task", "give one of each")
    config = stage.DataConfig(split=split, source=source, text_column=text_column, label_column=label_column)
    outcome = stage.add(context, found[0], file, config)
    render.summary(f"data {found[0]}", outcome, _counts(outcome.summary))
    if outcome.summary.get("file") not in (None, file.name):
        render.note(f"the same rows were taken in before, as {outcome.summary['file']}")
    return outcome


def _counts(summary: Mapping[str, Any]) -> str:
    other = [f"{count} {status}" for status, count in summary["statuses"].items() if status != "ok"]
    if summary.get("duplicates"):
        other.append(f"{summary['duplicates']} duplicates")
    if summary.get("other_labels"):
        other.append(f"{summary['other_labels']} rows of other labels left out")
    kind = "synthetic" if summary["source"] == "synthetic" else summary["split"]
    return ", ".join([f"{summary['rows']} {kind} rows, {summary['ok']} ok", *other])


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
    render.note(f"{len(outcomes)} files, {total} rows; {hits} were already there; see `sdc data ls`")
    for outcome in outcomes:
        if outcome.summary["ok"] != outcome.summary["rows"]:
            render.note(f"{outcome.summary['file']}: {_counts(outcome.summary)}")


def _label_counts(summary: Mapping[str, Any]) -> list[int]:
    return [count["accepted"] if isinstance(count, dict) else count for count in summary["labels"].values()]


@app.command("fetch")
def fetch(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    folder: Annotated[Path | None, typer.Option("--from", help="Read a local copy, not the hub.")] = None,
    store: options.StoreOption = None,
    force: options.ForceOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Get the paper's public train and test sets from the Hugging Face hub."""
    context = options.context(store, force=force)
    found = cells.expand(context.store, lang or [], task or [])
    outcomes = stage.fetch(context, found, folder=folder)
    for outcome in outcomes:
        render.summary(f"data {outcome.summary['file']}", outcome, _counts(outcome.summary))
    render.emit(outcomes, as_json=as_json)


@app.command("ls")
def ls(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the data in the store, and generations made elsewhere."""
    context = options.context(store)
    tags = [languages.load(tag).tag for tag in _split(lang)]
    names = [cells.load_task(context.store, name).name for name in _split(task)]
    artifacts = data_profile.listing(context.store, lang=tags, task=names)
    if not artifacts:
        render.note("no data yet; add some with `sdc data add` or `sdc data fetch`")
        return
    rows = [_ls_row(artifact) for artifact in artifacts]
    if as_json:
        for row in rows:
            render.data(json_text(row) + "\n")
        return
    shown = [[*row.values()] for row in rows]
    for row_shown, row in zip(shown, rows, strict=True):
        row_shown[7] = _percent(row["majority_rate"])
        row_shown[0] = row["key"][:12]
    render.table([name.replace("_rate", "") for name in rows[0]], shown)


def _ls_row(artifact: Artifact) -> dict[str, Any]:
    summary = artifact.summary
    return {
        "key": artifact.key,
        "task": artifact.task,
        "lang": artifact.lang,
        "source": "synthetic" if artifact.stage == "gen" else "human",
        "split": summary.get("split"),
        "rows": summary.get("rows"),
        "ok": summary.get("ok"),
        "majority_rate": summary.get("majority_rate"),
        "file": summary.get("file"),
    }


def _split(values: list[str] | None) -> list[str]:
    parts = [part.strip() for value in values or [] for part in value.split(",") if part.strip()]
    return [] if "all" in parts else parts


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


@app.command("show")
def show(
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show a profile: labels, duplicates, rows of one split found in another, odd characters.

    KEYs are data or generations. Without keys: the newest train, test and synthetic rows of --lang and --task.
    """
    context = options.context(store)
    for cell, artifact in options.inputs(context, keys, lang, task, stages=("data", "gen")):
        found = data_profile.newest(context.store, cell)
        if artifact is not None:
            found[data_profile.kind_of(artifact)] = artifact
        profiles = data_profile.profile(context.store, found)
        others = ", ".join(f"{kind} {other.short}" for kind, other in found.items())
        render.note(f"{cell}: {others}")
        for profile in profiles:
            if artifact is not None and profile.key != artifact.key:
                continue
            if as_json:
                render.data(json_text(dataclasses.asdict(profile)) + "\n")
            else:
                _show(profile)


def _show(profile: Profile) -> None:
    rows: list[tuple[str, object]] = [("file", profile.file), ("rows", profile.rows)]
    rows += [(f"  {status}", count) for status, count in profile.statuses.items()]
    rows += [("labels", len(profile.labels))]
    rows += [(f"  {name}", count) for name, count in profile.labels.items()]
    rows += [("majority rate", _percent(profile.majority_rate)), ("duplicates", profile.duplicates)]
    rows += [(f"found in {kind}", count) for kind, count in profile.found_in.items()]
    rows += [(f"rows with: {name}", count) for name, count in profile.odd.items()]
    rows += [("median characters", f"{profile.chars_median:g}"), ("most characters", profile.chars_max)]
    title = f"{profile.lang}/{profile.task} {profile.kind}  {profile.key[:12]}"
    render.table(("what", "value"), rows, title=title)
