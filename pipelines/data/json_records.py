"""JSON files: objects line by line, one list of objects, or an object that holds such a list.

Here: objects, and what stands where an object belongs. Not here: files and their encoding (`files.py`), which
field is what (`columns.py`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from sdc.errors import DataError, UsageError

_LISTS_SHOWN = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One record.

    Args:
        line: Where it stands: the line, or its position in a list, counted from 1.
        cells: Its fields; empty if it is broken.
        broken: Why it cannot be read, or None.
        raw: What stands in the file, of a broken record.
    """

    line: int
    cells: Mapping[str, Any] = field(default_factory=dict)
    broken: str | None = None
    raw: str = ""


def items(file: TextIO, *, where: str, records: str | None = None) -> Iterator[Item]:
    """Yields the records of a file.

    Args:
        file: Its text, from the beginning; it must be possible to go back to it.
        where: The file, for errors.
        records: Where the list of records stands in one object: `data`, or `data.items`.

    Raises:
        UsageError: There is no list at `records`, or it must be named.
    """
    whole = _whole(file, where=where, asked=records is not None)
    if records is not None:
        yield from _of_list(_at(whole, records, where), word=f"{records} ")
    elif isinstance(whole, list):
        yield from _of_list(whole)
    elif whole is not None:
        turned = _of_columns(whole)
        if turned is None:
            raise _one_object(whole, where)
        yield from _of_list(turned)
    else:
        yield from _of_lines(file)


def _whole(file: TextIO, *, where: str, asked: bool) -> Any:
    """Returns the value of a file that is one list of records or one object over several lines; None if it is lines."""
    first = next((line for line in file if line.strip()), "")
    second = next((line for line in file if line.strip()), None)
    file.seek(0)
    is_line = _is_json(first)
    if not asked and is_line and second is None and isinstance(alone := json.loads(first), dict) and _of_columns(alone):
        return alone
    if not asked and (first.lstrip()[:1] not in ("[", "{") or (is_line and first.lstrip()[0] == "{")):
        return None
    try:
        whole = json.load(file)
    except (ValueError, RecursionError) as error:
        if asked or (not is_line and first.lstrip()[0] == "["):
            raise DataError(
                f"the file is no JSON ({error})", where, "write it again, or as one object per line"
            ) from error
        whole = None  # lines, of which the first is broken or a list
    file.seek(0)
    return (
        whole if asked or isinstance(whole, dict) or (isinstance(whole, list) and _is_list_of_records(whole)) else None
    )


def _of_columns(whole: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Returns the records of an object that holds them in another way than a list of objects; None if it does not.

    These are the ways in which `DataFrame.to_json` writes a table, and columns that are lists.

    >>> _of_columns({"text": ["a", "b"], "label": [0, 1]})
    [{'text': 'a', 'label': 0}, {'text': 'b', 'label': 1}]
    >>> _of_columns({"text": {"0": "a"}, "label": {"0": 0}}) == _of_columns({"0": {"text": "a", "label": 0}})
    True
    >>> _of_columns({"columns": ["text"], "index": [0], "data": [["a"]]}), _of_columns({"text": "a", "labels": ["b"]})
    ([{'text': 'a'}], None)
    """
    values = list(whole.values())
    if whole.keys() - {"index"} == {"columns", "data"} and all(isinstance(value, list) for value in values):
        names, rows = whole["columns"], whole["data"]
        if all(isinstance(name, str) for name in names) and all(_is_row(row, len(names)) for row in rows):
            return [dict(zip(names, row, strict=True)) for row in rows]
    elif values and all(isinstance(value, list) for value in values):
        if len(set(map(len, values))) == 1 and values[0] and all(_is_row(value, len(value)) for value in values):
            return [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
    elif values and all(isinstance(value, dict) for value in values):
        inner = {name: None for value in values for name in value}
        is_numbered, are_rows_numbered = _are_numbers(inner), _are_numbers(whole)
        if is_numbered and not are_rows_numbered and all(value.keys() == values[0].keys() for value in values):
            return [{name: value[number] for name, value in whole.items()} for number in inner]
        if are_rows_numbered and not is_numbered and inner:
            return values
    return None


def _is_row(value: Any, number: int) -> bool:
    return isinstance(value, list) and len(value) == number and not any(isinstance(v, list | dict) for v in value)


def _are_numbers(names: Iterable[str]) -> bool:
    found = list(names)
    return bool(found) and all(name.isascii() and name.isdecimal() for name in found)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_list_of_records(whole: Sequence[Any]) -> bool:
    return not whole or any(isinstance(item, dict) for item in whole)


def _at(whole: Any, path: str, where: str) -> list[Any]:
    value = whole
    for position, name in enumerate(path.split(".")):
        if not isinstance(value, dict) or name not in value:
            there = f"it has {_lists(value)}" if isinstance(value, dict) else f"there is a {type(value).__name__}"
            before = ".".join(path.split(".")[:position]) or "the file"
            raise UsageError(f"no {name[:80]!r} in {before[:80]}; {there}", where, "correct --records")
        value = value[name]
    if not isinstance(value, list):
        raise UsageError(f"{path[:80]} is a {type(value).__name__}, not a list", where, "correct --records")
    return value


def _one_object(whole: Mapping[str, Any], where: str) -> UsageError:
    found = paths(whole)
    if found:
        fix = f"say where the records stand: --records {found[0]}"
        return UsageError(f"the file is one JSON object; it has {_lists(whole)}", where, fix)
    return UsageError("the file is one JSON object without a list of records", where, "write one JSON object per line")


def _lists(value: Mapping[str, Any]) -> str:
    found = paths(value)
    if not found:
        return "no list of records"
    more = " ..." if len(found) > _LISTS_SHOWN else ""
    return "the lists " + ", ".join(found[:_LISTS_SHOWN]) + more


def paths(value: Mapping[str, Any], *, depth: int = 3) -> list[str]:
    """Returns the paths of lists of objects, the nearest first."""
    here = [str(name) for name, item in value.items() if isinstance(item, list) and _is_list_of_records(item)]
    deeper = [
        f"{name}.{path}"
        for name, item in value.items()
        if isinstance(item, dict) and depth > 1
        for path in paths(item, depth=depth - 1)
    ]
    return here + deeper


def _of_list(values: Sequence[Any], *, word: str = "") -> Iterator[Item]:
    for number, value in enumerate(values, start=1):
        if isinstance(value, dict):
            yield Item(line=number, cells=value)
        else:
            why = f"{word}item {number}: {type(value).__name__} where an object belongs"
            yield Item(line=number, broken=why, raw=json.dumps(value, ensure_ascii=False))


def _of_lines(file: TextIO) -> Iterator[Item]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Item(line=number, broken=f"line {number}: not JSON ({error})", raw=line.rstrip("\r\n"))
            continue
        if isinstance(value, dict):
            yield Item(line=number, cells=value)
        else:
            why = f"line {number}: {type(value).__name__} where an object belongs"
            yield Item(line=number, broken=why, raw=line.rstrip("\r\n"))
