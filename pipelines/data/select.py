"""Which rows of a frame belong to the data: by the value of a column, by their label, by their language.

Here: rows that are left out, counted. Not here: rows that cannot be used and stay (`rows.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sdc.cache.counted import counted
from sdc.errors import DataError, UsageError
from sdc.pipelines.data.columns import Columns, named
from sdc.pipelines.data.frame import Frame
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
        found = Counter(map(_text, frame.readable(name)))
        if not any(found[value] for value in values):
            there = _counted(found)
            raise DataError(f"no row has {column}={values[0][:80]}; there is {there}", frame.where, "correct --where")
    if not conditions:
        return frame, 0
    wanted = [(frame.column(named(frame, column, "--where")), set(values)) for column, values in conditions.items()]
    kept = [
        place
        for place in range(len(frame))
        if frame.is_broken(place) or all(_text(there[place]) in values for there, values in wanted)
    ]
    if all(map(frame.is_broken, kept)):
        raise DataError("no row meets all of --where", frame.where, "drop one of its conditions")
    return frame.at(kept), len(frame) - len(kept)


def of_task(frame: Frame, columns: Columns, labels: Labels) -> tuple[Frame, int]:
    """Returns the rows that have a label of the task, and how many have another one; rows without any stay.

    Raises:
        DataError: No row has a label of the task.
    """
    values = frame.column(columns.label)
    if not any(labels.id(value) is not None for value in values):
        raise DataError(f"no row has a label of task {labels.task.name}", frame.where, "check the set")

    def is_other(place: int) -> bool:
        value = values[place]
        is_known = is_missing(value) or labels.id(value) is not None or labels.is_skipped(value)
        return not frame.is_broken(place) and not is_known

    kept = [place for place in range(len(frame)) if not is_other(place)]
    return frame.at(kept), len(frame) - len(kept)


def languages_of(frame: Frame) -> tuple[str, Counter[str]] | None:
    """Returns the column that says in which language each row is, and its values; None if there is none."""
    for name in (c for c in dict.fromkeys(frame.columns) if fold_name(c) in LANGUAGE_NAMES):
        found = Counter(_text(value) for value in frame.readable(name) if not is_missing(value))
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
