"""The stage `data`: human examples from files, from the paper's folder or from the hub; synthetic ones made elsewhere.

Here: what is read, and what is there already. Not here: files (`data_files.py`), the hub (`data_hub.py`), labels
(`data_columns.py`), key and summary (`data_artifact.py`), the profile (`data_profile.py`).
"""

import dataclasses
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.cache import key
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import data_artifact, data_columns, data_files, data_hub, tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data_columns import Labels
from sdc.pipelines.data_files import Frame
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages

VERSION = 1
SPLITS = ("train", "test")
SOURCES = ("human", "synthetic")

#: The kinds of the paper's files -> source and split.
_PAPER_KINDS = {
    "test": ("human", "test"),
    "train_human_parsed": ("human", "train"),
    "train_full": ("synthetic", "train"),
}
_PAPER_NAME = re.compile(r"(?P<lang>[A-Za-z0-9-]+?)-(?P<kind>test|train_human_parsed|train_full)\.csv")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How one file is read. None of it is part of the key: the rows that come out are.

    Args:
        split: `train` or `test`; synthetic rows are always `train`. Default train.
        source: `human`, or `synthetic` for examples that another generator made. Default human.
        text_column: Name of the text column; found by its name if None.
        label_column: Name of the label column; found by its name and content if None.
        most_unusable: The share of rows without a usable label above which a file is refused, 0 to 1. Default 0.2.
    """

    split: str = "train"
    source: str = "human"
    text_column: str | None = None
    label_column: str | None = None
    most_unusable: float = 0.2

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UsageError(f"unknown split {self.split!r}", "--split", "use train or test")
        if self.source not in SOURCES:
            raise UsageError(f"unknown source {self.source!r}", "--source", "use human or synthetic")
        if self.source == "synthetic" and self.split == "test":
            raise UsageError("synthetic examples are no test data", "--split", "use --split train")
        if not 0 <= self.most_unusable <= 1:
            raise ValueError("most_unusable is a share between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A planned artifact with its rows, not yet kept."""

    artifact: Artifact
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A file, what it holds and how it is read."""

    cell: Cell
    path: Path
    config: DataConfig
    name: str

    def digest(self) -> str:
        """Returns the digest of the file's bytes and the way it is read: known, it need not be parsed again."""
        data_files.check(self.path)
        task = dataclasses.asdict(self.cell.task)
        return key.digest([VERSION, key.file_digest(self.path), self.cell.lang, task, dataclasses.asdict(self.config)])


def add(context: Context, cell: Cell, path: Path, config: DataConfig) -> Outcome:
    """Returns the artifact of one file: stage `data` for human rows, `gen` for synthetic ones.

    Raises:
        UsageError: The columns cannot be told, or the task's name belongs to a built-in task.
        DataError: The file or too many of its rows cannot be used.
    """
    reading = _Reading(cell=cell, path=path, config=config, name=path.name)
    return _take(context, [reading])[0]


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
        readings.append(_Reading(cell=cell, path=path, config=config, name=f"{name}/{path.name}"))
    return _take(context, readings)


def _take(context: Context, readings: Sequence[_Reading]) -> list[Outcome]:
    """Reads what was not read before in the same way, and keeps all of it in one transaction."""
    digests = [reading.digest() for reading in readings]
    known = {} if context.force else _known(context, "$.reading", digests)
    ready = {}
    for done, (reading, digest) in enumerate(zip(readings, digests, strict=True)):
        context.progress("reading", done, len(readings))
        if digest not in known:
            started = time.perf_counter()
            about = {"file": reading.name, "reading": digest}
            frame, labels = data_files.read(reading.path), Labels(reading.cell.task)
            ready[digest] = _ready(reading.cell, frame, reading.config, labels=labels, about=about, started=started)
    context.progress("reading", len(readings), len(readings))
    made = dict(zip(ready, _keep(context, list(ready.values())), strict=True))
    if known:
        context.store.touch([hit.key for hit in known.values()])
    return [known.get(digest) or made[digest] for digest in digests]


