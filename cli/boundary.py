"""The error boundary: whatever ends a command becomes one line on stderr and an exit code.

Here: SdcErrors, what typer says of flags, closed pipes, full disks, Ctrl-C. Not here: bugs; their traceback is shown
(`main.py`).
"""

import errno
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.exceptions import TyperException

from sdc.cli.plain import PlainGroup
from sdc.cli.render import fail
from sdc.errors import EngineError, SdcError, StoreError, UsageError, nearest

#: Whether it was said that Ctrl-C ended the command: `__main__.py` says it where nobody has.
stopped = False
#: Whether Ctrl-C has come: some libraries lose it while they are imported, and end with another error.
interrupted = False
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What no file that is named wrongly gives, but a machine that does not work as it should.
_SURROUNDINGS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE,
    errno.ENAMETOOLONG, errno.ELOOP, errno.ENODEV, errno.ENXIO,
)  # fmt: skip


class ErrorBoundary(PlainGroup):
    """The error boundary: every SdcError, and what typer says about flags, becomes one line and its exit code."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parses the command line."""
        with _boundary():
            for argument in args:
                if not _is_text(argument):
                    raise UsageError(f"{argument[:80]!r} is not UTF-8", fix="rename the file, or correct the flag")
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        with _boundary(ctx):
            result = super().invoke(ctx)
            sys.stdout.flush()  # what cannot be written must be known here, not when Python ends
            return result


def on_ctrl_c(number: int, frame: Any) -> None:
    """Handles SIGINT as Python does, and remembers it."""
    global interrupted
    interrupted = True
    signal.default_int_handler(number, frame)


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Takes Ctrl-C as the end of what only looks: nothing was stopped by it."""
    global interrupted
    try:
        yield
    except BaseException as error:
        if not _is_stop(error):
            raise
        interrupted = False


@contextmanager
def _boundary(running: Any = None) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        code = _said(error, running)
        if code is None:
            raise
        raise typer.Exit(code) from error


def _said(error: BaseException, running: Any) -> int | None:
    """Says what ended a command, and returns its exit code; None for what ends it otherwise, and for bugs."""
    global stopped
    if _is_stop(error):
        stopped = True
        fail("stopped; what was finished is kept, and the same command goes on from there")
        return 130
    if isinstance(error, SystemExit):  # rich ends the program by itself
        return 141 if isinstance(error.__context__, BrokenPipeError) else None
    if isinstance(error, BrokenPipeError):  # `sdc ... | head`: the reader has what it wanted
        _mute_stdout()
        return 141
    known = _as_known(error, running)
    if known is None:
        return None
    fail(str(known))
    return known.exit_code


def _is_stop(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: libraries make other errors of it, in imports and in queries."""
    if interrupted and not isinstance(error, SdcError | SystemExit):
        return True
    seen: set[int] = set()
    behind: BaseException | None = error
    while behind is not None and id(behind) not in seen:
        duckdb = type(behind).__name__ == "InterruptException" or (
            isinstance(behind, RuntimeError) and str(behind) == "Query interrupted"
        )
        if duckdb or isinstance(behind, KeyboardInterrupt):
            return True
        seen.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return False


def _as_known(error: BaseException, running: Any) -> SdcError | None:
    """Returns what is not a bug as one of our errors."""
    if isinstance(error, SdcError):
        return error
    if isinstance(error, TyperException):
        if type(error).__name__ == "NoArgsIsHelpError":  # the help of a group; the class itself is private
            return None
        return _as_usage_error(error, running)
    if isinstance(error, OSError) and error.errno in FULL:
        _mute_stdout()
        return StoreError("the disk is full", str(error.filename or "the output"), "free some space and run it again")
    if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
        what = (error.strerror or "it failed").lower()
        return StoreError(f"the system refuses it ({what})", str(error.filename or ""), "see to that and run it again")
    if isinstance(error, MemoryError):
        return EngineError("the memory is used up", fix="give smaller files, --batch-size or --model, or more memory")
    return None


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


#: What typer says of names that are near a wrong one.
_NEAR = re.compile(r"\. Did you mean (?P<command>.*)\?$| \(Possible options: (?P<options>.*)\)$")


def _as_usage_error(error: TyperException, running: Any) -> UsageError:
    context = getattr(error, "ctx", None)
    if context is not None:
        path = context.command_path
    else:  # typer forgets it where an option lacks its value
        path = f"sdc {running.invoked_subcommand}" if running is not None and running.invoked_subcommand else "sdc"
    text = error.format_message().rstrip(".").replace(": Value error, ", ": ")  # typer asks pydantic for some values
    near = _NEAR.search(text)
    what = _NEAR.sub("", text)
    hint = None
    if near is not None:
        hint = f"did you mean {near['command']}?" if near["command"] else _near_flag(what, near["options"].split(", "))
    fix = f"{hint} " if hint else ""
    return UsageError(what[:1].lower() + what[1:], "" if path == "sdc" else path, f"{fix}see `{path} --help`")


def _near_flag(what: str, flags: Sequence[str]) -> str | None:
    """Returns the question after the flag that is near; their dashes alone make no two flags alike."""
    words = {flag.lstrip("-"): flag for flag in flags}
    near = nearest(what.split()[-1].lstrip("-"), words)
    return None if near is None else f"did you mean {words[near]!r}?"


def _mute_stdout() -> None:
    """Lets what is still in the buffer of stdout go nowhere, or Python would complain at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
