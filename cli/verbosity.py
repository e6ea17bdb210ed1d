"""How much a command says on stderr: `--quiet` errors alone, `--verbose` and `SDC_LOG` more than usual.

Here: the flag, which every command has, and the level of sdc's lines that they mean. Not here: who writes lines
(`pipelines/progress.py`).
"""

import inspect
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, get_type_hints

import typer

from sdc.cli import progress
from sdc.cli.help import OUTPUT
from sdc.errors import UsageError, one_of
from sdc.pipelines import cores
from sdc.pipelines.progress import NOTE, log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "quiet": logging.ERROR}
_NAME = "verbose"
_FLAG: Any = Annotated[
    bool | None,
    typer.Option(
        "--verbose/--quiet",
        help="Also what is asked, cached and retried; or keys and errors only.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]


def with_flag(command: Callable[..., None]) -> Callable[..., None]:
    """Returns a command that takes `--verbose` and `--quiet` besides; one that does already, as it is."""
    signature = inspect.signature(command)
    if _NAME in signature.parameters:
        return command

    def run(*, verbose: bool | None, **given: Any) -> None:
        with chosen(verbose):
            command(**given)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    parameters = [each.replace(kind=each.KEYWORD_ONLY) for each in signature.parameters.values()]
    added = inspect.Parameter(_NAME, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_FLAG)
    run.__signature__ = inspect.Signature([*parameters, added])  # type: ignore[attr-defined]
    run.__annotations__ = {**get_type_hints(command, include_extras=True), _NAME: _FLAG}
    return run


@contextmanager
def chosen(verbose: bool | None) -> Iterator[None]:
    """Says more meanwhile, or nothing but errors; None: as much as `SDC_LOG` wants.

    Raises:
        UsageError: The variable has another value.
    """
    wanted = os.environ.get("SDC_LOG", "").lower()
    if wanted and wanted not in _LEVELS:
        raise UsageError(f"unknown {wanted[:80]!r}", "SDC_LOG", one_of(wanted[:80], _LEVELS))
    usual = _LEVELS.get(wanted, NOTE)
    before, lines = (log.level, log.propagate), _Lines()
    log.setLevel(usual if verbose is None else min(usual, logging.INFO) if verbose else logging.ERROR)
    log.propagate = False  # whatever a library does to the root
    log.addHandler(lines)
    try:
        if cores.said():
            log.info("%s", cores.said())
        yield
    finally:
        log.removeHandler(lines)
        log.setLevel(before[0])
        log.propagate = before[1]


class _Lines(logging.Handler):
    """Writes lines to stderr; those for the curious with the time of day."""

    def emit(self, record: logging.LogRecord) -> None:
        when = time.strftime("%H:%M:%S ") if record.levelno < NOTE else ""
        progress.line(f"{when}{record.getMessage()}")
