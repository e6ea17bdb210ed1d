"""From the columns of a frame to rows of the table `examples`, each with a status and a reason.

Here: what a row is worth. Not here: which columns are used (`columns.py`), what a label means (`labels.py`),
the store (`data.py`).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sdc.cache.columns import load
from sdc.cache.counted import counted
from sdc.errors import DataError, UsageError
from sdc.pipelines.data.columns import Columns
from sdc.pipelines.data.frame import FileRow, Frame
from sdc.pipelines.data.labels import Labels, is_missing
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from pyarrow import Table

#: Rows of these statuses say that a file is not read as it is meant.
UNUSABLE = ("unlabelled", "broken")
#: Rows of these are no labelled text, whether that is meant or not.
NO_EXAMPLE = ("empty", *UNUSABLE)
_SAMPLES = 5
#: Column of the table `examples`, but for the key -> the value of each row.
ExampleColumns: TypeAlias = Mapping[str, list[Any]]
#: Label id, status and reason.
_LabelAndStatus: TypeAlias = tuple[int | None, str, str | None]


def examples(
    frame: Frame, columns: Columns, labels: Labels, *, lang: str, task: Task, source: str, split: str, start: int = 0
) -> ExampleColumns:
    """Returns the rows of the table `examples`, one per row of the file, in order, each with a status and a reason.

    `ok`; `empty` (no text but white space); `unlabelled` (no usable label, or several); `skipped` (`--label-map` says
    so); `broken` (the row cannot be read, or swallowed others).

    Args:
        frame: The rows of the file.
        columns: Which of its columns count.
        labels: What their labels mean.
        lang: Tag of the language.
        task: Whose labels they are.
        source: `human` or `synthetic`.
        split: What the rows are for.
        start: idx of the first row.
    """
    texts, unusable = _printable(frame.column(columns.text))
    found = _labels(frame, columns, labels)
    for place, text in enumerate(texts):
        if not text or text.isspace():
            found[place] = (found[place][0], "empty", "empty text")
    for place, reason in unusable.items():
        found[place] = (None, "broken", reason)
    for place, row in frame.marked.items():
        reason_or_none = row.broken or _swallowed(row, columns, labels)
        if reason_or_none is not None:
            texts[place], found[place] = printable(row.raw)[0], (None, "broken", reason_or_none)
    names = {None: None} | {label.id: label.name for label in task.labels}
    ids, statuses, reasons = map(list, zip(*found, strict=True)) if found else ([], [], [])
    constant = {"lang": lang, "task": task.name, "source": source, "split": split, "origin": None}
    return {
        "idx": list(range(start, start + len(frame))),
        "text": texts,
        "label": ids,
        "label_name": [names[label] for label in ids],
        "status": statuses,
        "reason": reasons,
        **{name: [value] * len(frame) for name, value in constant.items()},
    }


def together(parts: Sequence[ExampleColumns]) -> ExampleColumns:
    """Returns the rows of several as one, numbered anew; at least one."""
    whole = {name: [value for part in parts for value in part[name]] for name in parts[-1]}
    return whole | {"idx": list(range(len(whole["idx"])))}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> ExampleColumns:
    """Returns rows that were read one by one, at least one, as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def table(rows: ExampleColumns) -> "Table":
    """Returns rows of the table `examples` as the store takes many of them."""
    load()
    import pyarrow as pa

    types = {"idx": pa.int32(), "label": pa.int32()}
    return pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in rows.items()})


def _swallowed(row: FileRow, columns: Columns, labels: Labels) -> str | None:
    """Returns why an odd row cannot be used: each of its lines would be a row by itself; None if it can."""
    if row.lines and all(labels.id(_unquoted(line.get(columns.label))) is not None for line in row.lines):
        return f"lines {row.line} to {row.line + len(row.lines) - 1}: a quote swallowed whole rows; see --quoting none"
    return None


def _labels(frame: Frame, columns: Columns, labels: Labels) -> list[_LabelAndStatus]:
    """Returns label id, status and reason of each row, whatever its text; each pair of label and name is read once."""
    values = frame.column(columns.label)
    names = [None] * len(frame) if columns.check is None else frame.column(columns.check)
    cells = list(zip(values, names, map(type, values), map(type, names), strict=True))  # 1 and True are two labels
    try:
        known = {cell: _label(*cell[:2], columns, labels) for cell in set(cells)}
        return [known[cell] for cell in cells]
    except TypeError:  # a list of JSON
        return [_label(value, name, columns, labels) for value, name in zip(values, names, strict=True)]


