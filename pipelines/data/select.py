"""Which rows of a frame belong to the data: by the value of a column, by their label, by their language.

Here: rows that are left out, counted. Not here: rows that cannot be used and stay (`rows.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sdc.cache.counted import counted
from sdc.errors import DataError, UsageError
from sdc.pipelines.data.columns import Columns, named
from sdc.pipelines.data.files import FileRow, Frame
from sdc.pipelines.data.labels import Labels, is_missing
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.folding import fold_name

#: Columns that may say in which language a row is.
LANGUAGE_NAMES = ("lang", "language", "locale", "lang_code", "language_code", "iso639")
_SHOWN = 6


def where(frame: Frame, conditions: Mapping[str, Sequence[str]]) -> tuple[Frame, int]:
    """Returns the rows that meet all conditions, and how many were left out; rows that cannot be read stay.

    Args:
        frame: The rows.
        conditions: Column -> the values of which it must have one, compared as text.

    Raises:
        UsageError: There is no such column.
        DataError: No row has one of the values.
    """
    for column, values in conditions.items():
        name = named(frame, column, "--where")
        found = Counter(_text(record.cells.get(name)) for record in frame.records if record.broken is None)
        if not any(found[value] for value in values):
            there = _counted(found)
            raise DataError(f"no row has {column}={values[0][:80]}; there is {there}", frame.where, "correct --where")
    if not conditions:
        return frame, 0
    wanted = {named(frame, column, "--where"): set(values) for column, values in conditions.items()}
    kept = tuple(
        record
        for record in frame.records
        if record.broken is not None or all(_text(record.cells.get(name)) in wanted[name] for name in wanted)
    )
    if not any(record.broken is None for record in kept):
        raise DataError("no row meets all of --where", frame.where, "drop one of its conditions")
    return replace(frame, records=kept), len(frame.records) - len(kept)


def of_task(frame: Frame, columns: Columns, labels: Labels) -> tuple[Frame, int]:
    """Returns the rows that have a label of the task, and how many have another one; rows without any stay.

    Raises:
        DataError: No row has a label of the task.
    """
    if not any(labels.id(record.cells.get(columns.label)) is not None for record in frame.records):
        raise DataError(f"no row has a label of task {labels.task.name}", frame.where, "check the set")

    def is_other(record: FileRow) -> bool:
        value = record.cells.get(columns.label)
        is_known = is_missing(value) or labels.id(value) is not None or labels.is_skipped(value)
        return record.broken is None and not is_known

    kept = tuple(record for record in frame.records if not is_other(record))
    return replace(frame, records=kept), len(frame.records) - len(kept)


def languages_of(frame: Frame) -> tuple[str, Counter[str]] | None:
    """Returns the column that says in which language each row is, and its values; None if there is none."""
    for name in (c for c in dict.fromkeys(frame.columns) if fold_name(c) in LANGUAGE_NAMES):
        found = Counter(
            _text(value)
            for record in frame.records
            if record.broken is None and not is_missing(value := record.cells.get(name))
        )
        if found and len(found) < 1000 and any(languages.named(value) for value in found):
            return name, found
    return None


def check_language(frame: Frame, tag: str, *, told: Iterable[str] = ()) -> None:
    """Fails if a column says that rows are in another language than the one they are added as.

    Args:
        frame: The rows.
        tag: The language they are added as.
        told: Columns that the user has chosen rows by: what they say is known.

    Raises:
        UsageError: Which languages there are, and how to take one.
    """
    about = languages_of(frame)
    if about is None or about[0].casefold() in {name.casefold() for name in told}:
        return
    name, found = about
    others = [value for value in found if languages.named(value) and not languages.matches(tag, value)]
    if others:
        own = next((value for value in found if languages.matches(tag, value)), None)
        fix = f"take one of them: --where {name}={own or others[0]}" + ("" if own else f" with --lang {others[0]}")
        raise UsageError(f"column {name!r} says that rows are not in {tag}: {_counted(found)}", frame.where, fix)


def of_language(frame: Frame, tag: str) -> tuple[Frame, int]:
    """Returns the rows in a language, where a column says which, and how many are in another one.

    Raises:
        DataError: None is in this language.
    """
    about = languages_of(frame)
    if about is None:
        return frame, 0
    name, found = about
    own = [value for value in found if languages.matches(tag, value)]
    if not own:
        raise DataError(f"no row is in {tag}; column {name!r} has {_counted(found)}", frame.where, "correct --lang")
    return where(frame, {name: own})


def _counted(found: Counter[str]) -> str:
    shown = ", ".join(
        f"{value[:40]} ({counted(count, 'row', commas=True)})" for value, count in found.most_common(_SHOWN)
    )
    return shown + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _text(value: object) -> str:
    """Returns the value of a cell as people write it in a condition."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
