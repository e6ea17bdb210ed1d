"""From the records of a frame to rows of the table `examples`, each with a status and a reason.

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
from sdc.pipelines.data.files import FileRow, Frame
from sdc.pipelines.data.labels import Labels, is_missing
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from pyarrow import Table

#: Rows of these statuses say that a file is not read as it is meant.
UNUSABLE = ("unlabelled", "broken")
_SAMPLES = 5
#: Label id, status and reason.
_LabelAndStatus: TypeAlias = tuple[int | None, str, str | None]


def examples(
    frame: Frame, columns: Columns, labels: Labels, *, lang: str, task: Task, source: str, split: str, start: int = 0
) -> list[dict[str, Any]]:
    """Returns one row of the table `examples` per record, in order, each with a status and a reason.

    `ok`; `empty` (no text but white space); `unlabelled` (no usable label, or several); `skipped` (`--label-map` says
    so); `broken` (the row cannot be read, or swallowed others).

    Args:
        frame: The records.
        columns: Which of its columns count.
        labels: What their labels mean.
        lang: Tag of the language.
        task: Whose labels they are.
        source: `human` or `synthetic`.
        split: What the rows are for.
        start: idx of the first row.
    """
    constant = {"lang": lang, "task": task.name, "source": source, "split": split, "origin": None}
    names = {None: None} | {label.id: label.name for label in task.labels}
    rows, known = [], dict[Any, _LabelAndStatus]()
    for idx, record in enumerate(frame.records, start=start):
        text, label, status, reason = _read(record, columns, labels, known)
        row = {"idx": idx, "text": text, "label": label, "label_name": names[label], "status": status, "reason": reason}
        rows.append(row | constant)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """Returns rows of the table `examples` as the store takes many of them."""
    load()
    import pyarrow as pa

    types = {"idx": pa.int32(), "label": pa.int32()}
    return pa.table({name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in rows[0]})


def _read(
    record: FileRow, columns: Columns, labels: Labels, known: dict[Any, _LabelAndStatus]
) -> tuple[str, int | None, str, str | None]:
    """Returns text, label id, status and reason of a record; `known` are labels that were read before."""
    if record.broken is not None:
        return printable(record.raw)[0], None, "broken", record.broken
    if record.lines and all(labels.id(_unquoted(line.get(columns.label))) is not None for line in record.lines):
        last = record.line + len(record.lines) - 1
        why = f"lines {record.line} to {last}: a quote swallowed whole rows; see --quoting none"
        return printable(record.raw)[0], None, "broken", why
    text, reason = printable(record.cells.get(columns.text))
    if reason is not None:
        return text, None, "broken", reason
    value, name = record.cells.get(columns.label), None if columns.check is None else record.cells.get(columns.check)
    try:
        cell = (value, name, type(value), type(name))  # 1 and True are equal, and two labels
        if cell not in known:
            known[cell] = _label(value, name, columns, labels)
        label, status, reason = known[cell]
    except TypeError:  # a list of JSON
        label, status, reason = _label(value, name, columns, labels)
    return (text, label, status, reason) if text.strip() else (text, label, "empty", "empty text")


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
    values = [record.cells.get(columns.label) for record in frame.records if record.broken is None]
    counts = Counter(len(several) for value in values if isinstance(value, list) and (several := labels.several(value)))
    if counts:
        shown = ", ".join(f"{number:,} with {size}" for size, number in sorted(counts.items())[:_SAMPLES])
        what = f"{counts.total():,} of {len(values):,} rows have several labels in column {columns.label!r} ({shown})"
        raise UsageError(what, frame.where, "--first-label takes the first of each; or name another --label-column")


def check_usable(rows: Sequence[Mapping[str, Any]], task: Task, *, where: str, most: float) -> None:
    """Fails if more than the share `most` of the rows has no usable label, or none of them can be used.

    Raises:
        DataError: With samples of what stands there and the labels that the task knows.
    """
    usable_or_not = [row for row in rows if row["status"] != "skipped"]
    unusable = [row for row in usable_or_not if row["status"] in UNUSABLE]
    if len(unusable) > most * len(usable_or_not):
        reasons = Counter(row["reason"] for row in unusable)
        samples = ", ".join(reason for reason, _ in reasons.most_common(_SAMPLES))
        several = sum("labels (" in reason for reason in reasons.elements())
        count = f", {several:,} have several labels" if several else ""
        names = ", ".join(label.name for label in task.labels)
        raise DataError(
            f"{len(unusable)} of {len(usable_or_not)} rows have no usable label{count} ({samples})",
            where,
            f"the labels of task {task.name} are {names}, or ids from 0; check --task and --label-column"
            + (
                ", or take the first with --first-label"
                if several
                else ', or say what is meant: --label-map "VALUE=LABEL"'
            ),
        )
    if not any(row["status"] == "ok" for row in rows):
        raise DataError(
            f"none of {counted(len(rows), 'row')} can be used ({rows[0]['reason']})", where, "check --text-column"
        )