def _unquoted(value: object) -> object:
    return value.strip().strip('"') if isinstance(value, str) else value


def _label(value: object, name: object, columns: Columns, labels: Labels) -> _LabelAndStatus:
    if labels.is_skipped(value):
        return None, "skipped", f"label {str(value)[:80]!r} is left out by --label-map"
    label = labels.id(value)
    if label is None:
        several = labels.several(value)
        if several:
            return None, "unlabelled", f"{len(several)} labels ({', '.join(several)[:80]})"
        return None, "unlabelled", "no label" if is_missing(value) else f"unknown label {str(value)[:80]!r}"
    if columns.check is not None and not is_missing(name) and labels.id(name) != label:
        why = f"{columns.label} is {str(value)[:40]!r} but {columns.check} is {str(name)[:40]!r}"
        return None, "unlabelled", why
    return label, "ok", None


def _printable(values: Sequence[Any]) -> tuple[list[str], dict[int, str]]:
    """Returns the `printable` texts of a column, and by position why some cannot be used."""
    if all(type(value) is str for value in values) and printable("".join(values))[1] is None:
        return list(values), {}  # all in one: what is wrong with one text is wrong with all of them together
    found = list(map(printable, values))
    return [text for text, _ in found], {place: why for place, (_, why) in enumerate(found) if why is not None}


def printable(value: object) -> tuple[str, str | None]:
    """Returns the text of a cell as it is, and why it cannot be used (then the text is made printable), or None."""
    if value is None:
        return "", None
    if not isinstance(value, str):
        return json.dumps(value, default=str), f"the text is of type {type(value).__name__}"
    if "\0" in value:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}"), "the text has a NUL in it"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode(errors="replace").decode(), "the text has half a character in it (a lone surrogate)"
    return value, None


def check_one_label(frame: Frame, columns: Columns, labels: Labels) -> None:
    """Fails if the label column holds lists, and some have several labels: which one counts, nobody has said.

    Raises:
        UsageError: How many rows have how many, and what to do.
    """
    values = frame.readable(columns.label)
    counts = Counter(len(several) for value in values if isinstance(value, list) and (several := labels.several(value)))
    if counts:
        shown = ", ".join(f"{number:,} with {size}" for size, number in sorted(counts.items())[:_SAMPLES])
        what = f"{counts.total():,} of {len(values):,} rows have several labels in column {columns.label!r} ({shown})"
        raise UsageError(what, frame.where, "--first-label takes the first of each; or name another --label-column")


def check_usable(rows: ExampleColumns, task: Task, *, where: str, most: float) -> None:
    """Fails if more than the share `most` of the rows has no usable label, or none of them can be used.

    Raises:
        DataError: With samples of what stands there and the labels that the task knows.
    """
    statuses = Counter(rows["status"])
    num_rows = statuses.total() - statuses["skipped"]
    num_unusable = sum(statuses[status] for status in UNUSABLE)
    if num_unusable > most * num_rows:
        pairs = zip(rows["status"], rows["reason"], strict=True)
        reasons = Counter(reason for status, reason in pairs if status in UNUSABLE)
        samples = ", ".join(reason for reason, _ in reasons.most_common(_SAMPLES))
        several = sum("labels (" in reason for reason in reasons.elements())
        count = f", {several:,} have several labels" if several else ""
        names = ", ".join(label.name for label in task.labels)
        raise DataError(
            f"{num_unusable} of {num_rows} rows have no usable label{count} ({samples})",
            where,
            f"the labels of task {task.name} are {names}, or ids from 0; check --task and --label-column"
            + (
                ", or take the first with --first-label"
                if several
                else ', or say what is meant: --label-map "VALUE=LABEL"'
            ),
        )
    if not statuses["ok"]:
        first = rows["reason"][0]
        raise DataError(
            f"none of {counted(statuses.total(), 'row')} can be used ({first})", where, "check --text-column"
        )
