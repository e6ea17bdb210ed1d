"""TOML tables that a user writes: checked against what may stand in them, with the nearest name where one is unknown.

Here: reading, `--set`, `--only`, values from the environment. Not here: what the tables mean (`run/file.py`,
`report/claims/file.py`).
"""

import copy
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from types import UnionType
from typing import Any, get_args, get_origin

from sdc.errors import UsageError, suggestion

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def nearest(name: str, known: Collection[str]) -> str:
    """Returns what to do about an unknown name.

    >>> nearest("repeat", ["repeats", "sizes"])
    "did you mean 'repeats'?"
    >>> nearest("x", ["repeats", "sizes"])
    'known are repeats, sizes'
    """
    return suggestion(name, known) or f"known are {', '.join(known)}"


def check_names(raw: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raises a UsageError that names the nearest known key if there is one that is not known."""
    for name in raw:
        if name not in known:
            raise UsageError(f"unknown key {name[:80]!r}", where, nearest(name, known))


def typed(value: Any, hint: Any, where: str) -> Any:
    """Returns a value as the type wants it: one value stands for a list of one where a tuple is wanted.

    >>> typed("te", tuple[str, ...], "cells.lang"), typed(3, float, "stop.cost")
    (('te',), 3.0)

    Raises:
        UsageError: It has another type.
    """
    if get_origin(hint) is tuple:
        part = get_args(hint)[0]
        return tuple(typed(item, part, where) for item in (value if isinstance(value, list | tuple) else [value]))
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option is int and isinstance(value, bool):
            continue
        if isinstance(option, type) and isinstance(value, option):
            return value
        if get_origin(option) is tuple:
            return typed(value, option, where)
    names = " or ".join(getattr(option, "__name__", str(option)) for option in options if option is not type(None))
    raise UsageError(f"{str(value)[:80]!r} is no {names}", where, "correct it")


def parse(text: str, where: str, *, see: str = "docs/experiments.md") -> dict[str, Any]:
    """Returns the tables of a file; `see` is the page that says what stands in it.

    Raises:
        UsageError: It is no TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"not valid TOML: {error}", where, f"see {see}") from error


def with_environment(value: Any, where: str) -> Any:
    """Returns a value in which every `${NAME}` is what the environment says.

    Raises:
        UsageError: The environment does not have one of them.
    """
    if isinstance(value, Mapping):
        return {name: with_environment(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [with_environment(item, where) for item in value]
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if name not in os.environ:
            raise UsageError(f"${{{name}}} is not in the environment", where, f"export {name}=...")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], value)


def variables(text: str) -> list[str]:
    """Returns the names of the variables that a text takes from the environment, each once.

    >>> variables('from = "paper:${DATA}"')
    ['DATA']
    """
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def with_set(raw: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Returns the tables with single values replaced, as `--set` gives them.

    >>> with_set({"sample": {"repeats": 20}}, ["sample.repeats=3"])
    {'sample': {'repeats': 3}}
    >>> with_set({"students": [{"method": "lora"}, {"method": "icl"}]}, ["students.1.shots=4"])["students"][1]
    {'method': 'icl', 'shots': 4}

    Raises:
        UsageError: One is no PATH=VALUE, or leads nowhere.
    """
    found: dict[str, Any] = copy.deepcopy(dict(raw))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        names = [name.strip() for name in path.split(".")]
        if not equals or not all(names):
            raise UsageError(f"{assignment[:80]!r} is not PATH=VALUE", "--set", "write it as sample.repeats=3")
        _put(found, names, _value(text.strip()), assignment)
    return found


def _put(table: Any, names: Sequence[str], value: Any, assignment: str) -> None:
    *path, last = names
    for name in path:
        if isinstance(table, list) and name.isdecimal() and int(name) < len(table):
            table = table[int(name)]
        elif isinstance(table, dict):
            table = table.setdefault(name, {})
        else:
            raise UsageError(f"{assignment[:80]!r} leads nowhere", "--set", "write it as students.0.epochs=3")
    if not isinstance(table, dict):
        raise UsageError(f"{assignment[:80]!r} leads nowhere", "--set", "write it as students.0.epochs=3")
    table[last] = value


def _value(text: str) -> Any:
    """Returns a value as TOML reads it; what TOML cannot read is a text, or a list of texts at commas."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text if "," not in text else [part.strip() for part in text.split(",") if part.strip()]


def conditions(given: Sequence[str], known: Collection[str]) -> dict[str, set[str]]:
    """Returns what `--only` wants, by path.

    >>> sorted(conditions(["students.method=lora,icl"], ["students.method"])["students.method"])
    ['icl', 'lora']

    Raises:
        UsageError: One is no PATH=VALUE, or there is no such path.
    """
    found: dict[str, set[str]] = {}
    for condition in given:
        path, equals, text = condition.partition("=")
        if not equals or path.strip() not in known:
            fix = nearest(path.strip(), known) if equals else "write it as students.method=lora"
            raise UsageError(f"{condition[:80]!r} selects nothing", "--only", fix)
        found.setdefault(path.strip(), set()).update(part.strip() for part in text.split(",") if part.strip())
    return found
