"""The error boundary: whatever ends a command becomes one line on stderr and an exit code.

Here: SdcErrors, what typer says of flags, closed pipes, full disks, Ctrl-C. Not here: bugs; their traceback is shown.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from sdc.cli.render import fail
from sdc.errors import SdcError, StoreError, UsageError


class Group(TyperGroup):
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


@contextmanager
def _boundary(running: Any = None) -> Iterator[None]:
    try:
        yield
    except SdcError as error:
        fail(str(error))
        raise typer.Exit(error.exit_code) from error
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help of a group; the class itself is private
            raise
        usage = _as_usage_error(error, running)
        fail(str(usage))
        raise typer.Exit(usage.exit_code) from error
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):  # rich ends the program by itself
            raise
        raise typer.Exit(141) from None
    except BrokenPipeError:  # `sdc ... | head`: the reader has what it wanted
        _mute_stdout()
        raise typer.Exit(141) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _mute_stdout()
        full = StoreError("the disk is full", str(error.filename or "the output"), "free some space and run it again")
        fail(str(full))
        raise typer.Exit(full.exit_code) from error
    except KeyboardInterrupt:
        fail("stopped; what was finished is kept, and the same command goes on from there")
        raise typer.Exit(130) from None


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_usage_error(error: TyperException, running: Any) -> UsageError:
    context = getattr(error, "ctx", None)
    if context is not None:
        path = context.command_path
    else:  # typer forgets it where an option lacks its value
        path = f"sdc {running.invoked_subcommand}" if running is not None and running.invoked_subcommand else "sdc"
    text = error.format_message().rstrip(".")
    return UsageError(text[:1].lower() + text[1:], "" if path == "sdc" else path, f"see `{path} --help`")


def _mute_stdout() -> None:
    """Lets what is still in the buffer of stdout go nowhere, or Python would complain at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
