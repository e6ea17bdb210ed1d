r"""What is not ours, shown to people: what would act on a terminal is written as its escape.

Texts, labels, names of files, models and tasks, and what a server says may hold control characters (an escape
sequence can set the title of a window or hide a line), C1 codes, lone surrogates, and signs that turn the direction of
what follows. Here: the one function for people, and JSON and CSV that hold such texts. Not here: writing
them (`cli/render.py`).
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

#: Controls, C1 codes, separators of lines, embeddings, overrides and isolates of direction, deprecated and invisible
#: format characters, tags, lone surrogates. Joiners and the marks that Persian or Hebrew texts hold stay as they are.
_ACTS = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
#: A cell that begins so is a formula to a spreadsheet program.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def visible(text: str, *, keep: str = "") -> str:
    r"""Returns a text in which everything that acts on a terminal stands as its escape.

    >>> visible("a\x1b[31mb\u202e"), visible("ten\tmore\n", keep="\n")
    ('a\\x1b[31mb\\u202e', 'ten\\tmore\n')

    Args:
        text: From anywhere.
        keep: Characters that stay as they are.
    """
    return _ACTS.sub(lambda found: found[0] if found[0] in keep else repr(found[0])[1:-1], text)


def in_all(value: Any, *, keep: str = "") -> Any:
    r"""Returns a value of dictionaries and lists in which all texts are `visible`.

    >>> in_all({"a": ["b\x1b", 1]})
    {'a': ['b\\x1b', 1]}
    """
    if isinstance(value, str):
        return visible(value, keep=keep)
    if isinstance(value, Mapping):
        return {name: in_all(inner, keep=keep) for name, inner in value.items()}
    return [in_all(inner, keep=keep) for inner in value] if isinstance(value, list | tuple) else value


def as_json(value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None) -> str:
    r"""Returns JSON in which letters stand as they are, and what acts on a terminal as its escape: the same value.

    A number that is not finite is null, for JSON has none.

    >>> as_json({"a": "త\x9b2J\u202e"})
    '{"a": "త\\u009b2J\\u202e"}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=default)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=indent, default=default)
    return _ACTS.sub(lambda found: "\n" if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_csv(rows: Iterable[Sequence[object]], *, safe: bool = False) -> str:
    r"""Returns rows as CSV; None is an empty field.

    >>> as_csv([["a", 1], ["=1+1", -0.5]], safe=True)
    "a,1\n'=1+1,-0.5\n"

    Args:
        rows: The header among them.
        safe: Put an apostrophe before each text that a spreadsheet program would read as a formula.
    """
    import csv
    import io

    lines = []
    for row in rows:
        line = io.StringIO()
        # With another end of the line a cell that holds a return would stand there without quotes.
        csv.writer(line, lineterminator="\r\n").writerow([_unread(cell) for cell in row] if safe else row)
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def _unread(cell: object) -> object:
    """Returns a cell that no spreadsheet program reads as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA) else cell
