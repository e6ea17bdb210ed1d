"""`sdc store`: flags and output. Everything it shows or does stands in `cache/` (browse, verify, upkeep)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cache import again, browse, freshness, upkeep
from sdc.cache.counted import counted
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify as check
from sdc.cli import options, render, store_sql
from sdc.cli.help import INPUT, OUTPUT
from sdc.cli.plain import PlainGroup
from sdc.errors import DataError, StoreError
from sdc.pipelines.engines.protocol import Reply
from sdc.pipelines.text.visible import as_json as json_text

app = typer.Typer(cls=PlainGroup, help="Look into the store, check it, shrink it, join stores.", no_args_is_help=True)

_STAGES = ("data", "gen", "judge", "sample", "tune", "train", "icl", "eval")


@app.command("ls")
def ls(
    stage: Annotated[
        str | None,
        typer.Option("--stage", metavar="STAGE", help=f"Only this stage: {', '.join(_STAGES)}.", rich_help_panel=INPUT),
    ] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", "-l", metavar="TAG", help="Only this language.", rich_help_panel=INPUT)
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", "-t", metavar="TASK", help="Only this task.", rich_help_panel=INPUT)
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="At most so many artifacts.", min=1, max=10**9, rich_help_panel=OUTPUT)
    ] = 50,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List the artifacts, last used first."""
    opened = options.store(store)
    opened.must_exist()
    found = browse.listing(opened, stage=stage, lang=lang, task=task, limit=limit + 1)
    if as_json:
        for item in found[:limit]:
            about = {"rows": item.num_rows, "state": item.state, "used_at": item.used_at.isoformat()}
            _json_line({**_as_json(item.artifact), **about})
        return
    if not found:
        render.note(f"{opened.path}: no artifacts match; `sdc data add` and `sdc demo` make some")
        return
    columns = ("key", "stage", "task", "lang", "rows", "state", "summary", "seconds", "used (UTC)")
    rows = [
        (
            *(item.artifact.short, item.artifact.stage, item.artifact.task, item.artifact.lang, item.num_rows),
            item.state,
            browse.brief(item.artifact.summary),
            "" if item.artifact.seconds is None else f"{item.artifact.seconds:.1f}",
            item.used_at.strftime("%Y-%m-%d %H:%M"),
        )
        for item in found[:limit]
    ]
    render.table(columns, rows, spare=("seconds", "rows", "used (UTC)"))
    if len(found) > limit:
        render.note(f"only the {limit} used last are shown; --limit shows more")


@app.command("show")
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The artifact's key, or its first digits.")],
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show one artifact: its recipe, what it was made from, what was made from it."""
    opened = options.store(store)
    artifact = opened.resolve(key)
    tree = browse.lineage(opened, artifact)
    counts = browse.row_counts(opened, artifact.key)
    made = browse.dependents(opened, artifact.key)
    stale = freshness.stale(opened, [artifact.key, *(other.key for other in made)])
    state = browse.state(artifact, is_stale=artifact.key in stale)
    if as_json:
        _json_line(
            {
                **_as_json(artifact),
                "rows": counts,
                "state": state,
                "replaced": stale.get(artifact.key, []),
                "lineage": tree,
                "dependents": [other.key for other in made],
            }
        )
        return
    lines = [
        f"{artifact.stage} {artifact.key}",
        f"  state     {state or 'fresh'}",
        *(f"            {line}" for line in _why(opened, artifact, stale)),
        f"  version   {artifact.version}",
        f"  language  {artifact.lang or '-'}",
        f"  task      {artifact.task or '-'}",
        f"  seconds   {'-' if artifact.seconds is None else format(artifact.seconds, '.1f')}",
        f"  rows      {', '.join(f'{number} {table}' for table, number in counts.items()) or 'none'}",
        *_block("config", artifact.config),
        *_block("summary", artifact.summary),
        "made from",
        *(f"  {line}" for other in tree["inputs"] or [] for line in browse.tree_lines(other)),
        *([] if tree["inputs"] else ["  nothing else"]),
        f"used by {counted(len(made), 'artifact')}",
        *(
            f"  {other.short}  {other.stage}{'  stale' if other.key in stale else ''}  {browse.in_words(other.summary)}"
            for other in made[:20]
        ),
        *([f"  and {len(made) - 20} more"] if len(made) > 20 else []),
    ]
    render.shown(*lines)


def _why(opened: Store, artifact: Artifact, stale: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns what was replaced under a stale artifact, and what to do about it."""
    if artifact.key not in stale:
        return []
    replaced = list(opened.get_many(stale[artifact.key]).values())
    return [again.what(artifact, replaced), again.fix(opened, artifact)]


