"""The folder that an export becomes: under its name it is whole or not there.

Here: temporary folder, rename, what may be replaced. Not here: what is written into it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sdc.cache import scratch
from sdc.errors import StoreError, UsageError, system_reason

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
def writing(out: Path, *, force: bool, notes: Path | None = None) -> Iterator[Path]:
    """Gives an empty temporary folder beside `out`, which becomes `out` at the end, or goes if anything fails.

    Args:
        out: The folder to make.
        force: Replace an earlier export.
        notes: Where the store notes what is being written, so that `sdc store gc` finds what a kill leaves.

    Raises:
        UsageError: Somebody filled `out` meanwhile.
        StoreError: The place cannot be written.
    """
    try:
        place = out.resolve()
        place.parent.mkdir(parents=True, exist_ok=True)
        for path in scratch.left_beside(place):
            shutil.rmtree(path, ignore_errors=True)
    except (OSError, ValueError) as error:
        raise _unwritable(out, error) from error
    try:
        with scratch.beside(place, notes) as temporary:
            yield temporary
            check(out, force=force)
            _replace(temporary, place)
    except OSError as error:
        raise _unwritable(out, error) from error


def _replace(temporary: Path, place: Path) -> None:
    old = temporary.with_suffix(".old")
    if place.is_dir():
        place.rename(old)
    try:
        temporary.rename(place)
    except OSError:
        with suppress(OSError):
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(out: Path, error: Exception) -> StoreError:
    what = f"cannot write the folder ({system_reason(error)})"
    return StoreError(what, str(out)[:200], "check the path, permissions and free space")
