"""The stage `data`: human examples from files, from the paper's folder or from the hub; synthetic ones made elsewhere.

Here: what is read, what is there already, what is kept. Not here: settings (`config.py`), files to rows
(`reading.py`), the hub (`hub.py`), sets that are put together, and leaks (`sets.py`), key and summary
(`artifact.py`), the profile (`profile.py`).
"""

import dataclasses
import gc
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.cache import key
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import stage, tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import artifact as data_artifact
from sdc.pipelines.data import files as data_files
from sdc.pipelines.data import hub, sets
from sdc.pipelines.data import reading as data_reading
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.data.reading import LoadedRows
from sdc.pipelines.data.rows import columns_of, table, together
from sdc.pipelines.data.sets import Ready
from sdc.pipelines.progress import Step
from sdc.pipelines.records import sentences
from sdc.pipelines.records.examples import whole_rows
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages

__all__ = ["DataConfig", "add", "add_paper", "add_set", "fetch"]

#: Of the artifact. Its key is made of the rows, so that rows that were read wrongly have another key anyway.
VERSION = 1
#: Of the way files are read: a file that was read in an older way is read again, not known by its bytes.
_READING = 3

#: The kinds of the paper's files -> source and split.
_PAPER_KINDS = {
    "test": ("human", "test"),
    "train_human_parsed": ("human", "train"),
    "train_full": ("synthetic", "train"),
}
_PAPER_NAME = re.compile(r"(?P<lang>[A-Za-z0-9-]+?)-(?P<kind>test|train_human_parsed|train_full)\.csv")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Files that are one data set, what they hold and how they are read."""

    cell: Cell
    paths: tuple[Path, ...]
    config: DataConfig
    name: str

    def digest(self) -> str:
        """Returns the digest of the bytes and the way they are read: known, they need not be parsed again."""
        for path in self.paths:
            data_files.check(path, self.config.form)
        files = [key.file_digest(path) for path in self.paths]
        how = [self.cell.lang, self.cell.task.definition(), json.loads(json.dumps(dataclasses.asdict(self.config)))]
        return key.digest([_READING, VERSION, files, *how])


def add(context: Context, cell: Cell, paths: Path | Sequence[Path], config: DataConfig) -> Outcome:
    """Returns the artifact of files that are one data set; see `add_set`."""
    return add_set(context, cell, paths, config)[0]


def add_set(
    context: Context,
    cell: Cell,
    paths: Path | Sequence[Path],
    config: DataConfig,
    *,
    append: str | None = None,
    drop_leaks: bool = False,
) -> list[Outcome]:
    """Returns the artifact of files that are one data set: stage `data` for human rows, `gen` for synthetic ones.

    With `drop_leaks`, test data brings a second artifact: the newest train data without its leaks.

    Args:
        context: Where it is kept.
        cell: Language and task of the rows.
        paths: One file or several.
        config: How they are read.
        append: Key of earlier data of the split, or `newest`: what comes back holds its rows and then the new ones.
        drop_leaks: Train rows that are test rows, or nearly, get the status `leak`.

    Raises:
        UsageError: The columns cannot be told, the task's name belongs to a built-in task, or `append` does not fit.
        DataError: A file or too many rows cannot be used.
    """
    paths = (paths,) if isinstance(paths, Path) else tuple(paths)
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("a file is named twice", "sdc data add", "name each once")
    name = " + ".join(path.name for path in paths)
    reading = Reading(cell=cell, paths=paths, config=config, name=name)
    earlier = sets.earlier(context, cell, append, config=config) if append is not None else None
    return _take(context, [reading], earlier=earlier, drop_leaks=drop_leaks)


def add_paper(context: Context, folder: Path) -> list[Outcome]:
    """Returns the artifacts of all files in the layout of the paper's repository, kept in one transaction.

    Raises:
        DataError: No such folder, no such files in it, or one that cannot be used; then nothing is kept.
    """
    layout = "it holds files such as topic/te-test.csv, topic/te-train_human_parsed.csv and topic/te-train_full.csv"
    if not folder.is_dir():
        raise DataError("there is no such folder", str(folder), layout)
    found = [
        (path, match, task)
        for task in tasks.builtin_names()
        for path in sorted((folder / task).glob("*.csv"))
        if (match := _PAPER_NAME.fullmatch(path.name))
    ]
    if not found:
        raise DataError("none of the paper's files is in this folder", str(folder), layout)
    readings = []
    for path, match, name in found:
        source, split = _PAPER_KINDS[match["kind"]]
        cell = Cell(language=languages.load(match["lang"]), task=tasks.load(name))
        config = DataConfig(split=split, source=source)
        readings.append(Reading(cell=cell, paths=(path,), config=config, name=f"{name}/{path.name}"))
    return _take(context, readings)


def _take(
    context: Context, readings: Sequence[Reading], *, earlier: Artifact | None = None, drop_leaks: bool = False
) -> list[Outcome]:
    """Reads what was not read before in the same way, and keeps all of it in one transaction."""
    digests = [key.digest([reading.digest(), earlier.key if earlier else None]) for reading in readings]
    # Which rows leak depends on the test data of the day: then the file is read again, and its rows may be a hit.
    known = {} if context.force or drop_leaks else _known(context, "$.reading", digests)
    items = []
    with _no_search_for_cycles():
        for done, (reading, digest) in enumerate(zip(readings, digests, strict=True)):
            context.progress(Step(what="read", done=done, total=len(readings), unit="file"))
            if digest in known:
                items.append(Ready(cell=reading.cell, artifact=known[digest]))
                continue
            started = time.perf_counter()
            found = compute(reading)
            about = {"file": reading.name, "reading": digest}
            items.append(_ready(context, reading.cell, found, reading.config, about, earlier=earlier, started=started))
        context.progress(Step(what="read", done=len(readings), total=len(readings), unit="file"))
        return _keep(context, items, drop_leaks=drop_leaks)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Python looks through all rows that are held, again and again; there are no cycles in them, and it takes long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def compute(reading: Reading) -> LoadedRows:
    """Returns the rows of files that are one data set; it needs no store.

    Raises:
        UsageError: The columns cannot be told, or the task's name belongs to a built-in task.
        DataError: A file or too many rows cannot be used.
    """
    frames = [data_reading.read_file(path, reading.config) for path in reading.paths]
    return data_reading.read(reading.cell, frames, reading.config)


def _known(context: Context, field: str, values: Sequence[str]) -> dict[str, Artifact]:
    """Returns the artifacts whose summary has one of `values` in `field`, by that value."""
    found = context.store.query(
        """select json_extract_string(summary, ?) as value, key from artifacts
        where stage in ('data', 'gen') and list_contains(?, json_extract_string(summary, ?))""",
        [field, list(values), field],
    )
    artifacts = context.store.get_many([key for _, key in found])
    return {value: artifacts[key] for value, key in found if key in artifacts}


def fetch(
    context: Context, cells: Sequence[Cell], *, folder: Path | None = None, drop_leaks: bool = False
) -> list[Outcome]:
    """Returns the artifacts of the public train and test sets of cells, from the hub or from a local copy.

    A set that was fetched from the hub before is not asked for again, unless the context forces it.

    Raises:
        DataError: A cell has no public set, or it cannot be had.
    """
    sources = [(cell, hub.source_for(cell)) for cell in cells]  # all of them, before the first download
    outcomes = []
    for cell, source in sources:
        items = []
        for split in source.splits:
            origin = f"{source.repo} {source.config or ''} {source.splits[split]}"
            known = {} if context.force or folder is not None else _known(context, "$.fetched", [origin])
            if known:
                items.append(Ready(cell=cell, artifact=known[origin]))
            else:
                items.append(_fetch_one(context, cell, source, split, folder=folder, origin=origin))
        outcomes += _keep(context, items, drop_leaks=drop_leaks)
    return outcomes


def _fetch_one(
    context: Context,
    cell: Cell,
    source: hub.HubSource,
    split: str,
    *,
    folder: Path | None,
    origin: str,
) -> Ready:
    context.say(f"fetching {cell} {split} from {folder or source}")
    started = time.perf_counter()
    frame = hub.load(source, split, lang=cell.lang, folder=folder)
    config = DataConfig(split=split, text_column=source.text, label_column=source.label, subset=source.subset)
    found = data_reading.read(cell, [frame], config, only=True)
    about = {"file": source.repo, "fetched": None if folder else origin}
    return _ready(context, cell, found, config, about, started=started)


def _ready(
    context: Context,
    cell: Cell,
    found: LoadedRows,
    config: DataConfig,
    about: Mapping[str, Any],
    *,
    earlier: Artifact | None = None,
    started: float,
) -> Ready:
    rows, ids = found.rows, found.ids
    if earlier is not None:
        before = whole_rows(context, earlier.key)
        rows = together([columns_of(before), rows])
        named = sentences.ids_of(context.store, [earlier.key]).get(earlier.key, {})
        ids = [*(named.get(row["idx"]) for row in before), *ids]
        about = {**about, "file": f"{earlier.summary.get('file')} + {about['file']}"}
    planned = data_artifact.planned(
        rows,
        cell,
        version=VERSION,
        source=config.source,
        split=config.split,
        inputs=[earlier.key] if earlier else [],
    )
    summary = {**planned.summary, **found.about, **about}
    artifact = dataclasses.replace(planned, summary=summary, seconds=time.perf_counter() - started)
    return Ready(
        cell=cell, artifact=artifact, rows=rows, ids=sentences.rows(ids) if config.split in sets.TESTED else ()
    )


def _keep(context: Context, items: Sequence[Ready], *, drop_leaks: bool) -> list[Outcome]:
    """Keeps what is new in one transaction; what is there already is a hit. Says what leaks, and what is taken now."""
    store = context.store
    if drop_leaks:
        items = sets.without_leaks(context, items, version=VERSION)
    there = {} if context.force else store.get_many([item.artifact.key for item in items])
    lack_ids = {item.artifact.key for item in items if item.ids and item.artifact.key in there}
    lack_ids -= sentences.ids_of(store, sorted(lack_ids)).keys()  # an older sdc kept none
    there = {key: artifact for key, artifact in there.items() if key not in lack_ids}
    items = [
        dataclasses.replace(item, artifact=there[item.artifact.key], rows=None) if item.artifact.key in there else item
        for item in items
    ]
    items, lines = sets.with_leaks(context, items)
    lines += sets.what_is_taken(context, items)
    new = [(item, {"examples": table(item.rows)}) for item in items if item.rows is not None]
    finished = [(item.artifact, rows | ({"sentence_ids": item.ids} if item.ids else {})) for item, rows in new]
    stage.keep(context, finished, overwrite=bool(lack_ids))
    store.touch([item.artifact.key for item in items if item.rows is None])
    for line in lines:  # only now: what cannot be kept changes nothing
        context.say(line)
    return [Outcome(key=item.artifact.key, hit=item.rows is None, summary=item.artifact.summary) for item in items]
