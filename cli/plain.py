"""Values of flags that are plainly what they should be, taken as they are.

typer checks the value of every flag with pydantic, which takes longer to import than a command whose result is there
takes in all. Here: the types of our flags, and values that need no more than Python's own. Not here: what is wrong with
any other value, which typer is asked about as ever.
"""

import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperGroup

from sdc.cli.help import Helped

_INT, _FLOAT = (re.compile(pattern, re.ASCII) for pattern in (r"-?\d{1,15}", r"-?\d{1,15}(\.\d{1,15})?"))
#: What stands for a value that typer has to look at.
_OTHER = object()


class PlainGroup(Helped, TyperGroup):
    """A group of commands whose own flags are taken so."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the flags of the group."""
        take(self.get_params(ctx))
        return super().parse_args(ctx, args)


def take(parameters: Iterable[Any]) -> None:
    """Makes parameters of a command take plain values as they are."""
    for parameter in parameters:
        described = getattr(parameter, "type_descriptor", None)
        if described is not None:
            parameter.process_value = partial(_processed, parameter, parameter.process_value)


def _processed(parameter: Any, usual: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    many = parameter.multiple if hasattr(parameter, "multiple") else False
    taken = _OTHER
    if value is None and not parameter.required:
        taken = () if many or parameter.nargs == -1 else None
    elif value is not None:
        taken = _taken(value, parameter.type_descriptor.annotation, parameter.type_descriptor.parameter_info)
    if taken is _OTHER:
        return usual(context, value)
    return taken if parameter.callback is None else parameter.callback(context, parameter, taken)


def _taken(value: Any, kind: Any, about: Any) -> Any:
    """Returns a plain value as its flag has it, or `_OTHER`.

    Args:
        value: What was typed, or the default.
        kind: The type of the flag.
        about: What typer knows of it beside that.
    """
    if about.parser is not None:
        return _OTHER
    (item, *_) = get_args(kind) or (None,)
    if item is not None:
        many = [_taken(one, item, about) for one in value] if isinstance(value, list | tuple) and value else [_OTHER]
        return many if get_origin(kind) is list and _OTHER not in many else _OTHER
    if kind is str:
        return value if isinstance(value, str) and _is_text(value) else _OTHER
    if kind is Path:
        return _path(value, about)
    if kind in (int, float):
        return _number(value, kind, about)
    return _OTHER


def _number(value: Any, kind: Any, about: Any) -> Any:
    if isinstance(value, str) and (_INT if kind is int else _FLOAT).fullmatch(value):
        value = kind(value)
    if type(value) is not kind or about.clamp:
        return _OTHER
    above = about.min is None or value >= about.min
    return value if above and (about.max is None or value <= about.max) else _OTHER


def _path(value: Any, about: Any) -> Any:
    """Returns the path, if nothing more is asked of it than that it can be read where it is there."""
    asked = about.exists or about.writable or about.resolve_path or about.allow_dash or about.path_type
    if asked or not (about.file_okay and about.dir_okay) or not value:
        return _OTHER
    if isinstance(value, str) and _is_text(value):
        value = Path(value)
    if not isinstance(value, Path):
        return _OTHER
    there = os.path.exists(value)  # noqa: PTH110 (for this one no name is too long)
    return value if not there or os.access(value, os.R_OK) else _OTHER


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