def _known(context: Context, field: str, values: Sequence[str]) -> dict[str, Outcome]:
    """Returns hits for the artifacts whose summary has one of `values` in `field`, by that value."""
    found = context.store.query(
        """select json_extract_string(summary, ?) as value, key, summary from artifacts
        where stage in ('data', 'gen') and list_contains(?, json_extract_string(summary, ?))""",
        [field, list(values), field],
    )
    return {value: Outcome(key=key, hit=True, summary=json.loads(summary)) for value, key, summary in found}


def fetch(context: Context, cells: Sequence[Cell], *, folder: Path | None = None) -> list[Outcome]:
    """Returns the artifacts of the public train and test sets of cells, from the hub or from a local copy.

    A set that was fetched from the hub before is not asked for again, unless the context forces it.

    Raises:
        DataError: A cell has no public set, or it cannot be had.
    """
    sources = [(cell, data_hub.source_for(cell)) for cell in cells]  # all of them, before the first download
    outcomes = []
    for cell, source in sources:
        for split in source.splits:
            origin = f"{source.repo} {source.config or ''} {source.splits[split]}"
            known = {} if context.force or folder is not None else _known(context, "$.fetched", [origin])
            if known:
                context.store.touch([known[origin].key])
            outcomes.append(known.get(origin) or _fetch_one(context, cell, source, split, folder=folder, origin=origin))
    return outcomes


def _fetch_one(
    context: Context,
    cell: Cell,
    source: data_hub.HubSource,
    split: str,
    *,
    folder: Path | None,
    origin: str,
) -> Outcome:
    context.say(f"fetching {cell} {split} from {folder or source}")
    started = time.perf_counter()
    frame = data_hub.load(source, split, folder=folder)
    labels = Labels(cell.task)
    about: dict[str, Any] = {"file": source.repo, "fetched": None if folder else origin}
    config = DataConfig(split=split, text_column=source.text, label_column=source.label)
    if source.subset:
        columns = data_columns.choose(frame, labels, text=source.text, label=source.label)
        kept = tuple(record for record in frame.records if labels.id(record.cells.get(columns.label)) is not None)
        about["other_labels"] = len(frame.records) - len(kept)
        if not kept:
            raise DataError(f"no row has a label of task {cell.task.name}", frame.where, "check the set")
        frame = dataclasses.replace(frame, records=kept)
    ready = _ready(cell, frame, config, labels=labels, about=about, started=started)
    return _keep(context, [ready])[0]


def _ready(
    cell: Cell, frame: Frame, config: DataConfig, *, labels: Labels, about: Mapping[str, Any], started: float
) -> _Ready:
    data_artifact.check_name(cell.task)
    columns = data_columns.choose(frame, labels, text=config.text_column, label=config.label_column)
    rows = data_columns.examples(
        frame, columns, labels, lang=cell.lang, task=cell.task, source=config.source, split=config.split
    )
    data_columns.check_usable(rows, cell.task, where=frame.where, most=config.most_unusable)
    planned = data_artifact.planned(rows, cell, version=VERSION, source=config.source, split=config.split)
    summary = {**planned.summary, **about}
    artifact = dataclasses.replace(planned, summary=summary, seconds=time.perf_counter() - started)
    return _Ready(artifact=artifact, rows=rows)


def _keep(context: Context, ready: Sequence[_Ready]) -> list[Outcome]:
    """Keeps what is new in one transaction; what is there already is a hit."""
    store = context.store
    keys = [item.artifact.key for item in ready]
    known = {} if context.force else {hit.key: hit for hit in _by_key(context, keys)}
    new = [(item.artifact, {"examples": item.rows}) for item in ready if item.artifact.key not in known]
    store.put_many(new, replace=context.force)
    if known:
        store.touch(list(known))
    made = {artifact.key: Outcome(key=artifact.key, hit=False, summary=artifact.summary) for artifact, _ in new}
    return [known.get(name) or made[name] for name in keys]


def _by_key(context: Context, keys: Sequence[str]) -> list[Outcome]:
    found = context.store.query("select key, summary from artifacts where list_contains(?, key)", [list(keys)])
    return [Outcome(key=name, hit=True, summary=json.loads(summary)) for name, summary in found]
