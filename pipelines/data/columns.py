"""Which column of a frame is the text and which the label, and whether its first row is a header at all.

Here: the choice, by flags, names and what stands there. Not here: files (`files.py`), what a label means
(`labels.py`), the status of a row (`rows.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines.data import json_records
from sdc.pipelines.data.frame import FileRow, Frame
from sdc.pipelines.data.labels import Labels, is_missing
from sdc.pipelines.tasks import is_number, normalise
from sdc.pipelines.text.folding import fold_name

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

#: What data sets that exist in several languages call the column of what is the same in all translations.
ID_NAMES = ("sentence_id", "index_id", "id")

#: A column of labels has labels in so many of its rows; ids and names side by side agree in as many.
_MOSTLY = 0.8


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that are used: the text, the label, and one more with label names that must agree (or None)."""

    text: str
    label: str
    check: str | None = None


def candidates(names: Sequence[str], *, text: str | None = None, label: str | None = None) -> list[str]:
    """Returns the columns that `choose` may look at; what stands in others does not matter.

    >>> candidates(["id", "Text", "label", "intent", "when"]), candidates(["x", "y", "label"], text="x", label="y")
    (['Text', 'label', 'intent', 'id'], ['x', 'y'])
    """
    texts = _like(names, [text] if text else TEXT_NAMES)
    return list(dict.fromkeys([*texts, *_like(names, [label] if label else LABEL_NAMES), *_like(names, ID_NAMES)]))


def sentence_ids(frame: Frame) -> list[str | None]:
    """Returns what the file calls the sentence of each record; None where it does not say."""
    names = _like(frame.columns, ID_NAMES)
    if not names:
        return [None] * len(frame)
    values = frame.column(names[0])
    return [None if is_missing(value) or isinstance(value, list | dict) else str(value) for value in values]


def choose(frame: Frame, labels: Labels, *, text: str | None = None, label: str | None = None) -> Columns:
    """Returns the columns to use: those named, else found by name and, for labels, by what stands in them.

    Raises:
        UsageError: A named column is missing, the choice cannot be made, or the first row seems to be no header.
    """
    chosen = _choose(frame, labels, text=text, label=label)
    position = frame.columns.index(chosen.label)
    title = frame.first[position] if frame.first else ""
    if labels.id(title) is not None and normalise(title) not in LABEL_NAMES:
        what = f"the first row seems to be no header: {title[:40]!r} is a label"
        raise UsageError(what, frame.where, "add --no-header if it is a row, --header if it is not")
    return chosen


def _choose(frame: Frame, labels: Labels, *, text: str | None, label: str | None) -> Columns:
    if not frame.first and frame.columns == _numbers(len(frame.columns)):
        guess = _unnamed(frame, labels, text=text, label=label)
        text, label = text or guess[0], label or guess[1]
    text_column = named(frame, text, "--text-column") if text else _by_name(frame, labels)
    if label:
        return Columns(text=text_column, label=named(frame, label, "--label-column"))
    found = [name for name in _like(frame.columns, LABEL_NAMES) if name != text_column]
    if not found:
        raise UsageError(f"no label column among {_list(frame)}", frame.where, "name it with --label-column")
    shares = {name: _share(frame, labels, name) for name in found}
    best = max(found, key=shares.__getitem__)  # the first of equals, so `label` before `intent`
    if shares[best] == 0 and len(found) > 1:
        raise UsageError(
            f"none of the columns {', '.join(map(repr, found))} has labels of this task; {_list(frame)}",
            frame.where,
            "name the right one with --label-column",
        )
    _once(frame, best, "--label-column")
    # Where an id and a name stand side by side, as in the paper's files, they must agree. A few odd names are rows to
    # report; a column that is mostly something else is no label column at all.
    checks = [name for name in found if name != best and _share(frame, labels, name, names_only=True) >= _MOSTLY]
    if not checks:
        return Columns(text=text_column, label=best)
    if _agreement(frame, labels, best, checks[0]) < _MOSTLY:  # the numbers are no ids: the names say what is meant
        return Columns(text=text_column, label=checks[0])
    return Columns(text=text_column, label=best, check=checks[0])


def without_header(frame: Frame, labels: Labels) -> Frame:
    """Returns the frame of a file whose first row is plainly no header, with that row; any other as it is.

    Plainly: no column has a usual name, and just one has a label at its head and labels below it.
    """
    if not frame.first or _like(frame.columns, (*TEXT_NAMES, *LABEL_NAMES)):
        return frame
    if len(_columns_of_labels(frame, labels, frame.first)) != 1 or len(set(frame.first)) != len(frame.first):
        return frame
    numbers = _numbers(len(frame.columns))
    rename = dict(zip(frame.columns, numbers, strict=True))

    def renamed(row: FileRow) -> FileRow:
        lines = tuple({rename[name]: value for name, value in line.items()} for line in row.lines)
        return row._replace(cells={rename[name]: value for name, value in row.cells.items()}, lines=lines)

    first = dict(zip(frame.columns, frame.first, strict=True))
    return Frame(
        where=frame.where,
        columns=numbers,
        values={rename[name]: [first[name], *values] for name, values in frame.values.items()},
        lines=[1, *frame.lines],
        marked={place + 1: renamed(row) for place, row in frame.marked.items()},
    )


