"""`sdc data ls | show`: their flags, and what they print."""

import dataclasses
from typing import Any

from sdc.cache.store import Artifact
from sdc.cli import incomplete, options, render
from sdc.pipelines import cells
from sdc.pipelines.data import profile as data_profile
from sdc.pipelines.data.profile import Profile
from sdc.pipelines.tasks import languages
from sdc.pipelines.text import commas
from sdc.pipelines.text.visible import as_json as json_text


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
    context.store.must_exist()
    artifacts = data_profile.listing(context.store, lang=tags, task=names)
    if not artifacts:
        others = {a.lang for a in data_profile.listing(context.store, task=names) if a.lang is not None}
        close = sorted(tag for tag in others if any(languages.matches(asked, tag) for asked in tags))
        found = f"none of {', '.join(tags)}, but of {', '.join(close)}" if close else "no data yet"
        render.note(f"{found}; add some with `sdc data add` or `sdc data fetch`")
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
    render.table([name.replace("_rate", "") for name in rows[0]], shown, spare=("majority", "split"))


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
    parts = commas.parts(values)
    return [] if "all" in parts else parts


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


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
    wanted = options.inputs(context, keys, lang, task, stages=("data", "gen"))
    with incomplete.Cells("data show", total=len(wanted)) as doing:
        for cell, artifact in wanted:
            with doing.one(cell):
                found = data_profile.newest(context, cell)
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
    rows += [("majority rate", _percent(profile.majority_rate))]
    rows += [("duplicates", profile.duplicates), ("  or nearly", profile.near_duplicates)]
    for kind, count in profile.found_in.items():
        rows += [(f"found in {kind}", count), ("  or nearly", profile.nearly_in[kind])]
    rows += [(f"rows with: {name}", count) for name, count in profile.odd.items()]
    rows += [("median characters", f"{profile.chars_median:g}"), ("most characters", profile.chars_max)]
    title = f"{profile.lang}/{profile.task} {profile.kind}  {profile.key[:12]}"
    render.table(("what", "value"), rows, title=title)
