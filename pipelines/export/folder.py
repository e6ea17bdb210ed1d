"""The folder that an export becomes: under its name it is whole or not there.

Here: temporary folder, rename, what may be replaced. Not here: what is written into it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sdc.errors import StoreError, UsageError

#: Only a folder with this file may be replaced: `--force --out ~` must not empty a home.
_MARK = "sdc.json"


def check(out: Path, *, force: bool) -> None:
    """Raises a UsageError if the folder may not be written."""
    try:
        if not os.path.lexists(out):
            return
        if not out.is_dir():
            raise UsageError("there is a file of that name", str(out), "name another folder with --out")
        if not any(out.iterdir()):
            return
        if not force:
            raise UsageError("the folder is not empty", str(out), "name another one, or replace it with --force")
        if not (out / _MARK).is_file():
            what = f"the folder is no earlier export ({_MARK} is missing), so it is not replaced"
            raise UsageError(what, str(out), "name another folder with --out")
    except (OSError, ValueError) as error:
        raise _unwritable(out, error) from error


@contextmanager
def writing(out: Path, *, force: bool) -> Iterator[Path]:
    """Gives an empty temporary folder beside `out`, which becomes `out` at the end, or goes if anything fails.

    Raises:
        UsageError: Somebody filled `out` meanwhile.
        StoreError: The place cannot be written.
    """
    try:
        place = out.resolve()
        temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(place)
        temporary.mkdir()
    except (OSError, ValueError) as error:
        raise _unwritable(out, error) from error
    try:
        yield temporary
        check(out, force=force)
        _replace(temporary, place)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(temporary: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.{os.getpid()}.old")
    if place.is_dir():
        place.rename(old)
    try:
        temporary.rename(place)
    except OSError:
        with suppress(OSError):
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(place: Path) -> None:
    """Removes what killed exports to the same name left."""
    for path in place.parent.glob(f".{_literal(place.name)}.*"):
        pid, _, kind = path.name.removeprefix(f".{place.name}.").partition(".")
        if kind in ("tmp", "old") and pid.isdecimal() and not _is_running(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _unwritable(out: Path, error: Exception) -> StoreError:
    what = (getattr(error, "strerror", None) or str(error)).lower()
    return StoreError(f"cannot write the folder ({what})", str(out)[:200], "check the path, permissions and free space")
