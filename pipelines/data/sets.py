"""Data sets beside each other: added to one another, test rows among training rows, and which one later stages take.

Here: what is done and said when a set meets those of its cell. Not here: reading files (`reading.py`), which rows
are leaks (`leaks.py`), what is newest (`lineage.py`).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import artifact as data_artifact
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.data.profile import kind_of
from sdc.pipelines.data.rows import ExampleColumns, columns_of
from sdc.pipelines.records import leaks, lineage
from sdc.pipelines.records.examples import whole_rows
from sdc.pipelines.records.leaks import Leaks, Text
from sdc.pipelines.stage import Context
from sdc.pipelines.text.similarity_join import Join

#: What a student learns from, and what it is tested on.
LEARNED, TESTED = ("train", "synthetic"), ("test", "dev")
_LINES_SHOWN = 5
_WHAT_LEAKS_MEAN = (
    "results on such texts are better than a student is: --drop-leaks leaves the train rows out, `sdc data show` counts"
    " them, and `sdc store show KEY` names the first test rows"
)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A data set of a command: the artifact; its rows, and those of `sentence_ids`, if they are not kept yet."""

    cell: Cell
    artifact: Artifact
    rows: ExampleColumns | None = None
    ids: Sequence[Mapping[str, Any]] = ()

    def texts(self, store: Store) -> list[Text]:
        """Returns idx and text of the usable rows."""
        if self.rows is None:
            return leaks.texts(store, self.artifact.key)
        columns = (self.rows[name] for name in ("idx", "text", "status"))
        return [(idx, text) for idx, text, status in zip(*columns, strict=True) if status in leaks.USABLE]


# -- more rows -----------------------------------------------------------------------------------------------------


def earlier(context: Context, cell: Cell, which: str, config: DataConfig) -> Artifact:
    """Returns the data that new rows are added to: of a key, or the newest of the split.

    Raises:
        UsageError: It is of another cell or split, or synthetic.
        DataError: There is none.
    """
    if config.source != "human":
        raise UsageError("synthetic rows are a generation each", "--append", "drop the flag, or add all files at once")
    if which == "newest":
        return lineage.newest_data(context, cell, split=config.split)
    found = context.store.resolve(which, stages=("data",))
    about = (found.lang, found.task, found.summary.get("split"))
    if about != (cell.lang, cell.task.name, config.split):
        what = f"data {found.short} is {about[0]}/{about[1]} {about[2]} data, not {config.split} data of {cell}"
        raise UsageError(what, "--append", "see `sdc data ls`")
    lineage.check_labels(found, cell)
    return found


# -- leaks ---------------------------------------------------------------------------------------------------------


def without_leaks(context: Context, items: Sequence[Ready], *, version: int) -> list[Ready]:
    """Returns the sets with every leaked train row marked; test data alone brings the newest train data, marked."""
    cells = sides(context, items)
    found = list(items)
    for name, kinds in cells.items():
        own = [item for item in items if str(item.cell) == name]
        tests = [kinds[kind] for kind in TESTED if kind in kinds]
        learned = [item for item in own if kind_of(item.artifact) in LEARNED] or [
            kinds[kind] for kind in LEARNED[:1] if kind in kinds
        ]
        if not tests or not learned:
            context.say(f"data {name}: there is nothing to compare with yet, so no leak was dropped")
            continue
        for item in learned:
            marked = _marked(context, item, tests, version=version)
            if marked is not None:
                found = [marked if other is item else other for other in found] + ([] if item in own else [marked])
    return found


def _marked(context: Context, learned: Ready, tests: Sequence[Ready], *, version: int) -> Ready | None:
    """Returns a train set in which each row that is a test row has the status `leak`; None if there is none."""
    store = context.store
    why: dict[int, str] = {}
    for test in tests:
        for pair in leaks.find(learned.texts(store), test.texts(store)).pairs:
            why.setdefault(pair.row, f"{kind_of(test.artifact)} row {pair.test} of {test.artifact.short}"
                                     f" (similarity {pair.similarity:.2f})")  # fmt: skip
    if not why:
        return None
    before = learned.rows if learned.rows is not None else columns_of(whole_rows(context, learned.artifact.key))
    leaks_at = [place for place, idx in enumerate(before["idx"]) if idx in why and before["status"][place] == "ok"]
    rows = {**before, "status": list(before["status"]), "reason": list(before["reason"])}
    for place in leaks_at:
        rows["status"][place], rows["reason"][place] = "leak", why[before["idx"][place]]
    if "ok" not in rows["status"]:
        what = f"all usable {kind_of(learned.artifact)} rows are test rows"
        raise DataError(what, str(learned.artifact.summary.get("file")), "is it the right file? see `sdc data ls`")
    context.say(f"data {learned.cell}: {len(why)} of {len(rows['idx'])} rows dropped, as test rows (status leak)")
    summary = learned.artifact.summary
    planned = data_artifact.planned(
        rows,
        learned.cell,
        version=version,
        source=summary["source"],
        split=summary["split"],
        inputs=learned.artifact.inputs if learned.rows is not None else [learned.artifact.key],
    )
    about = {name: value for name, value in summary.items() if name not in ("leaks", "reading", "fetched")}
    return dataclasses.replace(
        learned, artifact=dataclasses.replace(planned, summary={**about, **planned.summary}), rows=rows, ids=()
    )