@app.command("verify")
def verify(store: options.StoreOption = None, as_json: options.JsonOption = False) -> None:
    """Check keys, rows, references, blobs and replies; exit 3 if something is wrong."""
    opened = options.store(store)
    found = check(opened, check=Reply.fault)
    if as_json:
        render.records([asdict(found)])
    else:
        for kind, lines in (("note", found.notes), ("fault", found.faults)):
            for line in lines:
                render.note(f"{kind}: {line}")
    if found.faults:
        raise StoreError(counted(len(found.faults), "fault"), str(opened.path), "each line above says how to repair it")
    if not as_json:
        render.shown(
            f"clean: {counted(found.num_artifacts, 'artifact')}, {counted(found.num_blobs, 'blob')},"
            f" {counted(found.num_replies, 'reply', 'replies')}"
        )


@app.command("gc")
def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.", rich_help_panel=OUTPUT)
    ] = False,
    older_than: Annotated[
        float,
        typer.Option("--older-than", metavar="HOURS", help="Spare blobs and temporary files that are younger.", min=0),
    ] = upkeep.GRACE_S / 3600,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Remove what belongs to no artifact and compact the file; artifacts stay."""
    opened = options.store(store)
    found = upkeep.gc(opened, dry_run=dry_run, grace_s=older_than * 3600, check=Reply.fault)
    if as_json:
        render.records([{"dry_run": dry_run, **asdict(found)}])
        return
    render.note(
        f"{'would remove' if dry_run else 'removed'} {counted(found.orphan_rows, 'orphan row')}, "
        f"{counted(found.blobs, 'blob')}, {counted(found.temporary_files, 'temporary file')}, "
        f"{counted(found.replies, 'unreadable reply', 'unreadable replies')}; "
        f"{counted(found.freed_bytes, 'byte')} {'without compaction' if dry_run else 'freed'}"
    )


@app.command("merge")
def merge(
    others: Annotated[list[Path], typer.Argument(metavar="OTHER", help="Store files to take artifacts from.")],
    only: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Only the runs of an experiment, and what they were made from.", rich_help_panel=INPUT
        ),
    ] = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Take over the artifacts, blobs and replies of other stores; doing it twice changes nothing.

    Examples:
        sdc store merge one.duckdb two.duckdb --store all.duckdb
    """
    opened = options.store(store)
    for other in others:
        found = upkeep.merge(opened, other, only=None if only is None else _of_experiment(other, only))
        if as_json:
            render.records([{"store": str(other), **asdict(found)}])
            continue
        lost = f", {counted(found.missing_blobs, 'blob')} missing or damaged there" if found.missing_blobs else ""
        render.note(
            f"{other}: {counted(found.artifacts, 'artifact')} taken over, {found.shared} were here, "
            f"{counted(found.blobs, 'blob')} and {counted(found.replies, 'reply', 'replies')}{lost}"
        )
        if found.differing or found.replaced:
            render.note(
                f"{other}: {counted(found.differing, 'artifact')} had other rows there; the better copy is kept, "
                f"in {counted(found.replaced, 'case')} that from there"
            )
        if found.stale:
            render.note(
                f"{opened.path}: {counted(found.stale, 'artifact is', 'artifacts are')} stale, made from a copy that "
                "was not kept; `sdc store verify` names what"
            )


def _of_experiment(other: Path, file: str) -> list[str]:
    """Returns the keys of the runs of an experiment in another store, and of their evaluations.

    Raises:
        DataError: There are none.
    """
    from sdc.pipelines import run as experiments
    from sdc.pipelines.context import Context
    from sdc.pipelines.run.file import load

    context = Context(store=Store(other))
    plan = experiments.look(context, load(file))
    found = [*plan.there(context.store), *experiments.evaluations(context, plan)]
    if not found:
        raise DataError(f"no run of {file} is there", str(other), f"see `sdc run {file} --status --store {other}`")
    return [*found, *(key for inputs in plan.cells for key in inputs.steps)]


def _as_json(artifact: Any) -> dict[str, Any]:
    names = ("key", "stage", "version", "lang", "task", "config", "inputs", "summary", "seconds")
    return {name: getattr(artifact, name) for name in names}


def _json_line(record: dict[str, Any]) -> None:
    render.records([record], default=str)


def _block(name: str, values: Any) -> Sequence[str]:
    return [name, *(f"  {key} = {json_text(value)}" for key, value in values.items())]


app.command("sql")(store_sql.sql)
