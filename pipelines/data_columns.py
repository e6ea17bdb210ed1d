"""From a frame to labelled examples: which column is the text, which the label, and what each row is worth.

Here: the choice of columns, labels of names, aliases or ids, the status and reason of a row. Not here: files
(`data_files.py`), the hub (`data_hub.py`), the store (`data.py`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdc.errors import DataError, UsageError
from sdc.pipelines.data_files import Frame
from sdc.pipelines.tasks import Task

#: Tried in this order, without regard to case.
TEXT_NAMES = (
    "text",
    "sentence",
    "utterance",
    "utt",
    "content",
    "comment",
    "review",
    "tweet",
    "message",
    "document",
    "body",
)
LABEL_NAMES = (
    "label",
    "labels",
    "intent",
    "category",
    "class",
    "topic",
    "sentiment",
    "sarcastic",
    "target",
    "label_text",
)

_SAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that are used: the text, the label, and one more with label names that must agree (or None)."""

    text: str
    label: str
    check: str | None = None


class Labels:
    """Label ids by cell value, looked up once per distinct value."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._known: dict[str, int | None] = {}

    def id(self, value: object) -> int | None:
        """Returns the id that a cell stands for, or None."""
        text = str(value)
        if text not in self._known:
            self._known[text] = self._task.label_id(text)
        return self._known[text]


def choose(frame: Frame, labels: Labels, *, text: str | None = None, label: str | None = None) -> Columns:
    """Returns the columns to use: those named, else found by name and, for labels, by what stands in them.

    Raises:
        UsageError: A named column is missing, or the choice cannot be made.
    """
    readable = [record.cells for record in frame.records if record.broken is None]
    text_column = _named(frame, text, "--text-column") if text else _by_name(frame, TEXT_NAMES, "--text-column")
    if label:
        return Columns(text=text_column, label=_named(frame, label, "--label-column"))
    candidates = [name for name in _ordered(frame, LABEL_NAMES) if name != text_column]
    if not candidates:
        raise UsageError(f"no label column among {_list(frame)}", frame.where, "name it with --label-column")

    def share(name: str, *, names_only: bool = False) -> float:
        good = sum(
            labels.id(cells.get(name)) is not None and not (names_only and _is_number(cells.get(name)))
            for cells in readable
        )
        return good / max(len(readable), 1)

    best = max(candidates, key=share)  # the first of equals, so `label` before `intent`
    if share(best) == 0 and len(candidates) > 1:
        raise UsageError(
            f"none of the columns {', '.join(map(repr, candidates))} has labels of this task; {_list(frame)}",
            frame.where,
            "name the right one with --label-column",
        )
    # Where an id and a name stand side by side, as in the paper's files, they must agree. A few odd names are rows to
    # report; a column that is mostly something else is no label column at all.
    checks = [name for name in candidates if name != best and share(name, names_only=True) >= 0.8]
    _once(frame, best, "--label-column")
    return Columns(text=text_column, label=best, check=checks[0] if checks else None)


def _named(frame: Frame, name: str, flag: str) -> str:
    found = [c for c in dict.fromkeys(frame.columns) if c == name] or [
        c for c in dict.fromkeys(frame.columns) if c.strip().casefold() == name.strip().casefold()
    ]
    if not found:
        raise UsageError(f"no column {name!r} among {_list(frame)}", frame.where, f"correct {flag}")
    return _once(frame, found[0], flag)


def _by_name(frame: Frame, names: Sequence[str], flag: str) -> str:
    found = _ordered(frame, names)
    if not found:
        hint = "; is the delimiter a comma (.csv) or a tab (.tsv)?" if len(frame.columns) == 1 else ""
        raise UsageError(f"no text column among {_list(frame)}{hint}", frame.where, f"name it with {flag}")
    return _once(frame, found[0], flag)


def _ordered(frame: Frame, names: Sequence[str]) -> list[str]:
    return [c for name in names for c in dict.fromkeys(frame.columns) if c.strip().casefold() == name]


def _once(frame: Frame, name: str, flag: str) -> str:
    if frame.columns.count(name) > 1:
        raise UsageError(f"two columns are called {name!r}", frame.where, f"rename one and use {flag}")
    return name


def _list(frame: Frame) -> str:
    shown = ", ".join(repr(name[:40]) for name in frame.columns[:12])
    return f"the columns {shown}{' ...' if len(frame.columns) > 12 else ''}"


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def examples(
    frame: Frame, columns: Columns, labels: Labels, *, lang: str, task: Task, source: str, split: str
) -> list[dict[str, Any]]:
    """Returns one row of the table `examples` per record, in order, each with a status and a reason.

    `ok`; `empty` (no text but white space); `unlabelled` (no usable label); `broken` (the row cannot be read).

    Raises:
        DataError: No row can be used.
    """
    rows = []
    for idx, record in enumerate(frame.records):
        text, label, status, reason = record.raw, None, "broken", record.broken
        if record.broken is None:
            text, reason = printable(record.cells.get(columns.text))
            if reason is None:
                label, why_unlabelled = _label(record.cells, columns, labels, task)
                if not text.strip():
                    status, reason = "empty", "empty text"
                else:
                    status, reason = ("ok", None) if why_unlabelled is None else ("unlabelled", why_unlabelled)
        else:
            text, _ = printable(record.raw)
        rows.append(
            {
                "idx": idx,
                "lang": lang,
                "task": task.name,
                "text": text,
                "label": label,
                "label_name": None if label is None else task.labels[label].name,
                "source": source,
                "split": split,
                "status": status,
                "reason": reason,
                "origin": None,
            }
        )
    return rows


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


def _label(cells: Any, columns: Columns, labels: Labels, task: Task) -> tuple[int | None, str | None]:
    value = cells.get(columns.label)
    label = labels.id(value)
    if label is None:
        missing = value is None or not str(value).strip()
        return None, "no label" if missing else f"unknown label {str(value)[:80]!r}"
    if columns.check is not None:
        name = cells.get(columns.check)
        if name is not None and str(name).strip() and labels.id(name) != label:
            return None, f"{columns.label} is {str(value)[:40]!r} but {columns.check} is {str(name)[:40]!r}"
    return label, None


def check_usable(rows: Sequence[dict[str, Any]], task: Task, *, where: str, most: float) -> None:
    """Fails if more than the share `most` of the rows has no usable label, or none of them can be used.

    Raises:
        DataError: With samples of what stands there and the labels that the task knows.
    """
    unusable = [row for row in rows if row["status"] in ("unlabelled", "broken")]
    if len(unusable) > most * len(rows):
        reasons = Counter(row["reason"] for row in unusable)
        samples = ", ".join(reason for reason, _ in reasons.most_common(_SAMPLES))
        names = ", ".join(label.name for label in task.labels)
        raise DataError(
            f"{len(unusable)} of {len(rows)} rows have no usable label ({samples})",
            where,
            f"the labels of task {task.name} are {names}, or ids from 0; check --task and --label-column",
        )
    if not any(row["status"] == "ok" for row in rows):
        raise DataError(f"none of the {len(rows)} rows can be used ({rows[0]['reason']})", where, "check --text-column")