def with_leaks(context: Context, items: Sequence[Ready]) -> tuple[list[Ready], list[str]]:
    """Returns the sets, those not yet kept with their leaks in the summary, and lines that say what leaks."""
    lines: list[str] = []
    known: dict[str, dict[str, Any]] = {item.artifact.key: {} for item in items}
    for kinds in sides(context, items).values():
        indexes: dict[str, Join] = {}
        for learned, test in ((kinds[a], kinds[b]) for b in TESTED if b in kinds for a in LEARNED if a in kinds):
            pair = (learned.artifact.key, test.artifact.key)
            if not set(pair) & set(known):
                continue
            counts = _recorded(learned, test) or _counted(context, learned, test, indexes)
            for key, other in (pair, pair[::-1]):
                known.setdefault(key, {})[other] = counts
            lines += [_line(learned, test, counts)] if counts["leaked"] else []
    lines += [_WHAT_LEAKS_MEAN] if lines else []
    return [_with(item, known[item.artifact.key]) for item in items], lines


def _with(item: Ready, counts: Mapping[str, Any]) -> Ready:
    if item.rows is None or not counts:
        return item
    summary = {**item.artifact.summary, "leaks": dict(counts)}
    return dataclasses.replace(item, artifact=dataclasses.replace(item.artifact, summary=summary))


def _recorded(one: Ready, other: Ready) -> dict[str, Any] | None:
    """Returns what the summary of either says of the two, if anything."""
    for here, there in ((one, other), (other, one)):
        counts = (here.artifact.summary.get("leaks") or {}).get(there.artifact.key)
        if counts is not None:
            return dict(counts)
    return None


def _counted(context: Context, learned: Ready, test: Ready, indexes: dict[str, Join]) -> dict[str, Any]:
    texts = test.texts(context.store)
    if test.artifact.key not in indexes:
        indexes[test.artifact.key] = leaks.index(texts)
    found = leaks.find(learned.texts(context.store), texts, known=indexes[test.artifact.key])
    return found.as_json() | {"test_idx": _first(found)}


def _first(found: Leaks) -> list[int]:
    """Returns the first test rows that leak, by idx."""
    return sorted({pair.test for pair in found.pairs})[:_LINES_SHOWN]


def _line(learned: Ready, test: Ready, counts: Mapping[str, Any]) -> str:
    share = counts["leaked"] / max(counts["test_rows"], 1)
    tested, learns = kind_of(test.artifact), kind_of(learned.artifact)
    return (
        f"data {test.cell}: {counts['leaked']} of {counts['test_rows']} {tested} texts ({share:.1%}, {counts['exact']} "
        f"word for word) stand in the {learns} rows {learned.artifact.short}"
    )


# -- which one is taken --------------------------------------------------------------------------------------------


def sides(context: Context, items: Sequence[Ready] = ()) -> dict[str, dict[str, Ready]]:
    """Returns the sets that later stages would take by kind, for each cell of `items`, which come first."""
    found: dict[str, dict[str, Ready]] = {str(item.cell): {} for item in items}
    cells = {(item.cell.lang, item.cell.task.name): item.cell for item in items}
    for item in items:
        found[str(item.cell)].setdefault(kind_of(item.artifact), item)
    for stage in ("data", "gen"):
        for artifact in context.store.find(stage):
            cell = cells.get((artifact.lang or "", artifact.task or ""))
            if cell is not None:
                found[str(cell)].setdefault(kind_of(artifact), Ready(cell=cell, artifact=artifact))
    return found


def what_is_taken(context: Context, items: Sequence[Ready]) -> list[str]:
    """Returns lines that say which set later stages take from now on, where that is another one than before.

    Asked before the sets are kept: afterwards they are the newest.
    """
    lines: list[str] = []
    newest: dict[tuple[str | None, str | None, str], Artifact] = {}
    for artifact in context.store.find("data"):
        newest.setdefault((artifact.lang, artifact.task, kind_of(artifact)), artifact)
    tags = {(item.cell.lang, item.cell.task.name): item.cell for item in items}
    for cell in tags.values():
        others = lineage.other_tags(context, cell)
        lines += [
            f"data {cell}: the store has {tag}/{cell.task.name} too; no stage takes one for the other" for tag in others
        ]
    for item in items:
        artifact, kind = item.artifact, kind_of(item.artifact)
        former = newest.get((artifact.lang, artifact.task, kind)) if kind != "synthetic" else None
        if former is None or former.key in (artifact.key, *artifact.inputs):
            continue
        fix = f"--append {former.short} makes one set of both" if item.rows is not None else "name its key to take it"
        lines.append(
            f"data {item.cell}: from now on later stages take {_named(artifact)} as {kind} data, and no longer "
            f"{_named(former)}; {fix}"
        )
    return lines


def _named(artifact: Artifact) -> str:
    summary = artifact.summary
    return f"{artifact.short} ({summary.get('file', '')}, {counted(summary.get('rows', 0), 'row', commas=True)})"
