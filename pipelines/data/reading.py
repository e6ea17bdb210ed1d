"""From frames to the rows of one data set: which rows belong to it, what their labels mean, what each is worth.

Here: the order of these steps, and what of it people are told. Not here: the steps themselves (`select.py`,
`columns.py`, `labels.py`, `rows.py`), files (`files.py`), the store (`data.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdc.pipelines.cells import Cell
from sdc.pipelines.data import artifact, files, select
from sdc.pipelines.data import columns as data_columns
from sdc.pipelines.data import labels as data_labels
from sdc.pipelines.data import rows as data_rows
from sdc.pipelines.data.columns import Columns
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.data.frame import Frame
from sdc.pipelines.data.labels import Labels
from sdc.pipelines.data.rows import ExampleColumns
from sdc.pipelines.text.folding import fold_name

_LINES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class LoadedRows:
    """The rows of a data set, and what its summary says of the way they were read.

    `ids` is what the file calls the sentence of each row.
    """

    rows: ExampleColumns
    ids: list[str | None]
    about: dict[str, Any] = field(default_factory=dict)


def read_file(path: Path, config: DataConfig) -> Frame:
    """Returns the frame of a file; of a file that can be read in part, the columns that may be needed."""

    def wanted(names: Sequence[str]) -> Sequence[str]:
        asked = {fold_name(name) for name in config.conditions}
        others = [c for c in names if fold_name(c) in asked | set(select.LANGUAGE_NAMES)]
        return [*data_columns.candidates(names, text=config.text_column, label=config.label_column), *others]

    return files.read(path, config.form, wanted=wanted)


def read(cell: Cell, frames: Sequence[Frame], config: DataConfig, *, only: bool = False) -> LoadedRows:
    """Returns the rows of all frames, as one data set.

    Args:
        cell: Their language and task.
        frames: In order.
        config: How they are read.
        only: Leave out rows in other languages, where a column says which, instead of refusing them.

    Raises:
        UsageError: The columns cannot be told, the task's name is taken, or rows are in another language.
        DataError: Too many rows cannot be used, or the numbers in a label column may not be ids.
    """
    artifact.check_name(cell.task)
    mapping = data_labels.parse_map(config.label_map, cell.task)
    labels = Labels(cell.task, mapping, first=config.first_label)
    where = ", ".join(frame.where for frame in frames)
    wholes = [_with_header(frame, config, labels) for frame in frames]
    chosen = []
    for whole in wholes:
        asked = select.where(whole, config.conditions)[0]  # what stands in other rows says nothing of the columns
        columns = data_columns.choose(asked, labels, text=config.text_column, label=config.label_column)
        chosen.append((whole, columns))
    # Over all files and all rows: they were written in one way, and those that are asked for may lack some label.
    numbers = [value for frame, c in chosen if c.check is None for value in frame.column(c.label)]
    labels.check_numbers(numbers, where=where)
    left: dict[str, int] = {}
    for position, (whole, columns) in enumerate(chosen):
        frame, counts = _select(cell, whole, columns, config, labels, only=only)
        chosen[position] = (frame, columns)
        left = {name: left.get(name, 0) + count for name, count in counts.items()}
    parts = [
        data_rows.examples(
            frame, columns, labels, lang=cell.lang, task=cell.task, source=config.source, split=config.split
        )
        for frame, columns in chosen
    ]
    rows = data_rows.together(parts) if len(parts) > 1 else parts[0]
    data_rows.check_usable(rows, cell.task, where=where, most=config.most_unusable)
    about = {**left, **_odd([frame for frame, _ in chosen]), **_unusable([frame for frame, _ in chosen], parts)}
    bare = [Path(frame.where).name for frame, whole in zip(frames, wholes, strict=True) if frame is not whole]
    ids = [name for frame, _ in chosen for name in data_columns.sentence_ids(frame)]
    return LoadedRows(rows=rows, ids=ids, about=about | ({"no_header": bare} if bare else {}))


def _with_header(frame: Frame, config: DataConfig, labels: Labels) -> Frame:
    """Returns a frame whose first row is no header with that row, unless columns are called by what stands there."""
    named = (config.text_column, config.label_column)
    return data_columns.without_header(frame, labels) if all(n is None or n.isdecimal() for n in named) else frame


def _select(
    cell: Cell, frame: Frame, columns: Columns, config: DataConfig, labels: Labels, *, only: bool
) -> tuple[Frame, dict[str, int]]:
    """Returns the rows of a frame that are asked for, and how many others there are by why they are left out."""
    counts: dict[str, int] = {}
    if config.conditions:
        frame, counts["other_values"] = select.where(frame, config.conditions)
    if only:
        frame, others = select.of_language(frame, cell.lang)
        counts |= {"other_languages": others} if others else {}
    else:
        select.check_language(frame, cell.lang, told=config.conditions)
    if config.subset:
        frame, counts["other_labels"] = select.of_task(frame, columns, labels)
    if not config.first_label:
        data_rows.check_one_label(frame, columns, labels)
    return frame, counts


def _odd(frames: Sequence[Frame]) -> dict[str, Any]:
    """Returns how many rows have a quoted cell with a delimiter and a line break in it, and where the first are."""
    lines = [
        f"{Path(frame.where).name}:{row.line}" if len(frames) > 1 else row.line
        for frame in frames
        for row in frame.marked.values()
        if row.odd
    ]
    return {"odd": {"rows": len(lines), "lines": lines[:_LINES_SHOWN]}} if lines else {}


def _unusable(frames: Sequence[Frame], parts: Sequence[ExampleColumns]) -> dict[str, list[str]]:
    """Returns the first rows that cannot be used, each as its line and why."""
    lines: list[str] = []
    for frame, rows in zip(frames, parts, strict=True):
        if {*rows["status"]}.isdisjoint(data_rows.NO_EXAMPLE):
            continue
        file = f"{Path(frame.where).name}, " if len(frames) > 1 else ""
        for line, status, reason in zip(frame.lines, rows["status"], rows["reason"], strict=True):
            if status in data_rows.NO_EXAMPLE and len(lines) < _LINES_SHOWN:
                lines.append(file + (reason if reason.startswith("line") else f"line {line}: {reason}"))
    return {"unusable": lines} if lines else {}