def _numbers(length: int) -> tuple[str, ...]:
    return tuple(map(str, range(1, length + 1)))


def _columns_of_labels(frame: Frame, labels: Labels, heads: Sequence[str] | None = None) -> list[str]:
    """Returns the columns that mostly have labels; with `heads`, only those that have one there too."""
    return [
        name
        for position, name in enumerate(frame.columns)
        if (heads is None or labels.id(heads[position]) is not None) and _share(frame, labels, name) >= _MOSTLY
    ]


def _unnamed(frame: Frame, labels: Labels, *, text: str | None, label: str | None) -> tuple[str | None, str | None]:
    """Returns the text and the label column of a frame without names, as far as what stands there says it."""
    found = [name for name in _columns_of_labels(frame, labels) if name != text]
    label = label or (found[0] if len(found) == 1 else None)
    others = [name for name in frame.columns if name != label]
    text = text or (others[0] if len(others) == 1 else None)
    if text is None or label is None:
        row = [(name, values[0]) for name in list(frame.values)[:8] if (values := frame.readable(name))]
        shown = ", ".join(f"{name} {str(value)[:30]!r}" for name, value in row)
        what = f"the file has no header, and nothing tells which column is which; the first row has {shown}"
        guess = f"--text-column {text or 'N'} --label-column {label or 'N'}"
        raise UsageError(what, frame.where, f"name them by number: {guess}")
    return text, label


def _share(frame: Frame, labels: Labels, name: str, *, names_only: bool = False) -> float:
    """Returns the share of readable rows that have a label in a column, 0 to 1; with `names_only`, one in words."""
    counts = _counts(frame, name)
    good = sum(
        count
        for (value,), count in counts
        if (labels.id(value) is not None or labels.is_skipped(value))
        and not (names_only and is_number(normalise(str(value))))
    )
    return good / max(sum(count for _, count in counts), 1)


def _agreement(frame: Frame, labels: Labels, one: str, other: str) -> float:
    """Returns the share of rows with two labels in which they are the same, 0 to 1; 1 without such rows."""
    same = {True: 0, False: 0}
    for (value, name), count in _counts(frame, one, other):
        a, b = labels.id(value), labels.id(name)
        if a is not None and b is not None and not is_missing(name):
            same[a == b] += count
    return same[True] / sum(same.values()) if any(same.values()) else 1.0


def _counts(frame: Frame, *names: str) -> list[tuple[tuple[Any, ...], int]]:
    """Returns what stands in some columns of a readable row, and in how many rows: each label is read once."""
    columns = [frame.readable(name) for name in names]
    try:
        # By their types, too: 1 and True are equal, and two labels.
        counts = Counter(zip(*columns, *(map(type, column) for column in columns), strict=True))
    except TypeError:  # lists and objects of JSON
        return [(row, 1) for row in zip(*columns, strict=True)]
    return [(row[: len(names)], count) for row, count in counts.items()]


def named(frame: Frame, name: str, flag: str) -> str:
    """Returns the column of that name, whatever its case.

    Raises:
        UsageError: There is none, or two.
    """
    found = [c for c in dict.fromkeys(frame.columns) if c == name] or [
        c for c in dict.fromkeys(frame.columns) if fold_name(c) == fold_name(name)
    ]
    if not found:
        raise UsageError(f"no column {name!r} among {_list(frame)}", frame.where, f"correct {flag}")
    return _once(frame, found[0], flag)


def _by_name(frame: Frame, labels: Labels) -> str:
    found = _like(frame.columns, TEXT_NAMES)
    if not found:
        fix = "name it with --text-column"
        if len(frame.columns) == 1:
            others = [
                word
                for word, sign in (("tab", "\t"), ('";"', ";"), ('"|"', "|"), ('","', ","))
                if sign in frame.columns[0]
            ]
            fix = f"is the delimiter another one? add --delimiter {others[0]}" if others else fix
        elif len(frame) == 1 and (lists := json_records.paths(frame.rows[0].cells)):
            fix = f"say where the records stand: --records {lists[0]}"
        elif any(labels.id(title) is not None for title in frame.first):
            fix += ", or add --no-header if the first line is a row"
        raise UsageError(f"no text column among {_list(frame)}", frame.where, fix)
    return _once(frame, found[0], "--text-column")


def _like(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Returns the columns that have one of the names, in the order of the names."""
    wanted = list(map(fold_name, names))
    return [c for name in wanted for c in dict.fromkeys(columns) if fold_name(c) == name]


def _once(frame: Frame, name: str, flag: str) -> str:
    if frame.columns.count(name) > 1:
        raise UsageError(f"two columns are called {name!r}", frame.where, f"rename one and use {flag}")
    return name


def _list(frame: Frame) -> str:
    shown = ", ".join(repr(name[:40]) for name in frame.columns[:12])
    return f"the columns {shown}{' ...' if len(frame.columns) > 12 else ''}"
